"""One client on this process's own stdin and stdout, served without a daemon."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.mcp import jsonrpc
from mnemo.mcp.connection import Connection
from mnemo.mcp.errors import INTERNAL_ERROR, ProtocolError
from mnemo.transports.conversation import Conversation

GRACE_SECONDS = 1.0
"""How long a conversation goes on when the client has closed its end, or is not served."""


@implementer(IHalfCloseableProtocol)
class StdioServer(Protocol):
    """
    A message a line, in and out.

    Lines that come before L{serve} or L{refuse} are held.

    @ivar gone: fires when the conversation is over
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, on_call: Callable[[], object]) -> None:
        """
        @param on_call: told of each C{tools/call} before it begins
        """
        self.gone: Deferred[None] = Deferred()
        self._clock = clock
        self._on_call = on_call
        self._buffer = b""
        self._held: list[bytes] = []
        self._conversation: Conversation | None = None
        self._refusal = ""
        self._has_ended = False
        self._grace: IDelayedCall | None = None

    def serve(self, connection: Connection) -> None:
        """Answer by C{connection}: what was held, and everything from now on."""
        self._conversation = conversation = Conversation(connection, self.send, self._clock)
        conversation.on_request = self._requested
        conversation.on_idle = self._end_if_idle
        self._release()

    def refuse(self, reason: str) -> None:
        """Tell the client, when it first asks something, that it is not served, and why."""
        self._refusal = reason
        self._release()

    def send(self, message: bytes) -> None:
        """Send a message. It holds no line break: nothing that mnemo encodes does."""
        if self.transport is not None:
            self.transport.write(message + b"\n")

    def end(self) -> None:
        """Write out what is still to be written, and have done."""
        self._end_soon()
        if self.transport is not None:
            self.transport.loseConnection()

    # -- what the transport says

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in filter(bytes.strip, lines):
            self._take(line)

    def readConnectionLost(self) -> None:
        """The client has closed its end."""
        if self._buffer.strip():
            self._take(self._buffer)
        self._has_ended = True
        if self._conversation is not None:
            self._conversation.end_listening()
        self._end_soon()
        self._end_if_idle()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more."""
        self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Everything is closed."""
        self._finish()

    # -- messages

    def _release(self) -> None:
        # What is still held keeps the answer to what is not from ending the conversation.
        while self._held:
            self._take(self._held.pop(0))
        self._end_if_idle()

    def _take(self, line: bytes) -> None:
        if self._refusal:
            self._turn_away(jsonrpc.parse(line))
        elif self._conversation is None:
            self._held.append(line)
        else:
            self._conversation.receive(line)

    def _requested(self, method: str) -> None:
        if method == "tools/call":
            self._on_call()

    def _turn_away(self, message: jsonrpc.Message | jsonrpc.Malformed) -> None:
        if isinstance(message, jsonrpc.Request):
            self.send(jsonrpc.error(message.id, ProtocolError(INTERNAL_ERROR, self._refusal)))
            self._end_soon()

    # -- the end

    def _end_soon(self) -> None:
        if self._grace is None:
            self._grace = self._clock.callLater(GRACE_SECONDS, self._finish)

    def _finish(self) -> None:
        if self._grace is not None and self._grace.active():
            self._grace.cancel()
        if self._conversation is not None:
            self._conversation.cancel_all()
        if not self.gone.called:
            self.gone.callback(None)

    def _end_if_idle(self) -> None:
        is_idle = self._conversation is None or self._conversation.idle
        if self._has_ended and is_idle and not self._held:
            self.end()
