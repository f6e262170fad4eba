"""
HTTP+SSE, the transport of protocol version 2024-11-05, which many clients still prefer.

A client opens a stream by C{GET /sse}. The stream's first event names the address to which it
posts its messages; what they are answered comes as events. The root of the server is the same,
for clients that were given no path.
"""

import secrets
from collections.abc import Callable
from typing import Final

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from mnemo.mcp import headers
from mnemo.mcp.connection import Connection
from mnemo.mcp.errors import INTERNAL_ERROR
from mnemo.mcp.get_streams import SendEvent
from mnemo.mcp.server import Server
from mnemo.observe.health import Health
from mnemo.transports.conversation import Conversation
from mnemo.transports.request import BoundedRequest, answer, failure_body, header_values, headers_of
from mnemo.transports.sse import Streams

MESSAGES: Final = "/messages"

WELCOME: Final = b"mnemo serves MCP here: at /mcp, /sse and /ws. /health says how it is.\n"

_RETRY = 250
"""Milliseconds after which a client looks whether a daemon that was gone is there again."""

_RETRY_AFTER = ("Retry-After", "2")
_STEP = 0.05


@define(eq=False)
class Mailbox:
    """
    A stream, and the conversation that it carries the answers of.

    @ivar principal: whose stream it is: to anybody else its address is none
    """

    id: str
    principal: str
    connection: Connection
    conversation: Conversation
    _box: "Mailboxes"
    _send: SendEvent | None = field(init=False, default=None)
    _close: Callable[[], None] | None = field(init=False, default=None)

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """The stream is open."""
        self._send, self._close = send, close
        self._box.open[self.id] = self

    def send(self, message: bytes) -> None:
        """Send a message, if somebody listens."""
        if self._send is not None:
            self._send(message)

    def detach(self) -> None:
        """The stream is over, and the conversation with it."""
        self._send = self._close = None
        if self._box.open.pop(self.id, None) is not None:
            self._box.end(self)

    def close(self) -> None:
        """End the stream from this side."""
        if self._close is not None:
            self._close()


@define(eq=False)
class Mailboxes:
    """
    The streams that are open, and what their clients post.

    @ivar open: by the C{sessionId} in the address of each
    """

    server: Server
    health: Health
    streams: Streams
    clock: IReactorTime
    open: dict[str, Mailbox] = field(factory=dict, init=False)
    _ending: set[Deferred[None]] = field(factory=set, init=False)

    log = Logger()

    def listen(self, request: BoundedRequest) -> bytes | int:
        """Open a stream. Its first event says where to post to."""
        if not self.health.serving:
            return _come_back(request)
        box = self._new(request)
        address = f"{MESSAGES}?sessionId={box.id}"
        first = f"event: endpoint\ndata: {address}\nretry: {_RETRY}\n\n".encode()
        ended = self.streams.open(box, request, first)
        request.notifyFinish().addErrback(lambda _: ended.cancel())
        ended.addCallbacks(lambda _: request.finish(), lambda gone: gone.trap(CancelledError))
        ended.addErrback(lambda failure: self.log.failure("A stream failed.", failure))
        return NOT_DONE_YET

    def take(self, request: BoundedRequest) -> bytes:
        """Accept a message; what it is answered comes on the stream."""
        if not self.health.serving:
            return _come_back(request)
        ids = request.args.get(b"sessionId", [])
        if len(ids) != 1:
            return answer(request, 400, failure_body("The query needs one sessionId."))
        box = self.open.get(ids[0].decode("latin-1"))
        if box is None or box.principal != request.principal:
            return answer(request, 404, failure_body("There is no stream with this sessionId."))
        for version in header_values(request, b"MCP-Protocol-Version")[:1]:
            box.connection.version = version.strip()
        box.conversation.receive(request.content.read())
        return answer(request, 202)

    def end(self, box: Mailbox) -> None:
        """Give up what a stream's client still waits for, and end its session."""
        ending = Deferred.fromCoroutine(box.conversation.end())
        self._ending.add(ending)
        ending.addErrback(lambda failure: self.log.failure("A session did not end.", failure))
        ending.addBoth(lambda _: self._ending.discard(ending))

    async def settle(self, until: float) -> None:
        """Wait until every message is answered, or the clock shows C{until}."""
        boxes = list(self.open.values())
        for box in boxes:
            box.connection.end_listening()
        while self.clock.seconds() < until and not all(box.conversation.idle for box in boxes):
            await deferLater(self.clock, _STEP)

    async def finish(self) -> None:
        """Close the streams, and wait until their sessions have ended."""
        for box in list(self.open.values()):
            box.close()
        for ending in list(self._ending):
            await ending

    def _new(self, request: BoundedRequest) -> Mailbox:
        said = headers_of(request)
        version = (said.get(headers.PROTOCOL_VERSION) or ("",))[0].strip()

        def send(message: bytes) -> None:
            box.send(message)

        hint = headers.project_hint(said)
        connection = Connection(self.server, send, request.principal, hint, version)
        box = Mailbox(
            # It tells which stream, and to nobody but the client whose stream it is.
            secrets.token_urlsafe(24),
            request.principal,
            connection,
            Conversation(connection, send, self.clock),
            self,
        )
        return box


class SseAddress(Resource):
    """C{/sse}: a stream, by C{GET} alone. The refusal tells clients of newer transports."""

    isLeaf = True

    def __init__(self, boxes: Mailboxes) -> None:
        super().__init__()
        self._boxes = boxes

    def render(self, request: BoundedRequest) -> bytes | int:
        """The stream."""
        return self._boxes.listen(request) if request.method == b"GET" else _only(request, "GET")


class MessagesAddress(Resource):
    """C{/messages?sessionId=…}: where a stream's client posts."""

    isLeaf = True

    def __init__(self, boxes: Mailboxes) -> None:
        super().__init__()
        self._boxes = boxes

    def render(self, request: BoundedRequest) -> bytes | int:
        """That it is accepted."""
        return self._boxes.take(request) if request.method == b"POST" else _only(request, "POST")


class RootAddress(Resource):
    """C{/}: whatever the client takes it for, since some are registered without a path."""

    isLeaf = True

    def __init__(self, boxes: Mailboxes, messages: IResource) -> None:
        """
        @param messages: what C{/mcp} answers
        """
        super().__init__()
        self._boxes = boxes
        self._messages = messages

    def render(self, request: BoundedRequest) -> bytes | int:
        """A stream, the answer to a message, or a word for a person."""
        said = headers_of(request)
        accepted = ",".join(said.get("accept", ())).lower()
        if request.method in (b"POST", b"DELETE") or headers.SESSION in said:
            return self._to_mcp(request)
        if request.method not in (b"GET", b"HEAD"):
            return _only(request, "GET, POST, DELETE")
        if "text/event-stream" in accepted:
            # Who would take JSON as well speaks the newer transport, and only looks around.
            is_newer = "application/json" in accepted
            return self._to_mcp(request) if is_newer else self._boxes.listen(request)
        body = answer(request, 200, WELCOME, [("Content-Type", "text/plain; charset=utf-8")])
        return b"" if request.method == b"HEAD" else body

    def _to_mcp(self, request: BoundedRequest) -> bytes | int:
        answered: bytes | int = self._messages.render(request)
        return answered


def _only(request: BoundedRequest, methods: str) -> bytes:
    body = failure_body(f"Method not allowed: use {methods}")
    return answer(request, 405, body, [("Allow", methods)])


def _come_back(request: BoundedRequest) -> bytes:
    body = failure_body("mnemo is starting or stopping; try again in a moment.", INTERNAL_ERROR)
    return answer(request, 503, body, [_RETRY_AFTER])
