"""The language model as others see it: there when it is asked, whether in memory or not."""

from collections.abc import Callable
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
)
from mnemo.inference.interfaces import Priority
from mnemo.inference.keeping import RELEASED, Keeper, State
from mnemo.inference.run import Run


@define(eq=False)
class Entering:
    """
    A request that waits until the model is in memory.

    @ivar asked: since when, by the clock
    """

    session: str
    priority: Priority
    asked: float


@implementer(IGenerator)
@define(eq=False)
class KeptGenerator:
    """
    A generator whose model a L{Keeper} loads and unloads.

    @ivar generator: an L{IGenerator} with C{start}, C{stop}, C{load} and C{unload}, as
        L{mnemo.inference.generator.LocalGenerator} has them
    @ivar keep_alive: seconds without use after which its model is taken out of memory; 0 is never
    @ivar entering: what waits until the model is in memory, in order
    """

    clock: IReactorTime
    generator: Any
    keep_alive: float
    keeper: Keeper = field(init=False)
    entering: list[Entering] = field(factory=list, init=False)
    _known: GeneratorInfo | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.keeper = Keeper(
            self.clock, self.generator.load, self.generator.unload, self.keep_alive
        )

    @property
    def model(self) -> GeneratorInfo | None:
        """The model, as it was when it was in memory last; C{None} where it never was."""
        self._known = self.generator.model or self._known
        return self._known

    @property
    def problem(self) -> str:
        """Empty while it works, which it does where its model can be loaded."""
        problem: str = self.generator.problem
        return RELEASED if self.keeper.released else problem

    @property
    def statistics(self) -> GeneratorStatistics:
        """Counters, as they are now."""
        statistics: GeneratorStatistics = self.generator.statistics
        return statistics

    def asked(self) -> list[tuple[Run, float]]:
        """See L{mnemo.inference.generator.LocalGenerator.asked}."""
        asked: list[tuple[Run, float]] = self.generator.asked()
        return asked

    @property
    def state(self) -> State:
        """How it is with the model's memory."""
        return self.keeper.state

    async def start(self) -> None:
        """Take part in what the inference thread does, and load the model if that can be."""
        begun = Deferred.fromCoroutine(self._begin())
        # Which also takes care of a failure.
        self.keeper.begin(lambda: begun)
        await begun

    async def _begin(self) -> None:
        await self.generator.start()
        if self.generator.model is None:
            raise GeneratorUnavailable(self.generator.problem)

    async def stop(self) -> None:
        """Refuse who waits, and free the model."""
        self.keeper.stop()
        await self.generator.stop()

    def release(self) -> Deferred[None]:
        """Give its memory back when nobody uses it. Fires when that is done."""
        return self.keeper.release()

    def load(self) -> Deferred[None]:
        """Bring it back. Fails with L{GeneratorUnavailable}."""
        return Deferred.fromCoroutine(self.keeper.load())

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """
        Have C{request} answered, once the model is there. See L{IGenerator}.

        It fails with C{TimeoutError} also where the time is up before the model is there.
        """
        return Deferred.fromCoroutine(self._generate(request, on_text))

    async def _generate(
        self, request: Generation, on_text: Callable[[str], object] | None
    ) -> Completion:
        held = await self._enter(request)
        try:
            due = evolve(request, timeout=max(0.0, request.timeout - held))
            completion: Completion = await self.generator.generate(due, on_text)
            return evolve(
                completion,
                waited=completion.waited + held,
                first=completion.first + held,
                seconds=completion.seconds + held,
            )
        finally:
            self.keeper.leave()

    async def _enter(self, request: Generation) -> float:
        """Wait until the model is in memory. Answers for how many seconds."""
        entering = Entering(request.session, request.priority, self.clock.seconds())
        self.entering.append(entering)
        try:
            await self.keeper.enter().addTimeout(request.timeout, self.clock, _too_late)
        finally:
            self.entering.remove(entering)
        return self.clock.seconds() - entering.asked


def _too_late(result: Any, seconds: float) -> Any:
    raise TimeoutError(f"the language model was not in memory within {seconds:g} seconds")
