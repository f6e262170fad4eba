"""WebSockets: what a message may be, who is let in, and how a connection ends."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.interfaces import ToolResult
from mnemo.transports.credentials import Credentials
from mnemo.transports.websocket import (
    FRAGMENTS,
    HELD,
    MESSAGE_LIMIT,
    PING_SECONDS,
    PONG_SECONDS,
    Limits,
)
from tests.mcp.fakes import initialize_message, legacy_message
from tests.transports.talking import TOKEN, SocketClient
from tests.transports.wire import Daemon

MCP = "Sec-WebSocket-Protocol: mcp"


class SocketTestCase(SynchronousTestCase):
    """A daemon, and clients of its WebSocket."""

    def setUp(self) -> None:
        self.daemon = Daemon()
        self.sockets = self.daemon.front.sockets

    def connect(self, path: str = "/ws", *headers: str) -> SocketClient:
        return SocketClient.of(self.daemon, path, *headers)

    def greeted(self) -> SocketClient:
        client = self.connect()
        client.say({"op": "hello"})
        self.assertTrue(client.heard()[0]["ok"])
        return client


class UpgradeTests(SocketTestCase):
    """Who gets a WebSocket."""

    def test_the_sub_protocol_mcp_is_echoed(self) -> None:
        for offered in ("mcp", "other, mcp", "mcp,other"):
            client = self.connect("/ws", f"Sec-WebSocket-Protocol: {offered}")
            self.assertEqual(client.status, 101)
            self.assertIn(b"\r\nSec-WebSocket-Protocol: mcp", client.head)

    def test_who_offers_none_or_only_others_is_served_without(self) -> None:
        for headers in ([], ["Sec-WebSocket-Protocol: other"]):
            client = self.connect("/ws", *headers)
            self.assertEqual(client.status, 101)
            self.assertNotIn(b"Sec-WebSocket-Protocol", client.head)
            client.say(initialize_message())
            self.assertEqual(client.heard()[0]["result"]["serverInfo"]["name"], "mnemo")

    def test_compression_is_declined(self) -> None:
        client = self.connect("/ws", "Sec-WebSocket-Extensions: permessage-deflate")
        self.assertNotIn(b"Extensions", client.head)

    def test_the_root_is_one_too(self) -> None:
        self.assertEqual(self.connect("/").status, 101)

    def test_other_addresses_are_none(self) -> None:
        self.assertEqual(self.connect("/ws/more").status, 404)
        self.assertEqual(self.connect("/health").status, 200)

    def test_who_does_not_ask_for_it_is_told_to(self) -> None:
        connection = self.daemon.connect()
        connection.request("GET", "/ws")
        response = connection.response()
        self.assertEqual((response.status, response.headers["upgrade"]), (426, "websocket"))

    def test_a_foreign_page_gets_none(self) -> None:
        self.assertEqual(self.connect("/ws", "Origin: http://evil.example").status, 403)
        self.assertEqual(self.connect("/ws", "Origin: null").status, 403)
        self.assertEqual(self.connect("/ws", "Origin: http://localhost:3000").status, 101)

    def test_the_project_of_the_request_is_that_of_its_session(self) -> None:
        for path, header in (
            ("/ws", "X-Mnemo-Project: /work/there"),
            ("/?project=there", "X-A: b"),
        ):
            client = self.connect(path, header)
            client.say({"op": "hello"})
            client.heard()
        projects = [session.project for session in self.daemon.sessions.live.values()]
        self.assertEqual(projects, ["there", "there"])


class TokenTests(SocketTestCase):
    """Where there are tokens."""

    def setUp(self) -> None:
        self.daemon = Daemon(credentials=Credentials({"someone": TOKEN}))

    def test_a_request_with_a_token_is_its_holder_s(self) -> None:
        client = self.connect("/ws", MCP, f"Authorization: Bearer {TOKEN}")
        client.say(initialize_message())
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.opening.principal, "someone")

    def test_a_wrong_one_is_refused(self) -> None:
        self.assertEqual(self.connect("/ws", "Authorization: Bearer wrong").status, 401)

    def test_who_wants_mcp_needs_it_at_once(self) -> None:
        self.assertEqual(self.connect("/ws", MCP).status, 401)

    def test_others_may_say_it_in_their_hello(self) -> None:
        for path in ("/ws", "/"):
            client = self.connect(path)
            client.say({"op": "hello", "token": TOKEN})
            self.assertTrue(client.heard()[0]["ok"])

    def test_or_are_closed(self) -> None:
        client = self.connect()
        client.say({"op": "hello", "token": "wrong"})
        self.assertEqual(client.closed(), 4003)


class MessageTests(SocketTestCase):
    """What a message may be."""

    def test_a_message_has_any_text_in_it(self) -> None:
        client = self.connect("/ws", MCP)
        text = "a\nb\r\n\u2028\0 \N{SNOWMAN} \N{PILE OF POO}"
        client.say(legacy_message("tools/call", 1, name="echo", arguments={"text": text}))
        self.assertEqual(client.heard()[0]["result"]["content"][0]["text"], text)

    def test_it_may_come_in_pieces(self) -> None:
        client = self.connect("/ws", MCP)
        client.send_frame(0x01, b'{"jsonrpc":"2.0",')
        client.send_frame(0x00, b'"id":1,')
        client.send_frame(0x89, b"in between")
        client.send_frame(0x80, b'"method":"ping"}')
        self.assertEqual([opcode for opcode, _ in client.frames()], [0x0A, 0x01])

    def test_a_binary_one_closes_with_1003(self) -> None:
        client = self.greeted()
        client.send_frame(0x82, b'{"op":"ping"}')
        self.assertEqual(client.closed(), 1003)

    def test_one_that_is_not_utf_8_closes_with_1007(self) -> None:
        client = self.greeted()
        client.send_frame(0x81, b'{"op":"\xff"}')
        self.assertEqual(client.closed(), 1007)

    def test_one_over_32_mib_closes_with_1009_before_it_is_there(self) -> None:
        for wrong in (MESSAGE_LIMIT + 1, 1024 * MESSAGE_LIMIT):
            client = self.greeted()
            client.send(b"\x81\xff" + wrong.to_bytes(8, "big") + b"\0\0\0\0" + b"x" * 99)
            self.assertEqual(client.closed(), 1009)

    def test_nor_may_it_exceed_that_in_pieces(self) -> None:
        client = self.greeted()
        client.send_frame(0x01, b"[" + b" " * (MESSAGE_LIMIT - 2))
        self.assertIsNone(client.closed())
        client.send_frame(0x00, b"  ")
        self.assertEqual(client.closed(), 1009)

    def test_nor_come_in_more_pieces_than_are_worth_it(self) -> None:
        client = self.greeted()
        client.send_frame(0x01, b"")
        for _ in range(FRAGMENTS - 1):
            client.send_frame(0x00, b"")
        self.assertIsNone(client.closed())
        client.send_frame(0x00, b"")
        self.assertEqual(client.closed(), 1009)

    def test_who_breaks_the_protocol_is_closed_with_1002(self) -> None:
        client = self.greeted()
        client.send(b"\x81\x02{}")  # not masked
        self.assertEqual(client.closed(), 1002)

    def test_who_does_not_answer_the_close_is_cut_off(self) -> None:
        client = self.greeted()
        client.send_frame(0x82, b"")
        self.assertFalse(client.gone)
        self.daemon.clock.pump([1.0, 1.0])
        self.assertTrue(client.gone)
        self.assertEqual(len(self.sockets), 0)


class PingTests(SocketTestCase):
    """A client that is not there any more is noticed."""

    def test_it_is_pinged_and_stays_while_it_answers(self) -> None:
        client = self.greeted()
        for _ in range(3):
            self.daemon.clock.advance(PING_SECONDS + 1)
            ((opcode, payload),) = client.frames()
            self.assertEqual(opcode, 9)
            client.send_frame(0x8A, payload)
        self.daemon.clock.advance(PONG_SECONDS)
        self.assertFalse(client.gone)

    def test_one_that_does_not_answer_is_cut_off_and_its_calls_are_given_up(self) -> None:
        client = self.greeted()
        client.say({"op": "call_tool", "name": "wait"})
        (session,) = self.daemon.sessions.live.values()
        self.daemon.clock.advance(PING_SECONDS + 1)
        self.daemon.clock.advance(PONG_SECONDS + 1)
        self.assertTrue(client.gone)
        self.assertEqual(session.running, 0)
        self.assertEqual(self.daemon.sessions.ended, [(session.id, "closed")])

    def test_its_pings_are_answered_while_calls_run(self) -> None:
        client = self.greeted()
        client.say({"op": "call_tool", "name": "wait"})
        client.frames()
        client.send_frame(0x89, b"are you there")
        self.assertEqual(client.frames(), [(10, b"are you there")])


class SlowReaderTests(SocketTestCase):
    """A client that does not read."""

    def test_it_gets_everything_in_order_when_it_reads_again(self) -> None:
        client = self.greeted()
        client.connection.fall_behind()
        for n in range(5):
            client.say({"op": "ping", "request_id": n})
        self.assertEqual(client.heard(), [])
        client.connection.catch_up()
        self.assertEqual([frame["request_id"] for frame in client.heard()], [0, 1, 2, 3, 4])

    def test_it_is_cut_off_when_too_much_waits_for_it(self) -> None:
        client = self.greeted()
        other = self.greeted()
        client.connection.fall_behind()
        text = "x" * (1024 * 1024)
        for n in range(HELD // len(text) + 3):
            if not client.gone:
                client.say({"op": "call_tool", "name": "echo", "arguments": {"text": text}})
                self.assertLess(n, 8)
        self.assertTrue(client.connection.transport.aborted)
        other.say({"op": "ping"})
        self.assertEqual(other.heard()[0]["op"], "pong")

    def test_what_waits_for_it_goes_before_a_close(self) -> None:
        client = self.greeted()
        client.connection.fall_behind()
        client.say({"op": "ping"})
        client.send_frame(0x82, b"")
        self.assertEqual([opcode for opcode, _ in client.frames()], [1, 8])

    def test_an_answer_over_the_limit_closes_with_1009(self) -> None:
        client = self.greeted()
        client.say({"op": "call_tool", "name": "wait"})
        client.frames()
        self.daemon.waiting.calls[0].callback(ToolResult.text("x" * MESSAGE_LIMIT))
        self.assertEqual(client.closed(), 1009)


class LimitTests(SocketTestCase):
    """Only so many are connected."""

    def test_those_beyond_are_closed_with_1008(self) -> None:
        self.sockets.limits = Limits(everywhere=2)
        first = self.greeted()
        self.greeted()
        self.assertEqual(self.connect().closed(), 1008)
        first.connection.transport.hang_up()
        self.greeted()

    def test_so_are_those_beyond_from_one_address(self) -> None:
        self.sockets.limits = Limits(of_one_address=1)
        first = self.greeted()
        self.assertEqual(self.connect().closed(), 1008)
        self.assertEqual(len(self.sockets), 1)
        first.connection.transport.hang_up()
        self.greeted()


class StopTests(SocketTestCase):
    """The daemon stops."""

    def finish(self) -> "Deferred[Any]":
        return Deferred.fromCoroutine(self.sockets.finish(10.0))

    def answer_close(self, client: SocketClient) -> None:
        client.send_frame(0x88, b"\x03\xe9")
        client.connection.transport.hang_up()

    def test_idle_ones_are_closed_with_1001_at_once(self) -> None:
        client = self.greeted()
        finished = self.finish()
        self.assertEqual(client.closed(), 1001)
        self.answer_close(client)
        self.successResultOf(finished)

    def test_busy_ones_when_their_calls_have_ended(self) -> None:
        client = self.greeted()
        client.say({"op": "call_tool", "name": "wait"})
        client.frames()
        finished = self.finish()
        self.assertEqual(client.frames(), [])
        self.daemon.waiting.calls[0].callback(ToolResult.text("in time"))
        (opcode, answer), (last, _) = client.frames()
        self.assertEqual((opcode, last), (1, 8))
        self.assertIn(b"in time", answer)
        self.answer_close(client)
        self.successResultOf(finished)

    def test_those_that_run_too_long_are_cut_off(self) -> None:
        client = self.greeted()
        client.say({"op": "call_tool", "name": "wait"})
        client.frames()
        finished = self.finish()
        self.daemon.clock.advance(7)
        self.assertNoResult(finished)
        self.daemon.clock.advance(1)
        self.assertEqual([opcode for opcode, _ in client.frames()][-1], 8)
        self.daemon.clock.pump([1.0, 1.0])
        self.successResultOf(finished)
        self.assertTrue(self.daemon.waiting.calls[0].called)

    def test_new_ones_are_closed(self) -> None:
        self.successResultOf(self.finish())
        self.assertEqual(self.connect().closed(), 1001)

    def test_nothing_is_left_of_a_connection_that_has_gone(self) -> None:
        client = self.greeted()
        client.connection.transport.hang_up()
        self.assertEqual(len(self.sockets), 0)
        self.daemon.clock.advance(60)
        left = [call for call in self.daemon.clock.getDelayedCalls() if call.active()]
        self.assertEqual(left, [])
