"""C{/v1/completions}: a text that a model goes on with."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mnemo.api.answers import Told, new_id
from mnemo.api.openai_errors import ApiError
from mnemo.api.openai_requests import CompletionRequest, refuse
from mnemo.api.openai_sampling import (
    TIMEOUT,
    priority_of,
    refuse_many,
    sampling_of,
    stops_of,
)
from mnemo.inference.generation import Completion, Generation, TokenChoice

TOKENS: Final = 16
"""How long an answer may be where the request does not say, as OpenAI's API has it."""


def generation_of(asked: CompletionRequest, session: str) -> Generation:
    """What is asked of the model. Raises L{ApiError}."""
    refuse_many(asked)
    if asked.echo:
        raise refuse("echo", "echo is not supported: the answer does not repeat the prompt.")
    if asked.suffix:
        raise refuse("suffix", "suffix is not supported: a text is gone on with at its end.")
    if asked.best_of not in (None, 1):
        raise refuse("best_of", "best_of is not supported: each request has one answer.")
    return Generation(
        prompt=_prompt(asked),
        max_tokens=asked.max_tokens or TOKENS,
        sampling=sampling_of(asked),
        stop=stops_of(asked),
        logprobs=asked.logprobs,
        priority=priority_of(asked),
        session=session,
        timeout=TIMEOUT,
    )


class CompletionTold(Told):
    """How the rest of a text is told."""

    kind = chunk_kind = "text_completion"

    def __init__(self, asked: CompletionRequest, model: str, created: int) -> None:
        options = asked.stream_options
        super().__init__(
            new_id("cmpl"), model, created, options is not None and options.include_usage
        )
        self._logprobs = asked.logprobs is not None
        self._offset = 0

    def piece(self, text: str, choices: Sequence[TokenChoice]) -> Mapping[str, Any]:
        """A piece of the text."""
        return _choice(text, None, self._columns(choices) if choices else None)

    def last(
        self, completion: Completion, choices: Sequence[TokenChoice]
    ) -> Sequence[Mapping[str, Any]]:
        """Why it ends."""
        return [_choice("", completion.finish, self._columns(choices) if choices else None)]

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        """The text in one."""
        return _choice(completion.text, completion.finish, self._columns(completion.choices))

    def _columns(self, choices: Sequence[TokenChoice]) -> Mapping[str, Any] | None:
        """Log probabilities, where they are wanted."""
        if not self._logprobs:
            return None
        columns = _columns(choices, self._offset)
        self._offset += sum(len(choice.text) for choice in choices)
        return columns


def _prompt(asked: CompletionRequest) -> str:
    prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
    if prompts and not isinstance(prompts[0], str):
        raise refuse("prompt", "prompt has numbers of tokens; send text.")
    if len(prompts) != 1:
        raise ApiError(400, f"prompt has {len(prompts)} texts; send one a request.", param="prompt")
    return str(prompts[0])


def _choice(
    text: str, finish: str | None, logprobs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _columns(choices: Sequence[TokenChoice], offset: int) -> dict[str, Any]:
    """
    Log probabilities as this older address has them: a list of each thing.

    @param offset: where in the text the first of the tokens begins
    """
    offsets = [offset]
    for choice in choices:
        offsets.append(offsets[-1] + len(choice.text))
    return {
        "tokens": [str(choice.text) for choice in choices],
        "token_logprobs": [choice.logprob for choice in choices],
        "top_logprobs": [
            {str(text): logprob for text, logprob in choice.likeliest} for choice in choices
        ],
        "text_offset": offsets[:-1],
    }
