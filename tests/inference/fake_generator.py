"""A language model that says what it was told to say, for those who use one."""

from collections.abc import Callable, Sequence

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
)

NO_MODEL = "No language model is configured; fetch one with: mnemo model fetch"

Line = str | Completion | Exception | Callable[[Generation], str | Completion | Exception]
"""What it says to one request, or what says so of the request."""


def completion(text: str, model: str = "fake") -> Completion:
    """An answer that ended by itself, a token a word."""
    return Completion(
        text=text,
        finish="stop",
        model=model,
        prompt_tokens=1,
        tokens=len(text.split()),
        logprob=-0.1,
    )


@implementer(IGenerator)
class FakeGenerator:
    """
    Answers at once with the lines of its script, one after the other, then with the last again.

    A text of more words than C{max_tokens} is cut off there, with finish C{length}.

    @ivar requests: every request, in order
    """

    def __init__(self, *script: Line, window: int = 4096, knows_tools: bool = False) -> None:
        self._info = GeneratorInfo("fake", window, "cpu", knows_tools=knows_tools)
        self.model: GeneratorInfo | None = self._info
        self.problem = ""
        self.statistics = GeneratorStatistics(loads=1, slots=1)
        self.requests: list[Generation] = []
        self._script = list(script)
        self._holding = False
        self._held: list[tuple[Generation, Deferred[Completion]]] = []

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        if self.model is None:
            return fail(GeneratorUnavailable(self.problem))
        self.requests.append(request)
        answer: Deferred[Completion]
        if self._holding:
            answer = Deferred(self._drop)
            self._held.append((request, answer))
        else:
            answer = self._answer(request)
        if on_text is not None:
            answer.addCallback(_tell_words, on_text)
        return answer

    def say(self, *script: Line) -> None:
        """Say this from now on."""
        self._script = list(script)

    def take_model_away(self, problem: str = NO_MODEL) -> None:
        """From now on there is no model."""
        self.model = None
        self.problem = problem

    def give_model_back(self) -> None:
        """The model is there again."""
        self.model = self._info
        self.problem = ""
        self.statistics = evolve(self.statistics, loads=self.statistics.loads + 1)

    def hold(self) -> None:
        """Answer nothing until L{release}."""
        self._holding = True

    def release(self) -> None:
        """Answer what was held, in order, and answer at once again."""
        self._holding = False
        held, self._held = self._held, []
        for request, answer in held:
            self._answer(request).chainDeferred(answer)

    @property
    def held(self) -> Sequence[Generation]:
        """The requests that wait for L{release}."""
        return [request for request, _ in self._held]

    def _drop(self, answer: Deferred[Completion]) -> None:
        self._held = [(request, other) for request, other in self._held if other is not answer]

    def _answer(self, request: Generation) -> Deferred[Completion]:
        assert self._script, "the script has no line"
        line = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        said = line if isinstance(line, str | Completion | Exception) else line(request)
        if isinstance(said, Exception):
            return fail(said)
        if isinstance(said, str):
            said = _within(completion(said), request.max_tokens)
        self.statistics = evolve(
            self.statistics,
            steps=self.statistics.steps + 1,
            tokens=self.statistics.tokens + said.tokens,
        )
        return succeed(said)


def _within(said: Completion, max_tokens: int) -> Completion:
    if said.tokens <= max_tokens:
        return said
    words = said.text.split(" ")[:max_tokens]
    return evolve(said, text=" ".join(words), tokens=max_tokens, finish="length")


def _tell_words(said: Completion, on_text: Callable[[str], object]) -> Completion:
    for number, word in enumerate(said.text.split(" ") if said.text else ()):
        on_text(f" {word}" if number else word)
    return said
