"""Services that start one after the other, and stop in the reverse order."""

from collections.abc import Callable
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

BOUND = 5.0
"""Seconds after which a part that does not stop is left behind."""


class Part(Service):
    """
    A part of the daemon as a service.

    @ivar bound: how many seconds it may take to stop
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Any],
        stop: Callable[[], Any],
        bound: float = BOUND,
    ) -> None:
        """
        @param start: starts it; may answer a C{Deferred}
        @param stop: stops it; may answer a C{Deferred}
        """
        self.setName(name)
        self.bound = bound
        self._start = start
        self._stop = stop

    def startService(self) -> Deferred[Any]:
        """Fires when it has started."""
        super().startService()
        return maybeDeferred(self._start)

    def stopService(self) -> Deferred[Any]:
        """Fires when it has stopped."""
        super().stopService()
        return maybeDeferred(self._stop)


class Procession(MultiService):
    """
    Parts in a row: each starts when the one before it has started, and stops when the one
    behind it has stopped.

    A part that does not start ends the row there. One that does not stop is passed over.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, failed: Callable[[Failure], object]) -> None:
        """
        @param failed: told of what kept a part from starting; the parts before it stand until
            the service is stopped
        """
        super().__init__()
        self._clock = clock
        self._failed = failed
        self._standing: list[Part] = []
        self._starting: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin to start. What MultiService does itself is to start all at once."""
        Service.startService(self)
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._not_started)

    def stopService(self) -> Deferred[None]:
        """Fires when every part has stopped or run out of time. Breaks off a start."""
        Service.stopService(self)
        if self._starting is not None:
            self._starting.cancel()
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        for part in list(self):
            starting = part.startService()
            self._standing.append(part)
            try:
                await starting
            except CancelledError:
                raise  # half started, so it has to be stopped
            except Exception:
                self._standing.remove(part)
                raise

    def _not_started(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._failed(failure)

    async def _stop(self) -> None:
        while self._standing:
            part = self._standing.pop()
            try:
                await part.stopService().addTimeout(part.bound, self._clock)
            except Exception:
                self.log.failure("{part} did not stop well.", part=part.name)
