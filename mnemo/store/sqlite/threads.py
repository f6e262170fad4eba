"""The threads of a store: which there are, and how work gets onto one and back."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from attrs import astuple, frozen
from twisted.internet import defer
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from mnemo.store.interfaces import StoreError

T = TypeVar("T")

_DRAIN_SECONDS = 10.0


class Reactor(Protocol):
    """What a store asks of the reactor: the time, and a way back from its threads."""

    def seconds(self) -> float:
        """The time, in seconds since the epoch."""

    def callLater(  # noqa: N802
        self, delay: float, callable: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> IDelayedCall:
        """Call something after C{delay} seconds."""

    def callFromThread(  # noqa: N802
        self, callable: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> None:
        """Call something on the reactor thread. May be used on any thread."""


class Pool(Protocol):
    """As much of Twisted's C{ThreadPool} as a store uses."""

    def start(self) -> None:
        """Begin to work."""

    def stop(self) -> None:
        """End every thread."""

    def callInThreadWithCallback(  # noqa: N802
        self, on_result: Callable[[bool, Any], object], work: Callable[[], Any], /
    ) -> None:
        """Work on a thread, and there tell whether it went well and what came of it."""


@frozen
class Pools:
    """
    The thread pools of a store.

    @ivar writer: one thread, the only one that changes the database
    @ivar readers: as many threads as searches may run at once
    @ivar text: one thread, the only one that changes the text index
    @ivar graph: one thread, which builds the vector index where that takes long
    """

    writer: Pool
    readers: Pool
    text: Pool
    graph: Pool

    @classmethod
    def real(cls) -> "Pools":
        """Pools of real threads."""
        return cls(
            writer=ThreadPool(1, 1, "mnemo-writer"),
            readers=ThreadPool(1, 3, "mnemo-reader"),
            text=ThreadPool(1, 1, "mnemo-text"),
            graph=ThreadPool(0, 1, "mnemo-graph"),
        )


class Threads:
    """
    Runs work on the pools, and knows when none is left.

    A pool that was stopped takes work and never answers. Here such a call fails at once.
    """

    _log = Logger()

    pools: Pools

    def __init__(self, reactor: Reactor, pools: Pools | None = None) -> None:
        self._reactor = reactor
        self._given = pools
        self._running = 0
        self._open = False
        self._drained: list[Deferred[None]] = []

    def start(self) -> None:
        """Start every pool: real ones where none were given. A fork would lose their threads."""
        self.pools = self._given or Pools.real()
        self._open = True
        for pool in self._each():
            pool.start()

    def run(self, pool: Pool, work: Callable[[], T]) -> Deferred[T]:
        """
        What C{work} returns or raises, run on a thread of C{pool}.

        Cancelling the answer lets go of it; the work still runs to its end.
        """
        if not self._open:
            return fail(StoreError("the store is closed"))
        answer: Deferred[T] = Deferred()
        self._running += 1

        def ended(succeeded: bool, result: object) -> None:
            self._reactor.callFromThread(self._ended, answer, result)

        pool.callInThreadWithCallback(ended, work)
        return answer

    async def drained(self) -> None:
        """Wait until nothing runs, but not for ever."""
        waiter: Deferred[None] = Deferred()
        self._drained.append(waiter)
        self._wake()
        try:
            # A Reactor is all of IReactorTime that addTimeout uses.
            await waiter.addTimeout(_DRAIN_SECONDS, cast(Any, self._reactor))
        except defer.TimeoutError:
            self._log.error("the store's threads still work after {s} s", s=_DRAIN_SECONDS)

    async def stop(self) -> None:
        """End the pools, once what runs has ended."""
        if not self._open:
            return
        await self.drained()
        self._open = False
        for pool in self._each():
            pool.stop()

    def _each(self) -> tuple[Pool, ...]:
        return astuple(self.pools, recurse=False)

    def _ended(self, answer: Deferred[T], result: T | Failure) -> None:
        self._running -= 1
        answer.callback(cast(T, result))
        self._wake()

    def _wake(self) -> None:
        if self._running == 0:
            waiting, self._drained = self._drained, []
            for waiter in waiting:
                if not waiter.called:
                    waiter.callback(None)
