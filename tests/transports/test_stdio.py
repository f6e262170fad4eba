"""One client on stdin and stdout, served by this process."""

from typing import Any

import msgspec
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.mcp.connection import Connection
from mnemo.tools.interfaces import ToolResult
from mnemo.transports.stdio import GRACE_SECONDS, StdioServer
from tests.mcp.fakes import (
    EchoTool,
    WaitingTool,
    initialize_message,
    legacy_message,
    make_server,
    modern_message,
)


def cancelled(id: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": id},
    }


class StdioCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.wait = WaitingTool()
        self.calls: list[None] = []
        self.front = StdioServer(self.clock, lambda: self.calls.append(None))
        self.front.makeConnection(self.transport)
        self.gone: list[object] = []
        self.front.gone.addCallback(self.gone.append)

    def serve(self, **more: Any) -> None:
        server = make_server(offered=[EchoTool(), self.wait], **more)
        self.front.serve(Connection(server, self.front.send))

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.front.dataReceived(msgspec.json.encode(message) + b"\n")

    def heard(self) -> list[Any]:
        """What the client was told since the last time."""
        written = self.transport.value()
        self.transport.clear()
        self.assertTrue(written.endswith(b"\n") or not written)
        return [msgspec.json.decode(line) for line in written.splitlines()]

    def call(self, id: Any) -> dict[str, Any]:
        return legacy_message("tools/call", id, name="wait")

    def answer(self) -> None:
        self.wait.calls.popleft().callback(ToolResult.text("done"))


class MessageTests(StdioCase):
    """What is asked is answered."""

    def test_a_message_is_a_line(self) -> None:
        self.serve()
        self.tell(initialize_message(0), legacy_message("ping", 1))
        self.assertEqual([answer["id"] for answer in self.heard()], [0, 1])

    def test_a_line_may_come_in_pieces(self) -> None:
        self.serve()
        line = msgspec.json.encode(legacy_message("ping", 1)) + b"\n"
        self.front.dataReceived(line[:9])
        self.front.dataReceived(line[9:] + line)
        self.assertEqual([answer["id"] for answer in self.heard()], [1, 1])

    def test_blank_lines_mean_nothing(self) -> None:
        self.serve()
        self.front.dataReceived(b"\n \r\n")
        self.assertEqual(self.heard(), [])

    def test_what_comes_before_initialize_is_answered(self) -> None:
        self.serve()
        probe = modern_message("server/discover", "server-discover-probe-1")
        self.tell(probe, legacy_message("tools/list", 1), legacy_message("no/such", 2))
        self.front.dataReceived(b"{\n")
        ids = [answer["id"] for answer in self.heard()]
        self.assertEqual(ids, ["server-discover-probe-1", 1, 2, None])

    def test_what_comes_before_the_core_is_ready_is_held(self) -> None:
        self.tell(initialize_message(0), legacy_message("ping", 1))
        self.assertEqual(self.heard(), [])
        self.serve()
        self.assertEqual([answer["id"] for answer in self.heard()], [0, 1])

    def test_a_slow_call_does_not_hold_up_a_ping(self) -> None:
        self.serve()
        self.tell(initialize_message(0), self.call(1), legacy_message("ping", 2))
        self.assertEqual([answer["id"] for answer in self.heard()], [0, 2])
        self.answer()
        self.assertEqual([answer["id"] for answer in self.heard()], [1])

    def test_a_cancelled_call_is_not_answered(self) -> None:
        self.serve()
        self.tell(initialize_message(0), self.call(1), self.call("1"))
        self.heard()
        self.tell(cancelled(1))
        self.assertTrue(self.wait.calls.popleft().called)
        self.answer()
        self.assertEqual([answer["id"] for answer in self.heard()], ["1"])

    def test_to_cancel_what_is_no_request_does_nothing(self) -> None:
        self.serve()
        self.tell(cancelled(None), cancelled(7), cancelled({}), legacy_message("ping", 1))
        self.assertEqual([answer["id"] for answer in self.heard()], [1])

    def test_calls_of_tools_are_told(self) -> None:
        self.serve()
        self.tell(initialize_message(0), legacy_message("tools/list", 1))
        self.assertEqual(self.calls, [])
        self.tell(self.call(2))
        self.assertEqual(len(self.calls), 1)


class EndTests(StdioCase):
    """The client closes its end."""

    def test_it_can_tell_half_of_it(self) -> None:
        verifyObject(IHalfCloseableProtocol, self.front)

    def lose(self) -> None:
        self.front.connectionLost()

    def test_with_nothing_left_to_do_it_is_over(self) -> None:
        self.serve()
        self.front.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.lose()
        self.assertEqual(len(self.gone), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_last_line_needs_no_end(self) -> None:
        self.serve()
        self.front.dataReceived(msgspec.json.encode(legacy_message("ping", 1)))
        self.front.readConnectionLost()
        self.assertEqual([answer["id"] for answer in self.heard()], [1])

    def test_what_is_being_answered_may_take_a_little_longer(self) -> None:
        self.serve()
        self.tell(initialize_message(0), self.call(1))
        self.front.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.answer()
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual([answer["id"] for answer in self.heard()], [0, 1])

    def test_one_who_listens_is_answered_and_not_waited_for(self) -> None:
        self.serve(dynamic=frozenset({"tools"}))
        listen = modern_message("subscriptions/listen", 1, notifications={"toolsListChanged": True})
        self.tell(listen)
        self.front.readConnectionLost()
        acknowledged, answer = self.heard()
        self.assertEqual((acknowledged["jsonrpc"], answer["id"]), ("2.0", 1))
        self.assertTrue(self.transport.disconnecting)

    def test_and_no_longer_than_that(self) -> None:
        self.serve()
        self.tell(initialize_message(0), self.call(1))
        self.front.readConnectionLost()
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(len(self.gone), 1)
        self.assertTrue(self.wait.calls.popleft().called)

    def test_a_client_that_does_not_read_is_not_waited_for(self) -> None:
        self.serve()
        self.front.end()
        self.assertEqual(self.gone, [])
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(len(self.gone), 1)
        self.lose()

    def test_what_is_held_may_be_answered_as_well(self) -> None:
        self.tell(legacy_message("ping", 1))
        self.front.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.serve()
        self.assertEqual([answer["id"] for answer in self.heard()], [1])
        self.assertTrue(self.transport.disconnecting)

    def test_the_answer_to_one_that_is_held_does_not_end_it_for_the_next(self) -> None:
        self.tell(initialize_message(0), legacy_message("ping", 1), self.call(2))
        self.front.readConnectionLost()
        self.serve()
        self.assertEqual([answer["id"] for answer in self.heard()], [0, 1])
        self.assertFalse(self.transport.disconnecting)
        self.answer()
        self.assertEqual([answer["id"] for answer in self.heard()], [2])
        self.assertTrue(self.transport.disconnecting)

    def test_with_nobody_to_read_it_is_over(self) -> None:
        self.serve()
        self.front.writeConnectionLost()
        self.assertTrue(self.transport.disconnecting)


class RefusalTests(StdioCase):
    """The core cannot start."""

    def test_who_asks_is_told_why(self) -> None:
        self.tell(initialize_message(0))
        self.front.refuse("the home is already served by pid 3")
        self.tell(legacy_message("ping", "p"))
        answers = self.heard()
        self.assertEqual([answer["id"] for answer in answers], [0, "p"])
        self.assertEqual(
            {answer["error"]["message"] for answer in answers},
            {"the home is already served by pid 3"},
        )
        self.assertEqual(self.gone, [])
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(len(self.gone), 1)

    def test_until_somebody_asks_it_waits(self) -> None:
        self.front.refuse("no")
        self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.clock.advance(60)
        self.assertFalse(self.transport.disconnecting)
        self.front.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)
