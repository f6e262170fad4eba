"""A language model that needs no weights: it says what it was told, and does what it must."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Finish,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    IGenerator,
    Message,
    Piece,
    TokenChoice,
)

NAME = "talker"
FOR_EVER = "for ever"
"""A prompt that has it is answered without an end."""

_PAUSE = 0.01


@implementer(IGenerator)
@define(eq=False)
class Talker:
    """
    Repeats the last message; follows a schema with the simplest that it allows; calls the first
    tool where the last message is a user's.
    """

    clock: IReactorTime
    problem: str = ""
    model: GeneratorInfo | None = field(
        default=GeneratorInfo(NAME, 4096, "cpu", knows_tools=True), init=False
    )
    statistics: GeneratorStatistics = field(factory=GeneratorStatistics, init=False)

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        return Deferred.fromCoroutine(self._answer(request, on_text or (lambda _: None)))

    async def _answer(self, request: Generation, on_text: Callable[[str], object]) -> Completion:
        prompt = request.prompt
        last = Message("user", prompt) if isinstance(prompt, str) else prompt[-1]
        while FOR_EVER in last.content:
            on_text("and ")
            await deferLater(self.clock, _PAUSE)
        if request.schema is not None:
            return await self._say(request, json(simplest(request.schema)), on_text)
        if request.tools and last.role == "user":
            function = request.tools[0]["function"]
            arguments = json(simplest(function.get("parameters", {})))
            called = {"name": function["name"], "arguments": arguments}
            call = {"id": "call-1", "type": "function", "function": called}
            return Completion("", "tool_calls", NAME, 5, 4, tool_calls=(call,))
        return await self._say(request, f"You said: {last.content}", on_text)

    async def _say(
        self, request: Generation, text: str, on_text: Callable[[str], object]
    ) -> Completion:
        words = text.replace(" ", " \0").split("\0")
        finish: Finish = "stop" if len(words) <= request.max_tokens else "length"
        words = words[: request.max_tokens]
        choices = tuple(TokenChoice(word, -0.5, ((word, -0.5),)) for word in words)
        for choice in choices:
            on_text(choice.text if request.logprobs is None else Piece.of(choice.text, [choice]))
            await deferLater(self.clock, _PAUSE / 10)
        return Completion("".join(words), finish, NAME, 5, len(words), 3, -0.5, choices)


def simplest(schema: Mapping[str, Any]) -> Any:
    """Something that the schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: simplest(kind) for name, kind in properties.items()}
        case "array":
            return []
        case "integer" | "number":
            return 7
        case "boolean":
            return True
    return "Bern"


def json(content: object) -> str:
    """It as JSON."""
    return msgspec.json.encode(content).decode()
