"""What becomes of a request over HTTP that is not answered at once, and of its client."""

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from twisted.web.server import Request

from mnemo.mcp import headers, jsonrpc
from mnemo.mcp.answer_stream import AnswerStream
from mnemo.mcp.errors import INTERNAL_ERROR, ProtocolError
from mnemo.mcp.exchanges import Exchange
from mnemo.mcp.get_streams import SendEvent
from mnemo.mcp.replay import Sink
from mnemo.transports.sse import Streams

SILENCE = 14.0
"""Seconds after which an answer that is not there yet becomes a stream, to show that it lives."""

CUT_OFF = "mnemo stopped before this call had ended; it may have been carried out."

STREAMED = None
"""What the work of a request comes to whose answer was a stream."""


@frozen(eq=False)
class _Wires:
    send: SendEvent
    close: Callable[[], None]


@define(eq=False)
class Answering(AnswerStream):
    """
    One request that is being answered.

    @ivar work: what it waits for
    """

    can_stream = True

    _streams: Streams
    _request: Request
    _exchange: Exchange
    work: Deferred[Any] = field(init=False)
    _wires: _Wires | None = field(init=False, default=None)
    _carried: Deferred[None] | None = field(init=False, default=None)
    _answered: Deferred[Any] | None = field(init=False, default=None)

    def start(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """
        Start the work. What comes back fires with its result, or with L{STREAMED}.

        To cancel that says that the client has gone. In the modern era that cancels the work.
        In the legacy era it runs on, and its result goes to who comes back for it, if anywhere;
        a failure is logged.
        """
        self.work = Deferred.fromCoroutine(work)
        if self.work.called and not self.begun:
            return self.work
        answered = self._waiting()
        self.work.addBoth(self._ended)
        return answered

    # -- the stream, if it comes to that

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """The stream is open."""
        self._wires = _Wires(send, close)

    def detach(self) -> None:
        """The stream is over, for whatever reason."""
        self.lost()

    def open_sink(self) -> Sink:
        """Answer with a stream."""
        self._carried = self._streams.open(self, self._request)
        self._carried.addCallbacks(self._closed, _drop)
        assert self._wires is not None
        return self._wires

    def _closed(self, _: None) -> None:
        """We have ended the stream. Its call may run on, for a client that comes back."""
        waiting = self._waiting()
        if not waiting.called:
            waiting.callback(STREAMED)

    # -- the ends

    def cancel(self) -> None:
        """Cancel the work."""
        self.work.cancel()

    def _waiting(self) -> Deferred[Any]:
        if self._answered is None:
            self._answered = Deferred(self._gone)
        return self._answered

    def _gone(self, _: Deferred[Any]) -> None:
        """The client has gone."""
        self.lost()
        if self._carried is not None:
            self._carried.cancel()
        if headers.is_modern(self._exchange.headers):
            self.cancel()

    def _ended(self, result: Any) -> Any:
        waiting = self._waiting()
        failed = isinstance(result, Failure)
        if self.begun:
            cut_off = ProtocolError(INTERNAL_ERROR, CUT_OFF)
            self.finish(jsonrpc.error(self.id, cut_off) if failed else result.body)
        elif not waiting.called:
            waiting.callback(result)
            return None
        # Nobody is left to be told of a defect but the log.
        return result if failed and not result.check(CancelledError) else None


def _drop(failure: Failure) -> None:
    """That the client has gone is said elsewhere."""
    failure.trap(CancelledError)


@define(eq=False)
class Patience:
    """
    Those who wait for an answer, and the one timer that lets the answers of those who wait long
    become streams.
    """

    clock: IReactorTime
    _since: dict[Answering, float] = field(init=False, factory=dict)
    _timer: IDelayedCall | None = field(init=False, default=None)

    def __len__(self) -> int:
        return len(self._since)

    def watch(self, answering: Answering) -> None:
        """Somebody waits."""
        self._since[answering] = self.clock.seconds()
        if self._timer is None:
            self._timer = self.clock.callLater(SILENCE, self._look)

    def forget(self, answering: Answering) -> None:
        """There is an answer."""
        self._since.pop(answering, None)

    def stop(self) -> None:
        """Watch nobody any more."""
        self._since.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self.clock.seconds()
        long = [each for each, since in self._since.items() if now - since >= SILENCE]
        for answering in long:
            del self._since[answering]
        if self._since:
            # Those that began to wait meanwhile: the first of them is the longest.
            first = next(iter(self._since.values()))
            self._timer = self.clock.callLater(first + SILENCE - now, self._look)
        for answering in long:
            answering.begin()
