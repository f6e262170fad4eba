"""HTTP: what is answered at which address, and what becomes of a call whose client goes away."""

from collections.abc import Coroutine
from typing import Any

import msgspec
from attrs import define, field
from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException

from mnemo.mcp.errors import INTERNAL_ERROR
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import AnyStream
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.transports.answering import CUT_OFF, STREAMED, Answering, Patience
from mnemo.transports.request import BoundedRequest, answer, failure_body, headers_of
from mnemo.transports.site import NOTHING_HERE
from mnemo.transports.sse import Streams

RETRY_AFTER = "2"
"""Seconds after which to ask again while the daemon starts or stops."""

Answer = Reply | AnyStream


@define(eq=False)
class Addresses:
    """
    The addresses of the daemon and what each answers.

    While C{health} says that the daemon does not serve, messages are told to come back.
    """

    endpoint: Endpoint
    health: Health
    streams: Streams
    clock: IReactorTime
    _running: set[Deferred[Any]] = field(factory=set, init=False)
    _patience: Patience = field(init=False)
    _drained: Deferred[None] = field(factory=Deferred, init=False)

    app = Klein()
    log = Logger()

    def __attrs_post_init__(self) -> None:
        self._patience = Patience(self.clock)

    @app.route("/mcp")
    @app.route("/mcp/")
    def mcp(self, request: BoundedRequest) -> Deferred[Any] | bytes:
        """The protocol's one address."""
        if not self.health.serving:
            return self._come_back(request)
        method = request.method.decode("latin-1")
        body = request.content.read()
        exchange = Exchange(method, headers_of(request), body, request.principal)
        answering = Answering(self.streams, request, exchange)
        if method == "POST":
            return self._run(self.endpoint.post(exchange, answering), answering, request)
        if method == "GET":
            return self._run(self.endpoint.get(exchange), answering, request)
        if method == "DELETE":
            return self._run(self.endpoint.delete(exchange), answering, request)
        return self._deliver(self.endpoint.refuse(exchange), request)

    @app.route("/health")
    def whole_health(self, request: Request) -> bytes:
        """All there is to say of the daemon's condition."""
        return answer(request, 200, msgspec.json.encode(self.health.report()))

    @app.route("/health/live")
    def live(self, request: Request) -> bytes:
        """Whether the process answers."""
        return answer(request, 200, msgspec.json.encode({"status": self.health.status}))

    @app.route("/health/ready")
    def ready(self, request: Request) -> bytes:
        """Whether calls are served."""
        status = 200 if self.health.serving else 503
        return answer(request, status, msgspec.json.encode({"status": self.health.status}))

    @app.handle_errors(HTTPException)
    def no_such_address(self, request: IRequest, failure: Failure) -> bytes:
        """Clients look for addresses that other servers have: they want a quick, plain no."""
        return answer(request, 404, NOTHING_HERE)

    @app.handle_errors(Exception)
    def defect(self, request: IRequest, failure: Failure) -> bytes:
        """A mistake of ours: the log has all of it, the client none."""
        self.log.failure("The answer to {method} failed.", failure, method=request.method)
        return answer(request, 500, failure_body("Internal error", INTERNAL_ERROR))

    async def finish(self, seconds: float) -> None:
        """
        Let the calls that run end, and cancel what still runs after C{seconds}.

        Streams end as well. No call may begin any more.
        """
        self.endpoint.end_listening()
        if self._running:
            self.log.info("Waiting for {count} running calls.", count=len(self._running))
            await self._drained.addTimeout(seconds, self.clock, onTimeoutCancel=_no_matter)
        for call in list(self._running):
            call.cancel()
        self._patience.stop()
        self.streams.close_all()

    def _run(
        self, work: Coroutine[Any, Any, Answer], answering: Answering, request: Request
    ) -> Deferred[Any] | bytes:
        answered = answering.start(work)
        if not answering.work.called:
            self._track(answering)
        elif isinstance(answered.result, Reply):
            # Nothing to wait for, and no need of a Deferred's ways.
            return self._reply(answered.result, request)
        return answered.addCallbacks(
            self._deliver, self._failed, callbackArgs=(request,), errbackArgs=(request,)
        )

    def _track(self, answering: Answering) -> None:
        """Count a call among those that run until it ends."""
        call = answering.work

        def ended(result: Any) -> Any:
            self._running.discard(call)
            self._patience.forget(answering)
            if not self._running and not self.health.serving and not self._drained.called:
                self._drained.callback(None)
            return result

        self._running.add(call)
        self._patience.watch(answering)
        call.addBoth(ended)

    def _deliver(self, reply: Answer | None, request: Request) -> bytes | Deferred[None]:
        if reply is STREAMED:
            return b""
        if isinstance(reply, Reply):
            return self._reply(reply, request)
        return self.streams.open(reply, request)

    def _reply(self, reply: Reply, request: Request) -> bytes:
        return answer(request, reply.status, reply.body, reply.headers)

    def _failed(self, failure: Failure, request: Request) -> bytes | Failure:
        """
        A call was cancelled by us, or by its client, who sees no answer any more.

        It had begun, so this is no 503, which would have the client send it again.
        """
        if failure.check(CancelledError) and not self.health.serving:
            return answer(request, 500, failure_body(CUT_OFF, INTERNAL_ERROR))
        return failure

    def _come_back(self, request: Request) -> bytes:
        body = failure_body("mnemo is starting or stopping; try again in a moment.", INTERNAL_ERROR)
        return answer(request, 503, body, [("Retry-After", RETRY_AFTER)])


def _no_matter(result: object, seconds: float) -> None:
    """Nobody is told that the time was up."""
