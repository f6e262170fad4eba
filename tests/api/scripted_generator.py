"""A language model that says what it is told to, when it is told to."""

from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
    Piece,
    TokenChoice,
)

NAME = "scripted"
NO_MODEL = "There is no language model; fetch one with: mnemo model fetch"


def info(name: str = NAME) -> GeneratorInfo:
    return GeneratorInfo(name=name, window=4096, device="cpu", knows_tools=True)


def completion(text: str = "Hello world", **more: Any) -> Completion:
    known = Completion(
        text=text, finish="stop", model=NAME, prompt_tokens=7, tokens=len(text.split())
    )
    return evolve(known, **more)


@frozen(eq=False)
class Asked:
    """A request that is not answered yet."""

    request: Generation
    on_text: Callable[[str], object] | None
    answer: Deferred[Completion]

    def say(self, *pieces: str) -> None:
        """Hand out pieces of the answer."""
        if self.on_text is not None:
            for piece in pieces:
                self.on_text(piece)

    def choose(self, *choices: TokenChoice) -> None:
        """Hand out a piece with the tokens that have brought it."""
        self.say(Piece.of("".join(choice.text for choice in choices), choices))

    def end(self, completion: Completion) -> None:
        """Answer it."""
        self.answer.callback(completion)


@implementer(IGenerator)
@define(eq=False)
class ScriptedGenerator:
    """
    A generator that answers each request with C{reply}, word by word.

    @ivar reply: what it answers; C{None} to wait until a test answers
    @ivar failure: what it fails with instead
    @ivar asked: all requests, in order
    @ivar waiting: those that are not answered yet
    @ivar cancelled: how many were given up
    """

    reply: Completion | None = field(factory=completion)
    failure: Exception | None = None
    model: GeneratorInfo | None = field(factory=info)
    problem: str = ""
    statistics: GeneratorStatistics = field(factory=GeneratorStatistics)
    asked: list[Generation] = field(factory=list)
    waiting: list[Asked] = field(factory=list)
    cancelled: int = 0

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        self.asked.append(request)
        if self.problem:
            return fail(GeneratorUnavailable(self.problem))
        if self.failure is not None:
            return fail(self.failure)
        asked = Asked(request, on_text, Deferred(self._drop))
        self.waiting.append(asked)
        asked.answer.addBoth(self._ended, asked)
        if self.reply is not None:
            asked.say(*self.reply.text.replace(" ", " \0").split("\0"))
            asked.end(self.reply)
        return asked.answer

    def take_model_away(self, problem: str = NO_MODEL) -> None:
        """From now on there is no model."""
        self.model, self.problem = None, problem

    def _drop(self, answer: Deferred[Completion]) -> None:
        self.cancelled += 1

    def _ended(self, result: object, asked: Asked) -> object:
        self.waiting.remove(asked)
        return result
