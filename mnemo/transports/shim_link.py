"""The shim's connection to the daemon: one WebSocket, with pings, that carries plain messages."""

from collections.abc import Mapping
from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.interfaces import IAddress, IConnector
from twisted.python.failure import Failure

from mnemo.transports.upstream import Address

CONNECT_SECONDS = 2.0
HANDSHAKE_SECONDS = 5.0
PING_SECONDS = 25.0
PONG_SECONDS = 10.0
CLOSE_SECONDS = 0.3
"""How long the daemon may take to close a connection when both have said that it ends."""

_REFUSALS = ("401", "403")


class IBridge(Protocol):
    """Who has a connection made."""

    def opened(self, link: "Link") -> None:
        """There is a connection."""

    def from_daemon(self, data: bytes) -> None:
        """A message has come."""

    def closed(self) -> None:
        """The connection has gone."""

    def refused(self, problem: str) -> None:
        """There is none, and a second attempt will come to nothing either."""

    def failed(self, problem: str) -> None:
        """There is none."""


class Link(WebSocketClientProtocol):
    """One connection. An L{mnemo.transports.shim_session.ILink}."""

    def __init__(self, bridge: IBridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._has_opened = False

    @property
    def is_up(self) -> bool:
        """Whether messages still get through."""
        return bool(self.state == self.STATE_OPEN)

    def send(self, message: bytes) -> None:
        """Send a message, if there is a way."""
        if self.is_up:
            self.sendMessage(message)

    def drop(self) -> None:
        """Close the connection."""
        self.sendClose(1000)

    def onOpen(self) -> None:  # noqa: N802
        """The handshake is done."""
        self._has_opened = True
        self._bridge.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        """A message has come."""
        self._bridge.from_daemon(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """It has closed, or has never come to be."""
        answered = getattr(self, "http_status_line", "").partition(" ")[2]
        if self._has_opened:
            self._bridge.closed()
        elif answered.startswith(_REFUSALS):
            self._bridge.refused(f"The mnemo daemon refuses the connection ({answered}).")
        else:
            self._bridge.failed(f"The mnemo daemon takes no connection ({answered or reason}).")


class _LinkFactory(WebSocketClientFactory):
    """Makes the link of one attempt."""

    noisy = False

    def __init__(self, bridge: IBridge, **more: Any) -> None:
        super().__init__(**more)
        self._bridge = bridge

    def buildProtocol(self, address: IAddress | None) -> Link:  # noqa: N802
        """The link."""
        link = Link(self._bridge)
        link.factory = self
        return link

    def clientConnectionFailed(  # noqa: N802
        self, connector: Any, reason: Failure
    ) -> None:
        """There is nobody at the other end."""
        where = connector.getDestination()
        self._bridge.failed(f"No mnemo daemon answers on port {where.port} of {where.host}.")


def connect(
    reactor: Any, address: Address, headers: Mapping[str, str], bridge: IBridge
) -> IConnector:
    """Try to get a connection; C{bridge} is told what comes of it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    factory = _LinkFactory(
        bridge,
        url=f"ws://{host}:{address.port}{address.path}",
        protocols=["mcp"],
        headers=dict(headers),
        useragent="mnemo-shim",
        reactor=reactor,
    )
    factory.setProtocolOptions(
        openHandshakeTimeout=HANDSHAKE_SECONDS,
        serverConnectionDropTimeout=CLOSE_SECONDS,
        closeHandshakeTimeout=CLOSE_SECONDS,
        autoPingInterval=PING_SECONDS,
        autoPingTimeout=PONG_SECONDS,
    )
    connector: IConnector = reactor.connectTCP(address.host, address.port, factory, CONNECT_SECONDS)
    return connector
