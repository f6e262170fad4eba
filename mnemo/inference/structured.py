"""
Results instead of text: what a model says, read into an attrs class.

The answer is bound by a grammar, so that it is JSON of the right form as far as it goes. It may
still be cut off, or break a rule that no grammar holds to; then the model is told so and may try
once more. Nothing but a whole and valid answer is ever returned.
"""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from attrs import evolve, frozen

from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    IGenerator,
    Message,
    UnfitRequest,
)

T = TypeVar("T")

_SHOWN: Final = 2000


class ExtractionFailed(GenerationFailed):
    """
    The model gave no answer that can be used.

    @ivar reasons: what was wrong with each try
    """

    def __init__(self, kind: type, reasons: Sequence[str]) -> None:
        super().__init__(f"The model gave no usable {kind.__name__}: {'; then '.join(reasons)}.")
        self.reasons = tuple(reasons)


@frozen
class Extracted(Generic[T]):
    """
    A result, and the answer that it was read from.

    @ivar repaired: whether it took a second try
    """

    value: T
    completion: Completion
    repaired: bool = False


async def extract(generator: IGenerator, kind: type[T], request: Generation) -> Extracted[T]:
    """
    Have C{request} answered with a C{kind}.

    @param kind: an attrs class. Its fields' names and constraints bind the model; what they are
        for has to stand in the prompt.
    @param request: its C{max_tokens} is doubled for the second try
    @raise ExtractionFailed: where neither try brought one
    @raise UnfitRequest: where no grammar holds to C{kind}, or the prompt is too long
    """
    request = evolve(request, schema=schema_of(kind), grammar="", tools=())
    reasons: list[str] = []
    while True:
        try:
            completion = await generator.generate(request)
        except UnfitRequest as unfit:
            if not reasons:
                raise
            raise ExtractionFailed(kind, [*reasons, f"it could not be told: {unfit}"]) from None
        wrong = _cut_off(completion)
        if not wrong:
            try:
                value = msgspec.json.decode(completion.text, type=kind)
                return Extracted(value, completion, repaired=bool(reasons))
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                wrong = f"the answer is wrong: {error}"
        if reasons:
            raise ExtractionFailed(kind, [*reasons, wrong])
        reasons.append(wrong)
        request = _again(request, completion, wrong)


def schema_of(kind: type) -> dict[str, Any]:
    """
    The JSON Schema of an attrs class, an object at its root.

    Every field is asked for, also one with a default: a model that may leave something out
    does. There are no others.
    """
    made = msgspec.json.schema(kind)
    definitions = {name: _closed(schema) for name, schema in made["$defs"].items()}
    root = definitions[made["$ref"].rpartition("/")[2]]
    return root | {"$defs": definitions}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in schema:
        return schema
    properties = {
        name: {keyword: said for keyword, said in each.items() if keyword != "default"}
        for name, each in schema["properties"].items()
    }
    closed = {"properties": properties, "required": list(properties)}
    return schema | closed | {"additionalProperties": False}


def _cut_off(completion: Completion) -> str:
    """
    Empty for an answer that came to its end by itself.

    One that did not may look whole, as a number does without its last digits.
    """
    if completion.finish == "stop":
        return ""
    if completion.finish == "length":
        return f"the answer was cut off after {completion.tokens} tokens"
    return "the answer calls tools"


def _again(request: Generation, completion: Completion, wrong: str) -> Generation:
    """The request for the second try."""
    said = completion.text
    if len(said) > _SHOWN:
        said = f"{said[:_SHOWN]} …"
    told = f"That cannot be used: {wrong}. Give the whole answer again, corrected, and brief."
    if isinstance(request.prompt, str):
        prompt: Sequence[Message] | str = f"{request.prompt}{said}\n\n{told}\n\n"
    else:
        prompt = [*request.prompt, Message("assistant", said), Message("user", told)]
    return evolve(request, prompt=prompt, max_tokens=2 * request.max_tokens)
