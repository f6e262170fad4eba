"""Clients that send ahead, that send too much, and that send nothing."""

import msgspec
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.interfaces import ToolResult
from mnemo.transports.channel import Channel
from tests.mcp.fakes import MODERN, EchoTool, initialize_message, meta, modern_message
from tests.transports.wire import HEADERS, Daemon

MINUTE = 60.0
"""After how long a connection is closed on which nothing is sent."""


def request(client: str, id: int = 1, name: str = "echo") -> bytes:
    """A whole request of a tool."""
    said = meta(clientInfo={"name": client, "version": "1"})
    message = modern_message("tools/call", id, name=name, arguments={"text": "hi"}, _meta=said)
    body = msgspec.json.encode(message)
    lines = [
        "POST /mcp HTTP/1.1",
        *HEADERS,
        f"MCP-Protocol-Version: {MODERN}",
        "Mcp-Method: tools/call",
        f"Mcp-Name: {name}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class ChannelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon()
        self.clock = self.daemon.clock
        self.connection = self.daemon.connect()
        echo = self.daemon.front.endpoint.server.tools.find("echo")
        assert isinstance(echo, EchoTool)
        self.echo = echo

    @property
    def served(self) -> str:
        """Whose calls were served, in their order."""
        return "".join(context.session.opening.client for context in self.echo.contexts)


class SendingAheadTests(ChannelCase):
    def test_clients_that_send_ahead_take_turns(self) -> None:
        self.connection.send(request("a") * 3)
        self.daemon.connect().send(request("b") * 3)
        self.assertEqual(self.served, "ab")
        self.clock.advance(0)
        self.assertEqual(self.served, "ababab")

    def test_requests_without_a_body_wait_as_well(self) -> None:
        self.connection.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        self.assertEqual(len(self.connection.responses()), 1)
        self.clock.advance(0)
        self.assertEqual([each.status for each in self.connection.responses()], [200, 200])

    def test_the_answers_come_in_the_order_of_the_requests(self) -> None:
        self.connection.send(b"".join(request("a", number) for number in range(5)) + b"POST /m")
        self.connection.send(request("a", 5)[7:])
        self.clock.advance(0)
        told = [each.json()["id"] for each in self.connection.responses()]
        self.assertEqual(told, [0, 1, 2, 3, 4, 5])

    def test_nothing_more_is_read_while_there_is_something_to_answer(self) -> None:
        self.connection.send(request("a") * 2)
        self.assertEqual(self.connection.transport.producerState, "paused")
        self.clock.advance(0)
        self.assertEqual(self.connection.transport.producerState, "producing")

    def test_who_does_not_take_the_answers_gets_no_more_of_them(self) -> None:
        self.connection.send(request("a") * 3)
        self.connection.fall_behind()
        self.clock.advance(1)
        self.assertEqual(self.served, "a")
        self.connection.catch_up()
        self.clock.advance(0)
        self.assertEqual(self.served, "aaa")

    def test_and_is_cut_off_in_the_end(self) -> None:
        self.connection.send(request("a") * 3)
        self.connection.fall_behind()
        self.clock.pump([MINUTE, MINUTE])
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.served, "a")

    def test_what_was_sent_ahead_is_not_served_when_its_client_has_gone(self) -> None:
        self.connection.send(request("a") * 3)
        self.connection.transport.hang_up()
        self.clock.advance(1)
        self.assertEqual(self.served, "a")
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TooMuchTests(ChannelCase):
    def test_ten_thousand_headers_are_refused(self) -> None:
        many = "".join(f"X-{number}: x\r\n" for number in range(10_000))
        self.connection.send(f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{many}\r\n".encode())
        self.assertTrue(self.connection.taken().startswith(b"HTTP/1.1 400 "))
        self.assertTrue(self.connection.transport.disconnecting)

    def test_nothing_behind_them_is_served(self) -> None:
        many = b"X-Header: x\r\n" * 10_000
        self.connection.send(b"POST /mcp HTTP/1.1\r\n" + many + b"\r\n" + request("a"))
        self.connection.send(request("b"))
        self.assertEqual(self.served, "")
        self.assertEqual(self.connection.taken().count(b"HTTP/1.1"), 1)

    def test_a_long_body_behind_a_short_head_is_read(self) -> None:
        self.connection.send(request("a" * 100_000))
        self.assertEqual(len(self.echo.contexts), 1)

    def test_a_header_without_end_is_refused(self) -> None:
        self.connection.send(b"POST /mcp HTTP/1.1\r\nHost: ")
        for _ in range(20):
            self.connection.send(b"x" * 1000)
        self.assertTrue(self.connection.transport.disconnecting)


class SilenceTests(ChannelCase):
    def test_a_connection_on_which_nothing_is_sent_is_closed(self) -> None:
        for begun in (b"", b"POST /mc", request("a")[:-1], request("a")):
            connection = self.daemon.connect()
            connection.send(begun)
            self.clock.advance(MINUTE - 1)
            self.assertFalse(connection.transport.disconnecting)
            self.clock.advance(1)
            self.assertTrue(connection.transport.disconnecting, begun)

    def test_one_whose_call_runs_is_not(self) -> None:
        self.connection.send(request("a", name="wait"))
        for _ in range(60):
            self.clock.advance(MINUTE)
        self.assertFalse(self.connection.transport.disconnecting)
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
        self.assertIn(b"late", self.connection.taken())

    def test_nor_one_that_carries_a_stream(self) -> None:
        body = msgspec.json.encode(initialize_message())
        self.connection.request("POST", "/mcp", body)
        session = self.connection.response().headers["mcp-session-id"]
        self.connection.request("GET", "/mcp", headers=(*HEADERS, f"Mcp-Session-Id: {session}"))
        for _ in range(60):
            self.clock.advance(MINUTE)
        self.assertFalse(self.connection.transport.disconnecting)
        self.assertEqual(len(self.daemon.streams), 1)


class Socket(FileDescriptor):
    """A socket with room for so many bytes, or one that is lost."""

    connected = 1

    def __init__(self, room: int) -> None:
        super().__init__(MemoryReactor())
        self.room = room
        self.sent: list[bytes] = []

    def writeSomeData(self, data: bytes) -> int | BaseException:
        if self.room < 0:
            return CONNECTION_LOST
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.sent.append(taken)
        return len(taken)


class WritingTests(SynchronousTestCase):
    def write(self, socket: Socket, *parts: bytes) -> None:
        channel = Channel()
        channel.transport = socket
        for part in parts:
            channel.write(part)

    def test_what_there_is_room_for_is_sent_at_once(self) -> None:
        socket = Socket(room=100)
        self.write(socket, b"one", b"two")
        self.assertEqual(socket.sent, [b"one", b"two"])
        self.assertEqual(socket.reactor.getWriters(), [])

    def test_the_rest_waits_for_the_reactor_in_its_order(self) -> None:
        socket = Socket(room=2)
        self.write(socket, b"one", b"two")
        self.assertEqual(socket.reactor.getWriters(), [socket])
        socket.room = 100
        socket.doWrite()
        self.assertEqual(socket.sent, [b"on", b"etwo"])

    def test_of_a_lost_connection_the_reactor_is_told(self) -> None:
        socket = Socket(room=-1)
        self.write(socket, b"one")
        self.assertEqual(socket.reactor.getWriters(), [socket])
        self.assertIs(socket.doWrite(), CONNECTION_LOST)
