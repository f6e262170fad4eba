"""The HTTP side of the daemon in memory: bytes in, bytes out, no socket."""

from collections.abc import Sequence
from typing import Any

import msgspec
from attrs import define, field, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.server import Site

from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.transports.credentials import Credentials
from mnemo.transports.front import Front
from mnemo.transports.guard import Guard
from mnemo.transports.http import Addresses
from mnemo.transports.sse import Streams
from tests.mcp.fakes import FakeSessions, WaitingTool, make_server, tools

HEADERS = (
    "Host: 127.0.0.1:9999",
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
)


@frozen
class Response:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return msgspec.json.decode(self.body)


class Transport(StringTransport):
    """A connection that remembers how it was ended, and a reader that may be slow."""

    aborted = False

    def __init__(self) -> None:
        super().__init__(IPv4Address("TCP", "127.0.0.1", 50000))
        self.protocol: IProtocol | None = None

    def loseConnection(self) -> None:
        if not self.disconnecting:
            super().loseConnection()
            self.hang_up()

    def abortConnection(self) -> None:
        self.aborted = True
        self.hang_up()

    def hang_up(self) -> None:
        """The connection is gone, whoever ended it."""
        if self.protocol is not None:
            protocol, self.protocol = self.protocol, None
            protocol.connectionLost(Failure(ConnectionDone()))

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """It is said to every connection."""


@define(eq=False)
class Connection:
    """One client's connection."""

    transport: Transport
    channel: Any

    def send(self, data: bytes) -> None:
        """Bytes from the client."""
        self.channel.dataReceived(data)

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Sequence[str] = HEADERS,
        version: str = "1.1",
    ) -> None:
        """A whole request."""
        lines = [f"{method} {path} HTTP/{version}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def taken(self) -> bytes:
        """What has been written since the last look."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    @property
    def producer(self) -> Any:
        """What writes to the transport."""
        return self.transport.producer

    def fall_behind(self) -> None:
        """The client does not read, and the transport holds as much as it likes to."""
        self.producer.pauseProducing()

    def catch_up(self) -> None:
        """The client reads again."""
        self.producer.resumeProducing()

    def kept(self) -> bytes:
        """What is kept of the body of the request that is being read."""
        content: bytes = self.channel.requests[-1].content.getvalue()
        return content

    def responses(self) -> list[Response]:
        """The complete responses written since the last look."""
        found, rest = [], self.taken()
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            status, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            length = int(headers["content-length"])
            found.append(Response(int(status.split()[1]), headers, rest[:length]))
            rest = rest[length:]
        return found

    def response(self) -> Response:
        """The one response that was written since the last look."""
        (one,) = self.responses()
        return one


def no_facts() -> dict[str, object]:
    """What no parts have to say."""
    return {}


def no_problems() -> list[str]:
    """All is well."""
    return []


def good_legs(now: float) -> Deferred[dict[str, str]]:
    """Both legs are well."""
    return succeed({"text": "", "vector": ""})


@define(eq=False)
class Daemon:
    """The HTTP side of a daemon, with the sessions and tools of the protocol's tests."""

    guard: Guard = field(factory=Guard)
    credentials: Credentials = field(factory=Credentials)
    clock: Clock = field(factory=Clock)
    sessions: FakeSessions = field(factory=FakeSessions)
    defects: list[BaseException] = field(factory=list)
    waiting: WaitingTool = field(init=False)
    health: Health = field(init=False)
    streams: Streams = field(init=False)
    front: Front = field(init=False)
    addresses: Addresses = field(init=False)
    site: Site = field(init=False)

    def __attrs_post_init__(self) -> None:
        offered = tools()
        (self.waiting,) = (tool for tool in offered if isinstance(tool, WaitingTool))
        server = make_server(self.sessions, offered, defects=self.defects)
        self.health = Health(self.clock, "1.2.3", no_facts, no_problems, good_legs)
        self.health.stage = "serving"
        self.streams = Streams(self.clock, self.health.boot)
        self.front = Front(
            Endpoint(server), self.health, self.streams, self.clock, self.guard, self.credentials
        )
        self.addresses, self.site = self.front.addresses, self.front.site

    def connect(self) -> Connection:
        """A new connection."""
        channel = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        transport = Transport()
        transport.protocol = channel
        channel.makeConnection(transport)
        return Connection(transport, channel)
