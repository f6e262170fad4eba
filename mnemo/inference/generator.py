"""The language model of this process: into memory and out of it, shared by all who ask."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
)
from mnemo.inference.generation_calls import GenerationCalls
from mnemo.inference.interfaces import Priority
from mnemo.inference.loader import Loader, NotLoaded
from mnemo.inference.run import Run
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.thread import InferenceThread

ABSENT: Final = "the language model is not in memory"


@implementer(IGenerator)
class LocalGenerator:
    """Loads the model on the inference thread, and frees it there."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        load: Callable[[], IGenerationBackend],
        thread: InferenceThread,
        *,
        step_seconds: float,
        check: Callable[[], object] | None = None,
    ) -> None:
        """
        @param load: makes the backend, on the inference thread. The text of what it raises
            becomes L{problem}
        @param step_seconds: how long one step may take, as far as it can be cut
        @param check: done before C{load}, on another thread, so that nobody waits for it; it
            may raise what C{load} may
        """

        def make() -> GenerationCalls:
            return GenerationCalls(load(), reactor, thread, step_seconds)

        self.model: GeneratorInfo | None = None
        self.problem = ""
        self._loader = Loader(reactor, thread, "language", make, self._take_up, check)

    @property
    def statistics(self) -> GeneratorStatistics:
        """Counters, as they are now."""
        loads, calls = self._loader.loads, self._loader.model
        if calls is None:
            return GeneratorStatistics(loads=loads)
        slots = calls.slots
        return GeneratorStatistics(
            loads=loads,
            slots=slots.room.slots,
            running=slots.turns.running,
            waiting_interactive=slots.turns.waiting(Priority.INTERACTIVE),
            waiting_background=slots.turns.waiting(Priority.BACKGROUND),
            steps=slots.steps,
            tokens=slots.tokens,
            prompt_tokens=slots.places.prompt_tokens,
            reused=slots.places.reused,
            cache_tokens=slots.places.cache.tokens,
        )

    def asked(self) -> list[tuple[Run, float]]:
        """What runs and waits, in the order of turns, and when by the clock it was asked for."""
        return [] if self._loader.model is None else self._loader.model.asked()

    def start(self) -> Deferred[None]:
        """
        Load the model.

        @return: fires when the model is loaded, or cannot be and L{problem} says why
        """
        loaded = self.load()
        loaded.addErrback(lambda failure: failure.trap(GeneratorUnavailable) and None)
        return loaded

    def stop(self) -> Deferred[None]:
        """Fail what waits and runs, and free the model. Fires when that is done."""
        return self.unload("mnemo is stopping")

    def load(self) -> Deferred[None]:
        """
        Have the model in memory. All who wait for it wait for one load.

        It fails with L{GeneratorUnavailable}.
        """
        return self._loader.load().addErrback(self._not_loaded)

    def unload(self, problem: str = "") -> Deferred[None]:
        """
        Give the memory of the model back. What waits and runs fails.

        @param problem: why nothing can be generated from now on, if that is a problem
        @return: fires when the memory is free
        """
        return Deferred.fromCoroutine(self._unload(problem))

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """
        Have C{request} answered by the model, which has to be in memory.

        Cancelling the answer stops it at the next step. It fails with L{GeneratorUnavailable},
        L{mnemo.inference.generation.UnfitRequest} or
        L{mnemo.inference.generation.GenerationFailed}, and with C{TimeoutError} where the time
        is up.
        """
        calls = self._loader.model
        if calls is None or self.model is None:
            return fail(GeneratorUnavailable(self.problem or ABSENT))
        return calls.ask(request, on_text)

    def _take_up(self, calls: GenerationCalls) -> None:
        backend = calls.backend
        self.model, self.problem = backend.info, ""
        self.log.info(
            "language model {name} loaded on {device}, {slots} slots, {tokens} tokens",
            name=backend.info.name,
            device=backend.info.device,
            slots=backend.slots,
            tokens=backend.capacity,
        )

    def _not_loaded(self, failure: Failure) -> None:
        failure.trap(NotLoaded)
        text = str(failure.value)
        if text != self.problem:
            self.log.warn("no language model: {problem}", problem=text)
        self.problem = text
        raise GeneratorUnavailable(text)

    async def _unload(self, problem: str) -> None:
        await self._loader.settle()
        self.model, self.problem = None, problem
        if self._loader.model is not None:
            self._loader.model.give_up(problem or ABSENT)
        await self._loader.free()
