"""C{/v1/…}: OpenAI's API over HTTP, its streams, and what becomes of a request without a client."""

from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from mnemo.api.answers import event
from mnemo.api.openai import Answer, Call, OpenAi
from mnemo.api.openai_errors import ApiError
from mnemo.observe.health import Health
from mnemo.transports.request import BoundedRequest, answer, header_values
from mnemo.transports.sse import HEARTBEAT, EventStream

PATIENCE: Final = 2.0
"""
Seconds after which a stream begins that has nothing to send yet. Until then a refusal still has
its HTTP status.
"""

NOT_NOW: Final = "mnemo is starting or stopping; try again in a moment."

_RETRY_AFTER: Final = 2.0
_STEP: Final = 0.05
_WAITING: Final = b": waiting\n\n"


@define(eq=False)
class OpenAiAddress(Resource):
    """All addresses below C{/v1}."""

    api: OpenAi
    health: Health
    clock: IReactorTime
    _running: dict[Deferred[Any], "_Events"] = field(factory=dict, init=False)

    isLeaf = True
    log = Logger()

    def render(self, request: BoundedRequest) -> bytes | int:
        """The answer, at once or later."""
        if not self.health.serving:
            return _refuse(request, ApiError(503, NOT_NOW, retry_after=_RETRY_AFTER))
        call = Call(
            request.method.decode("latin-1"),
            request.path.decode("latin-1"),
            request.content.read(),
            request.principal,
            " ".join(header_values(request, b"User-Agent"))[:200],
        )
        events = _Events(request, self.clock)
        work = Deferred.fromCoroutine(self.api.answer(call, events))
        self._running[work] = events
        request.notifyFinish().addErrback(lambda _: events.leave(work))
        work.addBoth(self._ended, work)
        work.addCallbacks(
            self._deliver,
            self._failed,
            callbackArgs=(request, events),
            errbackArgs=(request, events),
        )
        work.addErrback(lambda failure: self.log.failure("An answer was not sent.", failure))
        return NOT_DONE_YET

    async def finish(self, seconds: float) -> None:
        """Let what runs end, and cancel what still runs after C{seconds}."""
        until = self.clock.seconds() + seconds
        while self._running and self.clock.seconds() < until:
            await deferLater(self.clock, _STEP)
        for work in list(self._running):
            work.cancel()

    def _ended(self, result: Any, work: Deferred[Any]) -> Any:
        del self._running[work]
        return result

    def _deliver(self, found: Answer | None, request: BoundedRequest, events: "_Events") -> None:
        if events.gone:
            return
        if found is None:
            events.end()
            return
        events.give_up_waiting()
        request.write(answer(request, found.status, found.body, found.headers))
        request.finish()

    def _failed(self, failure: Failure, request: BoundedRequest, events: "_Events") -> None:
        if failure.check(CancelledError) is None:
            self.log.failure("The answer to {path} failed.", failure, path=request.path)
            refusal = ApiError(500, "Internal error")
        else:
            refusal = ApiError(503, "mnemo stopped before this was answered.")
        if events.begun:
            events.send(event(refusal.content))
            self._deliver(None, request, events)
        else:
            answered = Answer(refusal.status, refusal.body, refusal.headers)
            self._deliver(answered, request, events)


@define(eq=False)
class _Events:
    """
    The events of one answer (L{mnemo.api.openai.IEvents}).

    @ivar gone: whether the client is; nothing is sent any more
    """

    _request: BoundedRequest
    _clock: IReactorTime
    begun: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)
    _stream: EventStream = field(init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._stream = EventStream(self._request)

    def expect(self) -> None:
        """The stream begins by itself, if it takes long."""
        self._timer = self._clock.callLater(PATIENCE, self._beat)

    def send(self, events: bytes) -> None:
        """Send events."""
        if self.begun:
            self._stream.write(events)
        elif not self.gone:
            self._begin(events)

    def end(self) -> None:
        """That was all."""
        self.give_up_waiting()
        self._stream.close()
        self._request.finish()

    def leave(self, work: Deferred[Any]) -> None:
        """The client has gone."""
        self.gone = True
        self.give_up_waiting()
        self._stream.ended.addErrback(lambda failure: failure.trap(CancelledError))
        self._stream.ended.cancel()
        work.cancel()

    def give_up_waiting(self) -> None:
        """Show no more that the stream lives."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, first: bytes) -> None:
        self.begun = True
        self.give_up_waiting()
        self._timer = self._clock.callLater(HEARTBEAT, self._beat)
        self._stream.begin(first)

    def _beat(self) -> None:
        self._timer = None
        if self.begun:
            self._stream.beat()
            self._timer = self._clock.callLater(HEARTBEAT, self._beat)
        else:
            self._begin(_WAITING)


def _refuse(request: BoundedRequest, refusal: ApiError) -> bytes:
    return answer(request, refusal.status, refusal.body, refusal.headers)
