"""A model's way into memory and out of it, both on the inference thread."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mnemo.inference.catalogue import ModelBroken, ModelMissing, Purpose
from mnemo.inference.interfaces import IStepSource
from mnemo.inference.library import NoSuchGpu
from mnemo.inference.thread import InferenceThread, ThreadStopped


class ILoaded(IStepSource):
    """A model in memory, and what is to be done on it."""

    def close() -> None:
        """Give its memory back. Called on the inference thread."""


Model = TypeVar("Model", bound=ILoaded)


class NotLoaded(Exception):
    """
    A model could not be loaded. Its text is one line that says why, and what mends it.

    @ivar path: the file that it is about, or C{None}
    """

    def __init__(self, message: str, path: Path | None) -> None:
        super().__init__(message)
        self.path = path


@define(eq=False)
class Loader(Generic[Model]):
    """
    Loads a model, has the thread run its steps, and frees it.

    @ivar reactor: its thread pool makes the check
    @ivar make: makes the model, on the inference thread. The text of what it raises is told
    @ivar taken: called with the model, ahead of those who wait for it
    @ivar check: done before C{make} on another thread, so that nobody waits for it; it may raise
        what C{make} may
    @ivar model: from when it is loaded until it is freed
    @ivar loads: how often it was loaded
    """

    reactor: Any
    thread: InferenceThread
    purpose: Purpose
    make: Callable[[], Model]
    taken: Callable[[Model], object]
    check: Callable[[], object] | None = None
    model: Model | None = field(default=None, init=False)
    loads: int = field(default=0, init=False)
    _stays: bool = field(default=False, init=False)
    _loading: bool = field(default=False, init=False)
    _waiters: list[Deferred[None]] = field(factory=list, init=False)

    log = Logger()

    def load(self) -> Deferred[None]:
        """
        Have the model in memory. All who wait for it wait for one load.

        It fails with L{NotLoaded}.
        """
        if self._stays:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        if not self._loading:
            self._loading = True
            Deferred.fromCoroutine(self._load())
        return waiter

    async def settle(self) -> None:
        """Wait until no load is under way."""
        if self._loading:
            await self.load().addErrback(lambda failure: failure.trap(NotLoaded) and None)

    async def free(self) -> None:
        """Give the memory back, when the step that runs and a load under way have ended."""
        await self.settle()
        model, self._stays = self.model, False
        if model is None:
            return
        try:
            await self.thread.call(model.close)
        except ThreadStopped:
            pass
        except Exception:
            self.log.failure("the {purpose} model could not be freed", purpose=self.purpose)
        # Somebody else may have had it freed meanwhile.
        if self.model is model:
            self.thread.remove(model)
            self.model = None

    async def _load(self) -> None:
        problem: NotLoaded | None = None
        try:
            if self.check is not None:
                pool = self.reactor.getThreadPool()
                await deferToThreadPool(self.reactor, pool, self.check)
            self.model = await self.thread.call(self.make)
            self.thread.add(self.model)
            self._stays = True
            self.loads += 1
            self.taken(self.model)
        except Exception as error:
            problem = self._explained(error)
        self._loading = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if problem is None:
                waiter.callback(None)
            else:
                waiter.errback(problem)

    def _explained(self, problem: Exception) -> NotLoaded:
        known = isinstance(problem, ModelMissing | ModelBroken | NoSuchGpu | ThreadStopped)
        text = f"the {self.purpose} model fails to load: {one_line(problem)}"
        return NotLoaded(str(problem) if known else text, getattr(problem, "path", None))


def one_line(problem: Exception) -> str:
    """What a failure is that nobody has foreseen."""
    return " ".join(f"{type(problem).__name__}: {problem}".split())
