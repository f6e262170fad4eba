"""Requests whose head was read before: they are answered as if it had not been."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.interfaces import ToolResult
from mnemo.transports import heads
from mnemo.transports.credentials import Credentials
from mnemo.transports.guard import Guard
from tests.mcp.fakes import MODERN, meta, modern_message
from tests.transports.wire import HEADERS, Connection, Daemon

TOKEN = "a-token-that-is-long-enough"


def body_of(id: int | str = 1, name: str = "echo") -> bytes:
    said = meta(clientInfo={"name": "client", "version": "1"})
    message = modern_message("tools/call", id, name=name, arguments={"text": "hi"}, _meta=said)
    return msgspec.json.encode(message)


def request(body: bytes, *more: str, name: str = "echo", length: str = "") -> bytes:
    """A whole request; C{more} are further lines of its head."""
    lines = [
        "POST /mcp HTTP/1.1",
        *HEADERS,
        f"MCP-Protocol-Version: {MODERN}",
        "Mcp-Method: tools/call",
        f"Mcp-Name: {name}",
        *more,
        length or f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class HeadsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon()

    def known(self, daemon: Daemon | None = None) -> int:
        """How many heads are remembered."""
        return len((daemon or self.daemon).front.site.heads)

    def answer(self, data: bytes, connection: Connection | None = None) -> bytes:
        connection = connection or self.daemon.connect()
        connection.send(data)
        return connection.taken()


class KnownHeadTests(HeadsCase):
    def test_the_second_answer_is_that_of_the_first(self) -> None:
        connection = self.daemon.connect()
        connection.send(request(body_of()))
        first = connection.response()
        self.assertEqual(self.known(), 1)
        connection.send(request(body_of()))
        second = connection.response()
        self.assertEqual(first.status, 200)
        self.assertEqual(second.headers.keys(), first.headers.keys())
        self.assertEqual((second.status, second.body), (first.status, first.body))

    def test_it_is_known_whatever_the_length_of_the_body_and_on_every_connection(self) -> None:
        self.answer(request(body_of(1)))
        connection = self.daemon.connect()
        for number in ("a", "a longer one", 1_000_000):
            connection.send(request(body_of(number)))
            self.assertEqual(connection.response().json()["id"], number)
        self.assertEqual(self.known(), 1)

    def test_one_that_comes_in_parts_or_ahead_is_answered_as_well(self) -> None:
        data = request(body_of())
        self.answer(data)
        connection = self.daemon.connect()
        for at in (1, 20, data.index(b"\r\n\r\n") + 2, len(data) - 1):
            connection.send(data[:at])
            connection.send(data[at:])
            self.assertEqual(connection.response().status, 200)
        connection.send(data + data)
        self.daemon.clock.advance(0)
        self.assertEqual([each.status for each in connection.responses()], [200, 200])

    def test_a_refusal_has_its_own_status_and_a_whole_head(self) -> None:
        self.answer(request(body_of()))
        connection = self.daemon.connect()
        connection.send(request(body_of(name="nobody")))
        refused = connection.response()
        self.assertEqual(refused.status, 400)
        for name in ("server", "date", "content-type", "content-length"):
            self.assertIn(name, refused.headers)

    def test_an_answer_that_is_not_there_at_once_comes_later(self) -> None:
        data = request(body_of(name="wait"), name="wait")
        first, second = self.daemon.connect(), self.daemon.connect()
        for connection in (first, second):
            connection.send(data)
            self.assertEqual(connection.taken(), b"")
        self.assertEqual(self.known(), 1)
        for waiting in list(self.daemon.waiting.calls):
            waiting.callback(ToolResult.text("done"))
        self.assertEqual([first.response().status, second.response().status], [200, 200])

    def test_a_connection_that_is_idle_behind_it_is_closed(self) -> None:
        connection = self.daemon.connect()
        for _ in range(3):
            connection.send(request(body_of()))
            self.daemon.clock.advance(59)
        self.assertFalse(connection.transport.disconnecting)
        self.daemon.clock.advance(2)
        self.assertTrue(connection.transport.disconnecting)


class UnknownHeadTests(HeadsCase):
    def test_a_head_with_a_secret_is_not_remembered(self) -> None:
        daemon = Daemon(credentials=Credentials({"somebody": TOKEN}))
        for token, status in ((TOKEN, b"200"), (TOKEN, b"200"), (TOKEN + "x", b"401")):
            answered = self.answer(
                request(body_of(), f"Authorization: Bearer {token}"), daemon.connect()
            )
            self.assertIn(status, answered[:20])
        self.assertEqual(self.known(daemon), 0)
        self.answer(request(body_of(), "Cookie: a=b"))
        self.assertEqual(self.known(), 0)

    def test_nor_one_that_the_guard_refuses(self) -> None:
        daemon = Daemon(guard=Guard())
        for _ in range(2):
            data = request(body_of(), "Origin: https://evil.example")
            self.assertIn(b"403", self.answer(data, daemon.connect())[:20])
        self.assertEqual(self.known(daemon), 0)

    def test_nor_one_that_ends_its_connection(self) -> None:
        for _ in range(2):
            connection = self.daemon.connect()
            self.assertIn(
                b"200", self.answer(request(body_of(), "Connection: close"), connection)[:20]
            )
            self.assertTrue(connection.transport.disconnecting)
        self.assertEqual(self.known(), 0)

    def test_nor_one_that_is_very_long(self) -> None:
        self.answer(request(body_of(), f"X-Long: {'x' * heads.LONGEST}"))
        self.assertEqual(self.known(), 0)

    def test_there_are_only_so_many(self) -> None:
        for number in range(heads.REMEMBERED + 2):
            self.answer(request(body_of(), f"X-Number: {number}"))
        self.assertEqual(self.known(), 2)

    def test_a_length_that_is_said_twice_or_goes_on_is_refused_all_the_same(self) -> None:
        body = body_of()
        self.answer(request(body))
        self.answer(request(body, "X-Folded: a\r\n b"))
        said = f"Content-Length: {len(body)}"
        for length in (
            f"{said}\r\n{said}",
            f"{said}\r\n b",
            f"{said}\r\nTransfer-Encoding: chunked",
        ):
            answered = self.answer(request(body, length=length))
            self.assertIn(b"400", answered[:20], length)
        folded = request(body, "X-Folded: a", length=f"{said}\r\n b")
        self.assertIn(b"400", self.answer(folded)[:20])


class LengthTests(SynchronousTestCase):
    """What shows that a head is too long."""

    def test_a_head_of_just_the_most_is_not(self) -> None:
        self.assertFalse(heads.is_too_long(b"x" * 100 + b"\r\n\r\n", 100))
        self.assertFalse(heads.is_too_long(b"x" * 100 + b"\r\n\r\n" + b"y" * 500, 100))

    def test_one_byte_more_is(self) -> None:
        self.assertTrue(heads.is_too_long(b"x" * 101 + b"\r\n\r\n", 100))

    def test_what_may_still_end_is_not(self) -> None:
        self.assertFalse(heads.is_too_long(b"x" * 100, 100))
