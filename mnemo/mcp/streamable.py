"""
The Streamable HTTP endpoint, of both eras: what each HTTP request is answered with.

It knows methods, headers and bodies, and nothing of sockets. Who may speak at all, and how
large a body may be, is decided before.
"""

from weakref import WeakKeyDictionary

from attrs import define, field

from mnemo.mcp import batch, headers, jsonrpc, legacy, modern, param_headers, versions
from mnemo.mcp.answer_stream import AnswerStream
from mnemo.mcp.dialogue import Dialogue
from mnemo.mcp.errors import ProtocolError, invalid_request
from mnemo.mcp.exchanges import ACCEPTED, Exchange, Reply, json_reply, refused
from mnemo.mcp.get_streams import AnyStream, LostStream, OpenStream, ResumedStream
from mnemo.mcp.jsonrpc import Batch, Malformed, Notification, Request, Response
from mnemo.mcp.listening import Listening
from mnemo.mcp.replay import request_of
from mnemo.mcp.running import Running, cancelled
from mnemo.mcp.server import Server
from mnemo.sessions.interfaces import Session

EVENTS = "text/event-stream"


@define(eq=False)
class Endpoint:
    """
    One MCP endpoint. Its coroutines may be cancelled at any time.

    @ivar server: what is offered here
    @ivar running: the requests of sessions that are being answered
    """

    server: Server
    running: Running = field(init=False, factory=Running)
    _listening: Listening = field(init=False)
    _dialogues: WeakKeyDictionary[Session, Dialogue] = field(init=False, factory=WeakKeyDictionary)

    def __attrs_post_init__(self) -> None:
        self._listening = Listening(self.server)

    async def post(self, exchange: Exchange, stream: AnswerStream | None = None) -> Reply:
        """
        Take what was posted.

        @param stream: what the answer may become; where it has begun, the body of the reply is
            what it is to be finished with
        """
        if stream is None:
            stream = AnswerStream()
        problem = headers.check_post(exchange.headers)
        if problem is not None:
            return refused(None, problem)
        message = jsonrpc.parse(exchange.body)
        is_modern = headers.is_modern(exchange.headers)
        if isinstance(message, Batch) and not is_modern:
            return await self._batch(exchange, message, stream)
        if isinstance(message, Malformed):
            return refused(message.id, message.problem)
        if not isinstance(message, Request):
            taking = self._drop if is_modern else self._take
            taken = await self.server.outcome(taking(exchange, message))
            return refused(None, taken) if isinstance(taken, ProtocolError) else ACCEPTED
        stream.id = message.id
        extra: list[tuple[str, str]] = []
        if is_modern or modern.claimed(message.params):
            result = self._modern(exchange, message, stream)
        else:
            result = self._legacy(exchange, message, stream, extra)
        outcome = await self.server.outcome(result)
        if isinstance(outcome, ProtocolError):
            return refused(message.id, outcome)
        return json_reply(jsonrpc.result(message.id, outcome), *extra)

    async def get(self, exchange: Exchange) -> Reply | AnyStream:
        """Open the stream of a legacy session, or go on with one that broke."""
        if headers.is_modern(exchange.headers):
            return self.refuse(exchange)
        if not headers.accepts(exchange.headers, EVENTS):
            problem = "The Accept header must allow text/event-stream"
            return refused(None, invalid_request(problem, status=406))
        opened = await self.server.outcome(self._opened(exchange))
        return refused(None, opened) if isinstance(opened, ProtocolError) else opened

    async def delete(self, exchange: Exchange) -> Reply:
        """End a legacy session, and its streams with it."""
        if headers.is_modern(exchange.headers):
            return self.refuse(exchange)
        ended = await self.server.outcome(self._end(exchange))
        return refused(None, ended) if isinstance(ended, ProtocolError) else Reply(200)

    def refuse(self, exchange: Exchange) -> Reply:
        """Answer an HTTP method that is not served: by the era, or not at all."""
        allowed = "POST" if headers.is_modern(exchange.headers) else "GET, POST, DELETE"
        problem = invalid_request(f"Method not allowed: use {allowed}", status=405)
        return refused(None, problem, ("Allow", allowed))

    def end_listening(self) -> None:
        """Answer every C{subscriptions/listen}: there will be no more news."""
        self._listening.end()

    # -- the modern era

    async def _modern(self, exchange: Exchange, request: Request, stream: AnswerStream) -> bytes:
        asked = modern.metadata(request.params)
        headers.check_body(exchange.headers, request, asked.version)
        versions.require_modern(asked.version)
        if request.method == "tools/call":
            self._check_arguments(exchange, request)
        if headers.accepts(exchange.headers, EVENTS):
            stream.allow()
        return await modern.result(
            self.server,
            request,
            asked,
            exchange.principal,
            headers.project_hint(exchange.headers),
            stream.send if stream.allowed else None,
            self._listening,
        )

    def _check_arguments(self, exchange: Exchange, request: Request) -> None:
        """Raise L{ProtocolError} where headers do not repeat the arguments that they must."""
        tool = self.server.tools.find(request.params.get("name"))
        arguments = request.params.get("arguments")
        if tool is not None and type(arguments) in (dict, type(None)):
            schema = tool.description.input_schema
            param_headers.check_params(exchange.headers, schema, arguments or {})

    async def _drop(self, exchange: Exchange, message: Notification | Response) -> None:
        """The modern era has no notification that means something over HTTP."""
        if isinstance(message, Response):
            raise invalid_request("Responses are not taken: this version asks the client nothing")
        versions.require_modern(headers.single(exchange.headers, headers.PROTOCOL_VERSION))

    # -- the legacy era

    async def _legacy(
        self,
        exchange: Exchange,
        request: Request,
        stream: AnswerStream,
        extra: list[tuple[str, str]],
    ) -> bytes:
        if request.method != "initialize":
            session = await self._enter(exchange)
            self._allow(stream, session, exchange)
            result = self._served(session, request, stream)
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

    def _allow(self, stream: AnswerStream, session: Session, exchange: Exchange) -> None:
        if headers.accepts(exchange.headers, EVENTS):
            stream.allow(self._dialogue(session))

    async def _served(self, session: Session, request: Request, stream: AnswerStream) -> bytes:
        """The result of a request within a session, which a notification may cancel."""

        async def join() -> tuple[Session, Dialogue]:
            return session, self._dialogue(session)

        self.running.begin(session.id, request.id, stream)
        try:
            return await legacy.result(
                self.server,
                request,
                session.opening.version,
                join,
                stream.send if stream.allowed else None,
                stream.release,
            )
        except self.server.cancelled:
            if not stream.given_up:
                raise
            raise cancelled() from None
        finally:
            self.running.end(session.id, request.id, stream)

    async def _batch(self, exchange: Exchange, message: Batch, stream: AnswerStream) -> Reply:
        answered = await self.server.outcome(self._batched(exchange, message, stream))
        if isinstance(answered, ProtocolError):
            return refused(None, answered)
        return ACCEPTED if answered is None else json_reply(answered)

    async def _batched(
        self, exchange: Exchange, message: Batch, stream: AnswerStream
    ) -> bytes | None:
        session = await self._enter(exchange)
        found = batch.messages(message, session.opening.version)
        self._allow(stream, session, exchange)

        async def take(each: Request | Notification | Response) -> bytes | None:
            if not isinstance(each, Request):
                await self._noted(session, each)
                return None
            outcome = await self.server.outcome(self._served(session, each, stream))
            if isinstance(outcome, ProtocolError):
                return jsonrpc.error(each.id, outcome)
            return jsonrpc.result(each.id, outcome)

        return await batch.answer(found, take)

    async def _take(self, exchange: Exchange, message: Notification | Response) -> None:
        await self._noted(await self._enter(exchange), message)

    async def _noted(self, session: Session, message: Notification | Response) -> None:
        """A message that wants no answer has come."""
        method = "" if isinstance(message, Response) else message.method
        if isinstance(message, Notification) and method == "notifications/cancelled":
            self.running.cancel(session.id, message.params.get("requestId"))
        elif session in self._dialogues or method == "notifications/roots/list_changed":
            await self._dialogue(session).taken(message)

    async def _opened(self, exchange: Exchange) -> AnyStream:
        session = await self._enter(exchange)
        dialogue = self._dialogue(session)
        last = headers.single(exchange.headers, "last-event-id")
        found = dialogue.journal.find(last) if last and dialogue.journal is not None else None
        if found is None:
            # Where it was a request's, its client still waits for the answer.
            lost = request_of(last)
            return (
                LostStream(lost) if lost is not None else OpenStream(session, dialogue, self._left)
            )
        track, number = found
        if track is dialogue.standing:
            return OpenStream(session, dialogue, self._left, number)
        return ResumedStream(session, track, number)

    def _left(self, stream: OpenStream) -> None:
        """A stream is over: its session was active until now."""
        session = stream.session
        self.server.sessions.find(session.id, session.opening.principal)

    async def _end(self, exchange: Exchange) -> None:
        session = self._session(exchange)
        await self.server.sessions.end(session, "deleted")
        dialogue = self._dialogues.pop(session, None)
        if dialogue is not None:
            dialogue.close()

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

    def _dialogue(self, session: Session) -> Dialogue:
        dialogue = self._dialogues.get(session)
        if dialogue is None:
            dialogue = self._dialogues[session] = Dialogue(self.server, session, session.opening)
        return dialogue
