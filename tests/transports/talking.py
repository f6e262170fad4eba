"""Clients of the WebSocket in memory: with a talk alone, and with all the bytes of a socket."""

import struct
from typing import Any

import msgspec
from attrs import define, field
from twisted.internet.task import Clock

from mnemo.tools.interfaces import ITool
from mnemo.transports.credentials import Credentials
from mnemo.transports.websocket_talk import House, Talk
from tests.mcp.fakes import FakeSessions, WaitingTool, make_server, tools
from tests.transports.wire import Connection, Daemon

TOKEN = "a-token-of-sixteen-and-more"
OTHER_TOKEN = "another-token-of-that-length"


def report() -> dict[str, Any]:
    """What health says."""
    return {
        "status": "ok",
        "pid": 42,
        "uptime": 3661.5,
        "sessions": {"live": 3, "running": 1},
        "tools": 5,
    }


@define(eq=False)
class FakeChannel:
    """Remembers what was sent, and how it was closed."""

    sent: list[Any] = field(factory=list)
    closed: tuple[int, str] | None = None

    def send(self, message: bytes) -> None:
        if self.closed is None:
            self.sent.append(msgspec.json.decode(message))

    def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)


@define(eq=False)
class Room:
    """A server whose clients talk, without sockets."""

    credentials: Credentials = field(factory=Credentials)
    clock: Clock = field(factory=Clock)
    sessions: Any = field(factory=FakeSessions)
    offered: list[ITool] = field(factory=tools)
    defects: list[BaseException] = field(factory=list)
    house: House = field(init=False)

    def __attrs_post_init__(self) -> None:
        server = make_server(self.sessions, self.offered, defects=self.defects)
        self.house = House(server, self.credentials, report, self.clock)

    @property
    def waiting(self) -> WaitingTool:
        """The tool that waits."""
        (one,) = (tool for tool in self.offered if isinstance(tool, WaitingTool))
        return one

    def talk(self, principal: str = "local", **more: Any) -> "Guest":
        """A client whose connection stands."""
        channel = FakeChannel()
        guest = Guest(self, channel, Talk(self.house, channel, principal, **more))
        guest.talk.begin()
        return guest

    def greeted(self, **more: Any) -> "Guest":
        """A client that has said hello."""
        guest = self.talk()
        guest.say(op="hello", **more)
        (ack,) = guest.heard()
        guest.session_id = ack["session_id"]
        return guest


@define(eq=False)
class Guest:
    """A client of a L{Room}."""

    room: Room
    channel: FakeChannel
    talk: Talk
    session_id: str = ""

    def say(self, **frame: Any) -> None:
        """Send a frame."""
        self.say_json(frame)

    def say_json(self, message: Any) -> None:
        self.talk.receive(msgspec.json.encode(message))

    def heard(self, op: str = "") -> list[Any]:
        """What has come since the last look; of one kind, if that is said."""
        frames = list(self.channel.sent)
        self.channel.sent.clear()
        return [frame for frame in frames if not op or frame.get("op") == op]

    def call(self, name: str, request_id: Any = None, **arguments: Any) -> None:
        """Call a tool."""
        named = {} if request_id is None else {"request_id": request_id}
        self.say(op="call_tool", name=name, arguments=arguments, **named)


@define(eq=False)
class SocketClient:
    """A client of a whole daemon: RFC 6455 by hand, so that it can be wrong."""

    connection: Connection
    head: bytes = b""
    _rest: bytes = b""

    @classmethod
    def of(cls, daemon: Daemon, path: str = "/ws", *headers: str) -> "SocketClient":
        """One that has asked for the upgrade."""
        client = cls(daemon.connect())
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: 127.0.0.1:9999",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            *headers,
        ]
        client.connection.send("\r\n".join([*lines, "", ""]).encode())
        client.head, _, client._rest = client.connection.taken().partition(b"\r\n\r\n")
        return client

    @property
    def status(self) -> int:
        """The status of the answer to the upgrade."""
        return int(self.head.split()[1])

    @property
    def gone(self) -> bool:
        """Whether the connection has ended."""
        transport = self.connection.transport
        return transport.disconnecting or transport.aborted

    def say(self, message: Any) -> None:
        """Send a text message."""
        self.send_frame(0x81, msgspec.json.encode(message))

    def send_frame(self, head: int, payload: bytes) -> None:
        """Send a frame, masked with zeros."""
        if len(payload) < 126:
            length = bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            length = b"\xfe" + struct.pack("!H", len(payload))
        else:
            length = b"\xff" + struct.pack("!Q", len(payload))
        self.send(bytes([head]) + length + b"\0\0\0\0" + payload)

    def send(self, data: bytes) -> None:
        """Send bytes to whom the connection belongs now."""
        protocol: Any = self.connection.transport.protocol
        if protocol is not None:
            protocol.dataReceived(data)

    def frames(self) -> list[tuple[int, bytes]]:
        """The frames that have come since the last look: opcode and payload."""
        data, found = self._rest + self.connection.taken(), []
        self._rest = b""
        while data:
            opcode, length, start = data[0] & 0x0F, data[1], 2
            if length == 126:
                (length,), start = struct.unpack("!H", data[2:4]), 4
            elif length == 127:
                (length,), start = struct.unpack("!Q", data[2:10]), 10
            found.append((opcode, data[start : start + length]))
            data = data[start + length :]
        return found

    def heard(self) -> list[Any]:
        """The messages that have come since the last look."""
        return [msgspec.json.decode(payload) for opcode, payload in self.frames() if opcode == 1]

    def closed(self) -> int | None:
        """The code with which the server closes, if it does."""
        codes = [struct.unpack("!H", payload[:2])[0] for op, payload in self.frames() if op == 8]
        return codes[0] if codes else None
