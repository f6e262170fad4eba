"""A real store without threads: what it is asked is done when the call returns."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mnemo.store.sqlite.store import SqliteStore
from mnemo.store.sqlite.threads import Pools

T = TypeVar("T")

Job = Callable[[], None]


class ClockReactor:
    """A clock that is its own only thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def seconds(self) -> float:
        return self._clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> IDelayedCall:
        return self._clock.callLater(delay, callable, *args, **kwargs)

    def callFromThread(
        self, callable: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> None:
        callable(*args, **kwargs)


class InlinePool:
    """
    As much of a C{ThreadPool} as the store uses; its one thread is the caller's.

    While it is C{held}, work waits for L{release} as it waits for a busy thread. As with a
    real pool, work that comes before the start waits, and work after the end is never done.
    """

    def __init__(self) -> None:
        self.held = False
        self.started = False
        self.joined = False
        self.waiting: list[Job] = []

    def start(self) -> None:
        self.started = True
        self.joined = False
        if not self.held:
            self.release()

    def stop(self) -> None:
        self.release()
        self.started = False
        self.joined = True

    def callInThreadWithCallback(
        self, on_result: Callable[[bool, Any], object], work: Callable[[], Any], /
    ) -> None:
        def job() -> None:
            try:
                result = work()
            except BaseException:
                on_result(False, Failure())
            else:
                on_result(True, result)

        if self.joined:
            return
        if self.held or not self.started:
            self.waiting.append(job)
        else:
            job()

    def hold(self) -> None:
        """Let work wait from now on."""
        self.held = True

    def step(self) -> None:
        """Do the piece of work that has waited longest."""
        self.waiting.pop(0)()

    def release(self) -> None:
        """Do what waits, and all that comes at once."""
        self.held = False
        while self.waiting:
            self.step()


@frozen
class InlinePools(Pools):
    """Pools whose work is done on the caller's thread."""

    writer: InlinePool = field(factory=InlinePool)
    readers: InlinePool = field(factory=InlinePool)
    text: InlinePool = field(factory=InlinePool)
    graph: InlinePool = field(factory=InlinePool)


def result_of(deferred: Deferred[T]) -> T:
    """What a Deferred has fired with; its failure is raised."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    if not results:
        raise AssertionError("no result yet")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return cast(T, results[0])


def make_store(
    directory: str | Path, clock: Clock, *, pools: Pools | None = None, exact_limit: int = 50_000
) -> SqliteStore:
    """A store that works on the caller's thread, not started yet."""
    return SqliteStore(
        Path(directory), ClockReactor(clock), pools=pools or InlinePools(), exact_limit=exact_limit
    )


@cache
def _empty() -> tempfile.TemporaryDirectory[str]:
    """The files of a store that holds nothing and was stopped, until this process ends."""
    directory = tempfile.TemporaryDirectory(prefix="mnemo-empty-")
    store = make_store(directory.name, Clock())
    result_of(store.start())
    result_of(store.stop())
    return directory


def open_store(
    directory: str | Path, clock: Clock, *, pools: Pools | None = None, exact_limit: int = 50_000
) -> SqliteStore:
    """
    A started store that answers every call before it returns.

    Its text index follows when C{clock} is advanced. Whoever opens it has to stop it.
    Where there is none yet, it begins with a copy of one that is empty: to make that anew takes
    longer than most tests. So all of them count their changes from the same number.
    """
    path = Path(directory)
    if not path.exists():
        shutil.copytree(_empty().name, path)
    store = make_store(directory, clock, pools=pools, exact_limit=exact_limit)
    result_of(store.start())
    return store
