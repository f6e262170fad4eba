"""Answers over HTTP that take their time: byte for byte, without a socket."""

from typing import Any

import msgspec
from twisted.internet.defer import Deferred

from mnemo.tools.interfaces import ToolResult
from mnemo.transports.answering import SILENCE
from tests.mcp.fakes import ActingTool, legacy_message, meta, modern_message
from tests.transports.test_http import CALL, HttpTestCase
from tests.transports.wire import HEADERS, Connection


class AnsweringCase(HttpTestCase):
    """A daemon with a tool that says how far it is."""

    def setUp(self) -> None:
        super().setUp()
        self.held: Deferred[None] = Deferred()

        async def act(context: Any) -> ToolResult:
            context.client.progress(1)
            await self.held
            context.client.release(0.1)
            return ToolResult.text("done")

        self.daemon.addresses.endpoint.server.tools.add(ActingTool(act))

    def telling(self, connection: Connection | None = None) -> None:
        """A modern call of that tool."""
        message = modern_message("tools/call", name="act", _meta=meta())
        message["params"]["_meta"]["progressToken"] = 0
        body = msgspec.json.encode(message)
        (connection or self.connection).request("POST", "/mcp", body, (*CALL, "Mcp-Name: act"))

    def legacy_telling(self) -> str:
        """A call of it within a session, whose id is returned."""
        session = self.session()
        params = {"name": "act", "_meta": {"progressToken": 0}}
        message = legacy_message("tools/call", **params)
        headers = (*HEADERS, f"Mcp-Session-Id: {session.id}")
        self.connection.request("POST", "/mcp", msgspec.json.encode(message), headers)
        return session.id

    def body(self) -> bytes:
        """What came of an answer in chunks, without their lengths."""
        _, _, rest = self.connection.taken().partition(b"\r\n\r\n")
        found = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            found, rest = found + rest[:length], rest[length + 2 :]
        return found

    def events(self, body: bytes) -> list[Any]:
        """The messages among the events."""
        lines = [line for line in body.split(b"\n") if line.startswith(b"data: ")]
        return [msgspec.json.decode(line[6:]) for line in lines if line != b"data: "]


class StreamTests(AnsweringCase):
    def test_the_first_thing_told_makes_the_answer_a_stream(self) -> None:
        self.telling()
        head = self.connection.transport.value()
        self.assertIn(b"HTTP/1.1 200 OK\r\n", head)
        self.assertIn(b"Content-Type: text/event-stream\r\n", head)
        self.assertEqual(len(self.daemon.streams), 1)
        self.held.callback(None)
        told, answer = self.events(self.body())
        self.assertEqual(told["method"], "notifications/progress")
        self.assertEqual(answer["result"]["content"][0]["text"], "done")
        self.assertEqual(len(self.daemon.streams), 0)

    def test_the_connection_can_be_used_again(self) -> None:
        self.telling()
        self.held.callback(None)
        self.assertTrue(self.connection.taken().endswith(b"0\r\n\r\n"))
        self.call("echo", text="hi")
        self.assertEqual(self.connection.response().status, 200)

    def test_a_slow_reader_gets_all_of_it(self) -> None:
        self.telling()
        self.connection.fall_behind()
        self.held.callback(None)
        self.connection.catch_up()
        self.assertEqual(len(self.events(self.body())), 2)


class SilenceTests(AnsweringCase):
    """A client that waits long is shown that the call lives."""

    def test_a_silent_call_becomes_a_stream_with_comments(self) -> None:
        for begin in (lambda: self.call("wait"), lambda: self.legacy_call("wait")):
            self.connection = self.daemon.connect()
            begin()
            self.daemon.clock.advance(SILENCE - 1)
            self.assertEqual(self.connection.taken(), b"")
            self.daemon.clock.advance(1)
            self.assertIn(b"text/event-stream", self.connection.taken())
            self.daemon.clock.pump([1.0] * 20)
            self.assertIn(b":\n\n", self.connection.taken())
            self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
            self.assertIn(b'"late"', self.connection.taken())

    def test_a_client_that_takes_only_json_waits(self) -> None:
        message = msgspec.json.encode(legacy_message("tools/call", name="wait"))
        headers = ("Host: localhost", "Content-Type: application/json", "Accept: application/json")
        session = f"Mcp-Session-Id: {self.session().id}"
        self.connection.request("POST", "/mcp", message, (*headers, session))
        self.daemon.clock.advance(SILENCE * 3)
        self.assertEqual(self.connection.taken(), b"")
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
        self.assertEqual(self.connection.response().status, 200)

    def test_each_waits_for_itself_and_one_timer_is_enough(self) -> None:
        connections = [self.daemon.connect() for _ in range(5)]
        for connection in connections:
            self.call("wait", connection)
            self.daemon.clock.advance(1)
        http_timers = 2 * len(connections) + 2
        self.assertLess(len(self.daemon.clock.getDelayedCalls()), http_timers)
        self.daemon.clock.advance(SILENCE - 5)
        begun = [b"event-stream" in connection.taken() for connection in connections]
        self.assertEqual(begun, [True, False, False, False, False])
        self.daemon.clock.pump([1.0] * 5)
        self.assertTrue(all(b"event-stream" in c.taken() for c in connections[1:]))

    def test_an_answer_in_time_leaves_nothing(self) -> None:
        self.call("wait")
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("soon"))
        self.assertEqual(len(self.daemon.addresses._patience), 0)
        self.daemon.clock.advance(SILENCE)
        self.assertEqual(self.connection.response().status, 200)


class DisconnectTests(AnsweringCase):
    """A client whose stream has begun goes away."""

    def test_a_modern_call_ends(self) -> None:
        self.telling()
        self.connection.transport.hang_up()
        self.assertTrue(self.held.called)
        self.assertEqual(len(self.daemon.streams), 0)
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.running, 0)
        self.assertEqual(self.daemon.defects, [])

    def test_one_that_has_told_nothing_yet_begins_no_stream_any_more(self) -> None:
        self.legacy_call("wait")
        self.connection.transport.hang_up()
        self.daemon.clock.advance(SILENCE)
        self.assertEqual(len(self.daemon.streams), 0)
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
        self.assertEqual(self.connection.taken(), b"")

    def test_what_such_a_call_tells_goes_nowhere(self) -> None:
        start: Deferred[None] = Deferred()

        async def act(context: Any) -> ToolResult:
            await start
            context.client.progress(1)
            return ToolResult.text("late")

        server = self.daemon.addresses.endpoint.server
        server.tools.remove("act")
        server.tools.add(ActingTool(act))
        self.legacy_telling()
        self.connection.transport.hang_up()
        start.callback(None)
        self.assertEqual((len(self.daemon.streams), self.daemon.defects), (0, []))
        self.assertEqual(self.connection.taken(), b"")

    def test_a_legacy_call_runs_on_and_its_client_comes_back_for_the_answer(self) -> None:
        session = self.legacy_telling()
        first = self.body().partition(b"id: ")[2].partition(b"\n")[0].decode()
        self.connection.transport.hang_up()
        self.held.callback(None)
        self.connection = self.daemon.connect()
        headers = (
            "Host: localhost",
            "Accept: text/event-stream",
            f"Mcp-Session-Id: {session}",
            f"Last-Event-ID: {first}",
        )
        self.connection.request("GET", "/mcp", b"", headers)
        told, answer = self.events(self.body())
        self.assertEqual(told["params"]["progress"], 1)
        self.assertEqual(answer["result"]["content"][0]["text"], "done")
        self.assertEqual(len(self.daemon.streams), 0)

    def test_a_client_that_is_let_go_gets_its_answer_later(self) -> None:
        late: Deferred[None] = Deferred()

        async def act(context: Any) -> ToolResult:
            context.client.release(0.1)
            await late
            return ToolResult.text("late")

        server = self.daemon.addresses.endpoint.server
        server.tools.remove("act")
        server.tools.add(ActingTool(act))
        session = self.legacy_telling()
        whole = self.connection.transport.value()
        self.assertTrue(whole.endswith(b"0\r\n\r\n"))
        body = self.body()
        self.assertIn(b"retry: 100\n\n", body)
        last = body.partition(b"id: ")[2].partition(b"\n")[0].decode()
        headers = ("Host: localhost", f"Mcp-Session-Id: {session}", f"Last-Event-ID: {last}")
        self.connection.request("GET", "/mcp", b"", headers)
        late.callback(None)
        (answer,) = self.events(self.body())
        self.assertEqual(answer["result"]["content"][0]["text"], "late")


class CancelTests(AnsweringCase):
    def cancel(self, session: str) -> None:
        params = {"requestId": 1}
        message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        headers = (*HEADERS, f"Mcp-Session-Id: {session}")
        other = self.daemon.connect()
        other.request("POST", "/mcp", msgspec.json.encode(message), headers)
        self.assertEqual(other.response().status, 202)

    def test_a_call_that_has_told_something_ends_its_stream(self) -> None:
        session = self.legacy_telling()
        self.cancel(session)
        self.assertTrue(self.held.called)
        self.assertEqual(self.events(self.body())[-1]["error"]["code"], -32800)

    def test_one_that_has_not_is_answered_as_json(self) -> None:
        self.legacy_call("wait")
        (session,) = self.daemon.sessions.live
        self.cancel(session)
        self.assertEqual(self.connection.response().json()["error"]["code"], -32800)


class StoppingTests(AnsweringCase):
    def test_a_stream_is_told_that_the_daemon_stopped(self) -> None:
        self.telling()
        self.daemon.health.stage = "stopping"
        stopped = Deferred.fromCoroutine(self.daemon.addresses.finish(5.0))
        self.daemon.clock.advance(5.0)
        self.successResultOf(stopped)
        last = self.events(self.body())[-1]
        self.assertEqual((last["id"], last["error"]["code"]), (1, -32603))
        self.assertIn("stopped", last["error"]["message"])

    def test_no_timer_is_left(self) -> None:
        self.call("wait")
        self.connection.transport.hang_up()
        self.daemon.health.stage = "stopping"
        self.successResultOf(Deferred.fromCoroutine(self.daemon.addresses.finish(5.0)))
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])
