"""From what is asked of a language model to what it computes on. Done on the inference thread."""

from collections.abc import Sequence

from attrs import frozen

from mnemo.inference.chat import Template
from mnemo.inference.generation import Generation, Message, UnfitRequest
from mnemo.inference.grammar import of_schema
from mnemo.inference.prefix_cache import common
from mnemo.inference.run import Prompt
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.text_stream import Thinking


@frozen
class Prepared:
    """
    A request that can run: its sampler is open.

    @ivar thinking: how to tell thoughts from the answer, where there may be some
    """

    prompt: Prompt
    thinking: Thinking | None


def prepare(
    backend: IGenerationBackend, template: Template, run: int, request: Generation
) -> Prepared:
    """
    Make the prompt of a request in tokens, and its sampler under the number C{run}.

    @raise UnfitRequest: it cannot be done as it is asked
    """
    thinking = None
    text = request.prompt
    fixed: Sequence[int] = ()
    if not isinstance(text, str):
        messages = text
        text = template.render(messages, tools=request.tools, think=request.think)
        thinking = template.thinking(text)
        fixed = _fixed(backend, template, messages[: request.fixed], request)
    tokens = backend.tokenize(text)
    grammar = request.grammar
    if request.schema is not None:
        grammar = of_schema(request.schema)
    if grammar:
        # What must follow a grammar from its first token has no thoughts before it.
        thinking = None
    backend.open(run, request.sampling, grammar, request.logprobs)
    return Prepared(Prompt(tokens, common(tuple(tokens), tuple(fixed))), thinking)


def _fixed(
    backend: IGenerationBackend,
    template: Template,
    messages: Sequence[Message],
    request: Generation,
) -> list[int]:
    """The tokens of the first messages, with which the prompt begins as far as they are alike."""
    if not messages:
        return []
    try:
        text = template.render(
            messages, tools=request.tools, think=request.think, add_generation_prompt=False
        )
    except UnfitRequest:
        # Some templates take no chat without a question.
        return []
    return backend.tokenize(text)
