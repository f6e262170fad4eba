"""A generation, as a server with OpenAI's API is asked for it."""

from collections.abc import Mapping
from typing import Any, Final

from mnemo.inference.generation import Generation, Sampling, UnfitRequest
from mnemo.inference.servers import ServerModel

CHAT: Final = "/chat/completions"
TEXT: Final = "/completions"

_NO_LONGER_MAX_TOKENS: Final = ("api.openai.com",)


def path_of(request: Generation) -> str:
    """Where it is asked for."""
    return TEXT if isinstance(request.prompt, str) else CHAT


def content_of(request: Generation, server: ServerModel) -> Mapping[str, Any]:
    """
    What is asked. Raises L{UnfitRequest}.

    What not every server knows is said only where it is not as usual: some refuse what they do
    not know.
    """
    if request.grammar:
        raise UnfitRequest("A server takes a JSON Schema, and no grammar.")
    content: dict[str, Any] = {
        "model": server.model,
        # Streamed even where nobody listens: closing the connection then ends it at once.
        "stream": True,
        "stream_options": {"include_usage": True},
        **_sampling(request.sampling),
    }
    newer = server.host in _NO_LONGER_MAX_TOKENS
    content["max_completion_tokens" if newer else "max_tokens"] = request.max_tokens
    if request.stop:
        content["stop"] = list(request.stop)
    if isinstance(request.prompt, str):
        content["prompt"] = request.prompt
        if request.logprobs is not None:
            content["logprobs"] = request.logprobs
    else:
        content["messages"] = [
            {"role": message.role, "content": message.content, **message.more}
            for message in request.prompt
        ]
        if request.logprobs is not None:
            content |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.tools:
        content["tools"] = list(request.tools)
    if request.schema is not None:
        content["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": request.schema, "strict": True},
        }
    return content


def _sampling(sampling: Sampling) -> Mapping[str, Any]:
    said: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.temperature > 0:
        said["top_p"] = sampling.top_p
    if sampling.seed is not None:
        said["seed"] = sampling.seed
    if sampling.logit_bias:
        said["logit_bias"] = {str(token): bias for token, bias in sampling.logit_bias.items()}
    usual = Sampling()
    for name in ("top_k", "min_p", "repeat_penalty", "frequency_penalty", "presence_penalty"):
        value = getattr(sampling, name)
        if value != getattr(usual, name):
            said[name] = value
    return said
