"""
The Streamable HTTP endpoint, of both eras: what each HTTP request is answered with.

It knows methods, headers and bodies, and nothing of sockets. Who may speak at all, and how
large a body may be, is decided before.
"""

from collections.abc import Callable
from typing import Literal

from attrs import define, field, frozen

from mnemo.mcp import headers, jsonrpc, legacy, modern, versions
from mnemo.mcp.errors import ProtocolError, invalid_request
from mnemo.mcp.headers import Headers
from mnemo.mcp.jsonrpc import Malformed, Notification, Request, Response
from mnemo.mcp.legacy import Dialogue
from mnemo.mcp.server import Server
from mnemo.sessions.interfaces import Session

RETRY_SECONDS = 60
"""After how long a client that found no room for its session may try again."""

_JSON = ("Content-Type", "application/json")


@frozen
class Exchange:
    """
    An HTTP request.

    @ivar headers: the values of each header, by its name in lower case
    @ivar principal: whose credential it came with
    """

    method: str
    headers: Headers
    body: bytes = b""
    principal: str = "local"


@frozen
class Reply:
    """A complete HTTP answer, but for the headers that the transport adds."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@define(eq=False)
class OpenStream:
    """
    The answer to a GET: an event stream that stays open until one side ends it.

    The transport sends the head of the answer, then calls L{attach}; when the connection has
    gone, for whatever reason, it calls L{detach}.
    """

    session: Session
    _endpoint: "Endpoint"
    dialogue: Dialogue = field(init=False)
    _close: Callable[[], None] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.dialogue = Dialogue(self._endpoint.server, self.session)

    def attach(self, send: Callable[[bytes], None], close: Callable[[], None]) -> None:
        """
        Begin. An older stream of the same session ends: the newest is the one that is read.

        @param send: sends one JSON-RPC message as an event; called at once if there is
            something to ask the client
        @param close: ends the stream from this side; called at most once
        """
        self._close = close
        self.session.streams += 1
        self._endpoint.stream_began(self)
        self.dialogue.begin(send)

    def detach(self) -> None:
        """The connection has gone. The session counts as active until now."""
        if self._close is None:
            return
        self._close = None
        self.dialogue.end()
        self.session.streams -= 1
        self._endpoint.stream_ended(self)

    def close(self) -> None:
        """End the stream from this side."""
        close = self._close
        self.detach()
        if close is not None:
            close()


@define(eq=False)
class Endpoint:
    """
    One MCP endpoint. Its coroutines may be cancelled at any time.

    @ivar server: what is offered here
    """

    server: Server
    _streams: dict[str, OpenStream] = field(init=False, factory=dict)

    def era(self, exchange: Exchange) -> Literal["modern", "legacy"]:
        """Of which era a request is. In the modern one, a client that disconnects cancels."""
        return "modern" if headers.is_modern(exchange.headers) else "legacy"

    async def post(self, exchange: Exchange) -> Reply:
        """Take one message."""
        problem = headers.check_post(exchange.headers)
        if problem is not None:
            return _refused(None, problem)
        message = jsonrpc.parse(exchange.body)
        if isinstance(message, Malformed):
            return _refused(message.id, message.problem)
        is_modern = headers.is_modern(exchange.headers)
        if not isinstance(message, Request):
            taking = self._drop if is_modern else self._take
            taken = await self.server.outcome(taking(exchange, message))
            return _refused(None, taken) if isinstance(taken, ProtocolError) else Reply(202)
        extra = [_JSON]
        if is_modern or modern.claimed(message.params):
            result = self._modern(exchange, message)
        else:
            result = self._legacy(exchange, message, extra)
        outcome = await self.server.outcome(result)
        if isinstance(outcome, ProtocolError):
            return _refused(message.id, outcome)
        return Reply(200, jsonrpc.result(message.id, outcome), tuple(extra))

    async def get(self, exchange: Exchange) -> Reply | OpenStream:
        """Open the stream of a legacy session."""
        if headers.is_modern(exchange.headers):
            return self.refuse(exchange)
        if not headers.accepts(exchange.headers, "text/event-stream"):
            problem = "The Accept header must allow text/event-stream"
            return _refused(None, invalid_request(problem, status=406))
        opened = await self.server.outcome(self._enter(exchange))
        if isinstance(opened, ProtocolError):
            return _refused(None, opened)
        return OpenStream(opened, self)

    async def delete(self, exchange: Exchange) -> Reply:
        """End a legacy session, and its stream with it."""
        if headers.is_modern(exchange.headers):
            return self.refuse(exchange)
        ended = await self.server.outcome(self._end(exchange))
        return _refused(None, ended) if isinstance(ended, ProtocolError) else Reply(200)

    def refuse(self, exchange: Exchange) -> Reply:
        """Answer an HTTP method that is not served: by the era, or not at all."""
        allowed = "POST" if headers.is_modern(exchange.headers) else "GET, POST, DELETE"
        problem = invalid_request(f"Method not allowed: use {allowed}", status=405)
        return _refused(None, problem, ("Allow", allowed))

    def stream_began(self, stream: OpenStream) -> None:
        """A session has a stream now; an older one of it ends."""
        older = self._streams.get(stream.session.id)
        self._streams[stream.session.id] = stream
        if older is not None:
            older.close()

    def stream_ended(self, stream: OpenStream) -> None:
        """A stream is no more."""
        session = stream.session
        if self._streams.get(session.id) is stream:
            del self._streams[session.id]
        self.server.sessions.find(session.id, session.opening.principal)

    # -- the modern era

    async def _modern(self, exchange: Exchange, request: Request) -> bytes:
        asked = modern.metadata(request.params)
        headers.check_body(exchange.headers, request, asked.version)
        hint = headers.project_hint(exchange.headers)
        return await modern.result(self.server, request, asked, exchange.principal, hint)

    async def _drop(self, exchange: Exchange, message: Notification | Response) -> None:
        """The modern era has no notification that means something over HTTP."""
        if isinstance(message, Response):
            raise invalid_request("Responses are not taken: this version asks the client nothing")
        versions.require_modern(headers.single(exchange.headers, headers.PROTOCOL_VERSION))

    # -- the legacy era

    async def _legacy(
        self, exchange: Exchange, request: Request, extra: list[tuple[str, str]]
    ) -> bytes:
        if request.method != "initialize":
            result = legacy.result(self.server, request, await self._enter(exchange))
        else:
            if headers.SESSION in exchange.headers:
                self._session(exchange)
            result = self._initialize(exchange, request, extra)
        try:
            return await result
        except ProtocolError as problem:
            problem.status = 200
            raise

    async def _initialize(
        self, exchange: Exchange, request: Request, extra: list[tuple[str, str]]
    ) -> bytes:
        hint = headers.project_hint(exchange.headers)
        session = await legacy.open_session(self.server, request.params, exchange.principal, hint)
        extra.append(("Mcp-Session-Id", session.id))
        return self.server.initialize(session.opening.version)

    async def _take(self, exchange: Exchange, message: Notification | Response) -> None:
        session = await self._enter(exchange)
        stream = self._streams.get(session.id)
        if stream is None:
            return
        if isinstance(message, Notification):
            stream.dialogue.notified(message)
        else:
            await stream.dialogue.outbound.answered(message)

    async def _end(self, exchange: Exchange) -> None:
        session = self._session(exchange)
        await self.server.sessions.end(session, "deleted")
        stream = self._streams.get(session.id)
        if stream is not None:
            stream.close()

    async def _enter(self, exchange: Exchange) -> Session:
        """The session of a request, in the project that the request hints at."""
        session = self._session(exchange)
        hint = headers.project_hint(exchange.headers)
        if hint:
            await self.server.projects.enter(session, hint)
        return session

    def _session(self, exchange: Exchange) -> Session:
        values = exchange.headers.get(headers.SESSION, ())
        if len(values) != 1:
            raise invalid_request(
                "Missing session ID: send one Mcp-Session-Id header, from initialize"
            )
        session = self.server.sessions.find(values[0].strip(), exchange.principal)
        if session is None or session.kind != "mcp":
            raise invalid_request("Session not found", status=404)
        return session


def _refused(id: jsonrpc.Id | None, problem: ProtocolError, *extra: tuple[str, str]) -> Reply:
    if problem.status == 503:
        extra = (*extra, ("Retry-After", str(RETRY_SECONDS)))
    return Reply(problem.status, jsonrpc.error(id, problem), (_JSON, *extra))
