"""
WebSockets, by autobahn: what a message may be, who is let in, and how a connection ends.

RFC 6455. What the messages say is a matter of L{mnemo.transports.websocket_talk}.
"""

from collections import Counter, deque
from typing import Any, Final

from attrs import frozen
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from txaio import tx
from zope.interface import implementer

from mnemo import __version__
from mnemo.transports.websocket_talk import GOING_AWAY, House, Talk

MESSAGE_LIMIT: Final = 32 * 1024 * 1024
"""The longest message, in bytes, in either direction."""

FRAGMENTS: Final = 16_384
"""The most fragments that one message may come in."""

HELD: Final = 8 * 1024 * 1024
"""How many bytes may wait for a client that does not read, before the next message ends it."""

PING_SECONDS: Final = 25
PONG_SECONDS: Final = 10
"""How often a client is pinged, and how long it may take to show that it is there."""

CLOSE_SECONDS: Final = 1
"""How long a client may take to answer that the connection closes."""

SUBPROTOCOL: Final = "mcp"

_UNSUPPORTED = 1003
_POLICY = 1008
_TOO_BIG = 1009


@frozen
class Limits:
    """
    How many may be connected.

    @ivar everywhere: in all
    @ivar of_one_address: from one address; all that is on this machine is one
    """

    everywhere: int = 2000
    of_one_address: int = 1000


@implementer(IPushProducer)
class Socket(WebSocketServerProtocol):
    """One client's connection (a L{mnemo.transports.websocket_talk.Channel})."""

    factory: "WebSockets"
    _talk: Talk | None = None
    _paused = False
    _held_bytes = 0
    _fragments = 0

    def __init__(self, principal: str, hint: str, address: str) -> None:
        super().__init__()
        self.address = address
        self._principal = principal
        self._hint = hint
        self._waiting: deque[bytes] = deque()

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        return self._talk is None or self._talk.idle

    # -- what autobahn says

    def onConnect(self, request: ConnectionRequest) -> str | None:  # noqa: N802
        """The sub-protocol, if the client knows ours. Others are served without one."""
        return SUBPROTOCOL if SUBPROTOCOL in request.protocols else None

    def onOpen(self) -> None:  # noqa: N802
        """The connection stands."""
        # It has been the producer of an HTTP connection until now.
        self.unregisterProducer()
        self.registerProducer(self, True)
        refusal = self.factory.admit(self)
        if refusal is not None:
            self.close(*refusal)
            return
        speaks_mcp = self.websocket_protocol_in_use == SUBPROTOCOL
        self._talk = Talk(self.factory.house, self, self._principal, self._hint, speaks_mcp)
        self._talk.begin()

    def onMessageBegin(self, isBinary: bool) -> None:  # noqa: N802, N803
        """A message begins."""
        self._fragments = 0
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        """A fragment begins; however short they are, each costs memory."""
        self._fragments += 1
        super().onMessageFrameBegin(length)
        if self._fragments > FRAGMENTS and not self.failedByMe:
            self._fail_connection(_TOO_BIG, f"more than {FRAGMENTS} fragments")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        """A whole message has come."""
        if self._talk is None or self.state != self.STATE_OPEN:
            return
        if isBinary:
            self.close(_UNSUPPORTED, "messages are text")
        else:
            self._talk.receive(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """The connection has gone."""
        talk, self._talk = self._talk, None
        self._waiting.clear()
        self.factory.lost(self, talk)

    # -- what the talk says

    def send(self, message: bytes) -> None:
        """Send a text message, or hold it while the client is slow."""
        if self.state != self.STATE_OPEN:
            return
        if len(message) > MESSAGE_LIMIT:
            self.close(_TOO_BIG, f"an answer is longer than {MESSAGE_LIMIT} bytes")
        elif not self._paused:
            self.sendMessage(message)
        elif self._held_bytes > HELD:
            self.factory.log.warn("A client does not read: {peer} is cut off.", peer=self.address)
            self.dropConnection(abort=True)
        else:
            self._waiting.append(message)
            self._held_bytes += len(message)

    def close(self, code: int, reason: str) -> None:
        """Begin the end of the connection. What is held for the client goes first."""
        while self._waiting and self.state == self.STATE_OPEN:
            self.sendMessage(self._waiting.popleft())
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code, reason.encode())

    # -- the end of the daemon

    def finish(self) -> None:
        """Close as soon as nothing is being answered."""
        if self._talk is not None:
            self._talk.finish()
        if self._talk is None or self._talk.idle:
            self.leave()
        else:
            self._talk.on_idle = self.leave

    def leave(self) -> None:
        """Close now."""
        if self._talk is None:
            self.close(GOING_AWAY, "mnemo stops")
        else:
            self._talk.leave()

    # -- the transport

    def pauseProducing(self) -> None:
        """The transport holds as much as it likes to."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport takes more."""
        self._paused = False
        while self._waiting and not self._paused and self.state == self.STATE_OPEN:
            message = self._waiting.popleft()
            self._held_bytes -= len(message)
            self.sendMessage(message)

    def stopProducing(self) -> None:
        """The transport is gone."""
        self._waiting.clear()


class WebSockets(WebSocketServerFactory):
    """
    The connections there are.

    @ivar house: what their talks have in common
    @ivar limits: how many there may be
    """

    log = Logger()
    noisy = False

    def __init__(self, house: House, limits: Limits | None = None) -> None:
        # autobahn takes its timers from the one clock that txaio keeps for the process.
        tx.config.loop = house.clock  # type: ignore[assignment]
        super().__init__(server=f"mnemo/{__version__}", reactor=house.clock)
        self.house = house
        self.limits = limits or Limits()
        self._open: set[Socket] = set()
        self._addresses: Counter[str] = Counter()
        self._ending: set[Deferred[Any]] = set()
        self._finishing = False
        self._emptied: Deferred[None] | None = None
        self.setProtocolOptions(
            webStatus=False,
            maxFramePayloadSize=MESSAGE_LIMIT,
            maxMessagePayloadSize=MESSAGE_LIMIT,
            failByDrop=False,
            closeHandshakeTimeout=CLOSE_SECONDS,
            autoPingInterval=PING_SECONDS,
            autoPingTimeout=PONG_SECONDS,
        )

    def __len__(self) -> int:
        return len(self._open)

    def socket(self, principal: str, hint: str, address: str) -> Socket:
        """A connection that is about to stand."""
        socket = Socket(principal, hint, address)
        socket.factory = self
        return socket

    def admit(self, socket: Socket) -> tuple[int, str] | None:
        """Count a connection; why it has to close at once, or C{None} where it may stay."""
        refusal = None
        if self._finishing:
            refusal = (GOING_AWAY, "mnemo stops")
        elif len(self._open) >= self.limits.everywhere:
            refusal = (_POLICY, "too many connections")
        elif self._addresses[socket.address] >= self.limits.of_one_address:
            refusal = (_POLICY, "too many connections from this address")
        else:
            self._addresses[socket.address] += 1
            self._open.add(socket)
        return refusal

    def lost(self, socket: Socket, talk: Talk | None) -> None:
        """A connection has gone; its talk ends."""
        if socket in self._open:
            self._open.remove(socket)
            self._addresses -= Counter([socket.address])
        if talk is not None:
            self._end(talk)
        self._look_whether_empty()

    async def finish(self, seconds: float) -> None:
        """
        Close every connection as soon as nothing is being answered on it, and give up what
        still is before C{seconds} are over. None stays open from now on.
        """
        closing = 2 * CLOSE_SECONDS
        self._finishing = True
        for socket in list(self._open):
            socket.finish()
        await self._wait(max(seconds - closing, 0))
        for socket in list(self._open):
            socket.leave()
        await self._wait(closing)

    def _end(self, talk: Talk) -> None:
        ending = Deferred.fromCoroutine(talk.end(self._finishing))
        self._ending.add(ending)
        ending.addErrback(lambda failure: self.log.failure("A talk did not end well.", failure))
        ending.addBoth(self._ended, ending)

    def _ended(self, _: object, ending: "Deferred[Any]") -> None:
        self._ending.discard(ending)
        self._look_whether_empty()

    def _look_whether_empty(self) -> None:
        if self._emptied is not None and not self._open and not self._ending:
            emptied, self._emptied = self._emptied, None
            emptied.callback(None)

    async def _wait(self, seconds: float) -> None:
        """Until every talk has ended, or so long."""
        emptied: Deferred[None] = Deferred()
        self._emptied = emptied
        self._look_whether_empty()
        await emptied.addTimeout(seconds, self.house.clock, _no_matter)
        self._emptied = None


def _no_matter(result: object, seconds: float) -> None:
    """Nobody is told that the time was up."""
