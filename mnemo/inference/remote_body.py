"""The body of an answer that comes over a while."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from mnemo.inference.remote_problems import AnswerBroken


class Body(Protocol):
    """Hands a body on as it comes. Who cancels the wait for its end closes the connection."""

    def __init__(self, take: Callable[[bytes], object], host: str) -> None:
        self._take = take
        self._host = host
        self._failure: Failure | None = None
        self._done: Deferred[None] = Deferred(lambda _: self._hang_up())

    def of(self, response: Any) -> Deferred[None]:
        """
        Hand on the body of C{response}. It fails with L{AnswerBroken} where the connection breaks,
        and with what C{take} raises.
        """
        response.deliverBody(self)
        return self._done

    def dataReceived(self, data: bytes) -> None:
        """Some of it."""
        if self._failure is not None or self._done.called:
            return
        try:
            self._take(data)
        except Exception:
            self._failure = Failure()
            self._hang_up()

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008
        """All of it, or no more."""
        if self._done.called:
            return
        if self._failure is not None:
            self._done.errback(self._failure)
            return
        # Servers of HTTP/1.0 end a body by hanging up.
        if reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback(None)
        else:
            self._done.errback(AnswerBroken(f"{self._host} broke off its answer"))

    def _hang_up(self) -> None:
        transport: ITransport | None = self.transport
        if transport is not None:
            transport.loseConnection()
