"""What the daemon answers over HTTP, byte for byte, without a socket."""

from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.sessions.interfaces import Opening, Session
from mnemo.tools.interfaces import ToolResult
from tests.mcp.fakes import initialize_message, legacy_message, modern_message
from tests.transports.wire import HEADERS, Connection, Daemon, Response

MODERN = (*HEADERS, "MCP-Protocol-Version: 2026-07-28")
CALL = (*MODERN, "Mcp-Method: tools/call")


def modern_call(tool: str, **arguments: Any) -> tuple[bytes, tuple[str, ...]]:
    """The body and the headers of a modern C{tools/call}."""
    message = modern_message("tools/call", name=tool, arguments=arguments)
    return msgspec.json.encode(message), (*CALL, f"Mcp-Name: {tool}")


class HttpTestCase(SynchronousTestCase):
    """A daemon and a connection to it."""

    def setUp(self) -> None:
        self.daemon = Daemon()
        self.connection = self.daemon.connect()

    def session(self) -> Session:
        opening = Opening("2025-11-25", "tester", "9", "local", "")
        return self.daemon.sessions._make("mcp", opening)

    def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> Response:
        self.connection.request(method, path, body, (*HEADERS, *headers))
        return self.connection.response()

    def call(self, tool: str, connection: Connection | None = None, **arguments: Any) -> None:
        body, headers = modern_call(tool, **arguments)
        (connection or self.connection).request("POST", "/mcp", body, headers)

    def legacy_call(self, tool: str, connection: Connection | None = None) -> None:
        message = msgspec.json.encode(legacy_message("tools/call", name=tool, arguments={}))
        headers = (*HEADERS, f"Mcp-Session-Id: {self.session().id}")
        (connection or self.connection).request("POST", "/mcp", message, headers)


class AddressTests(HttpTestCase):
    """Which addresses there are."""

    def test_a_call_is_answered_as_json_with_its_length(self) -> None:
        self.call("echo", text="hi")
        response = self.connection.response()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.headers["content-length"], str(len(response.body)))
        self.assertEqual(response.json()["result"]["structuredContent"], {"text": "hi"})

    def test_the_address_with_a_slash_is_the_same_and_no_redirect(self) -> None:
        body, headers = modern_call("echo", text="hi")
        self.connection.request("POST", "/mcp/", body, headers)
        self.assertEqual(self.connection.response().status, 200)

    def test_initialize_answers_the_session_in_a_header(self) -> None:
        response = self.ask("POST", "/mcp", msgspec.json.encode(initialize_message()))
        self.assertIn(response.headers["mcp-session-id"], self.daemon.sessions.live)

    def test_a_notification_is_accepted_with_an_empty_body(self) -> None:
        message = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
        response = self.ask("POST", "/mcp", message, f"Mcp-Session-Id: {self.session().id}")
        self.assertEqual((response.status, response.body), (202, b""))

    def test_delete_ends_a_session(self) -> None:
        session = self.session()
        response = self.ask("DELETE", "/mcp", b"", f"Mcp-Session-Id: {session.id}")
        self.assertEqual(response.status, 200)
        self.assertEqual(self.daemon.sessions.ended, [(session.id, "deleted")])

    def test_other_methods_are_told_which_there_are(self) -> None:
        for method in ("PUT", "OPTIONS", "HEAD", "PATCH", "CONNECT"):
            self.connection = self.daemon.connect()
            self.connection.request(method, "/mcp")
            head = self.connection.taken()
            self.assertIn(b"HTTP/1.1 405 ", head, method)
            self.assertIn(b"Allow: GET, POST, DELETE\r\n", head, method)

    def test_what_clients_look_for_elsewhere_is_not_there(self) -> None:
        paths = [
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/openid-configuration",
            "/register",
            "/mcp/.well-known/openid-configuration",
            "/mcp/x",
            "/mcp//",
            "/health/x",
            "/%ff",
            "/mcp%2f",
        ]
        for path in paths:
            response = self.ask("GET", path)
            self.assertEqual((response.status, response.json()), (404, response.json()), path)
            self.assertEqual(response.headers["content-type"], "application/json", path)

    def test_a_query_changes_nothing(self) -> None:
        body, headers = modern_call("echo", text="hi")
        self.connection.request("POST", "/mcp?x=1", body, headers)
        self.assertEqual(self.connection.response().status, 200)

    def test_every_header_reaches_the_protocol_under_its_lower_case_name(self) -> None:
        body, headers = modern_call("echo", text="hi")
        hint = "X-MNEMO-Project: /home/me/work/ärger".encode().decode("latin-1")
        self.connection.request("POST", "/mcp", body, (*headers, hint))
        self.assertEqual(self.connection.response().status, 200)
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.project, "ärger")

    def test_a_defect_is_an_error_without_a_secret(self) -> None:
        self.call("broken")
        response = self.connection.response()
        self.assertEqual(response.json()["error"]["code"], -32603)
        self.assertNotIn(b"secret", response.body)

    def test_a_defect_outside_of_the_protocol_is_one_as_well(self) -> None:
        def broken() -> dict[str, object]:
            raise ZeroDivisionError("a secret of the house")

        self.daemon.health.facts = broken
        response = self.ask("GET", "/health")
        self.assertEqual((response.status, response.json()["error"]["code"]), (500, -32603))
        self.assertNotIn(b"secret", response.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ConnectionTests(HttpTestCase):
    """What a connection carries."""

    def test_it_stays_open_from_one_request_to_the_next(self) -> None:
        for _ in range(3):
            self.call("echo", text="hi")
            self.assertEqual(self.connection.response().status, 200)
        self.assertFalse(self.connection.transport.disconnecting)

    def test_requests_may_come_before_the_answers_are_read(self) -> None:
        for _ in range(3):
            self.call("echo", text="hi")
        self.assertEqual([r.status for r in self.connection.responses()], [200, 200, 200])

    def test_a_request_waits_for_the_answer_to_the_one_before(self) -> None:
        self.call("wait")
        self.call("echo", text="second")
        self.assertEqual(self.connection.responses(), [])
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("first"))
        self.assertIn(b"first", self.connection.response().body)
        self.daemon.clock.advance(0)
        self.assertIn(b"second", self.connection.response().body)

    def test_a_body_may_come_in_chunks(self) -> None:
        body, headers = modern_call("echo", text="hi")
        self.connection.request("POST", "/mcp", b"", (*headers, "Transfer-Encoding: chunked"))
        for start in range(0, len(body), 7):
            part = body[start : start + 7]
            self.connection.send(b"%x\r\n%b\r\n" % (len(part), part))
        self.connection.send(b"0\r\n\r\n")
        self.assertEqual(self.connection.response().status, 200)

    def test_http_1_0_is_answered_without_a_host(self) -> None:
        self.connection.request("GET", "/health/live", b"", (), version="1.0")
        self.assertEqual(self.connection.response().status, 200)
        self.assertTrue(self.connection.transport.disconnecting)


class DisconnectTests(HttpTestCase):
    """What becomes of a call whose client goes away."""

    def test_a_modern_call_ends(self) -> None:
        self.call("wait")
        (waiting,) = self.daemon.waiting.calls
        self.connection.transport.hang_up()
        self.assertTrue(waiting.called)
        self.assertEqual(self.connection.taken(), b"")
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.running, 0)

    def test_a_legacy_call_runs_on(self) -> None:
        self.legacy_call("wait")
        (waiting,) = self.daemon.waiting.calls
        self.connection.transport.hang_up()
        self.assertNoResult(waiting)
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.running, 1)
        waiting.callback(ToolResult.text("late"))
        self.assertEqual(session.running, 0)
        self.assertEqual(self.connection.taken(), b"")


class StoppingTests(HttpTestCase):
    """What is answered while the daemon starts or stops."""

    def stop(self, seconds: float = 10.0) -> Any:
        self.daemon.health.stage = "stopping"
        return Deferred.fromCoroutine(self.daemon.addresses.finish(seconds))

    def test_messages_are_told_to_come_back_never_that_there_is_nothing(self) -> None:
        for stage in ("starting", "stopping"):
            self.daemon.health.stage = stage
            for method in ("POST", "GET", "DELETE"):
                response = self.ask(method, "/mcp")
                self.assertEqual((response.status, response.headers["retry-after"]), (503, "2"))

    def test_health_is_answered_all_the_same(self) -> None:
        self.daemon.health.stage = "stopping"
        self.assertEqual(self.ask("GET", "/health").json()["status"], "stopping")
        self.assertEqual(self.ask("GET", "/health/live").status, 200)
        self.assertEqual(self.ask("GET", "/health/ready").status, 503)

    def test_calls_that_run_may_end(self) -> None:
        self.call("wait")
        other = self.daemon.connect()
        self.legacy_call("wait", other)
        stopped = self.stop()
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("done"))
        self.assertNoResult(stopped)
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("done"))
        self.successResultOf(stopped)
        self.assertEqual(self.connection.response().status, 200)
        self.assertEqual(other.response().status, 200)
        self.assertNotIn(10.0, [call.getTime() for call in self.daemon.clock.getDelayedCalls()])

    def test_those_that_do_not_are_cancelled_and_not_told_to_be_sent_again(self) -> None:
        self.call("wait")
        other = self.daemon.connect()
        self.legacy_call("wait", other)
        stopped = self.stop(10.0)
        self.daemon.clock.advance(9.9)
        self.assertNoResult(stopped)
        self.daemon.clock.advance(0.2)
        self.successResultOf(stopped)
        self.assertTrue(all(waiting.called for waiting in self.daemon.waiting.calls))
        self.assertEqual(self.connection.response().status, 500)
        self.assertEqual(other.response().status, 500)

    def test_nothing_that_runs_is_nothing_to_wait_for(self) -> None:
        self.successResultOf(self.stop())


class HealthTests(HttpTestCase):
    """The three addresses of health."""

    def test_the_whole_report(self) -> None:
        response = self.ask("GET", "/health")
        self.assertEqual((response.status, response.json()["status"]), (200, "ok"))

    def test_degraded_is_still_an_answer(self) -> None:
        self.daemon.health.problems = lambda: ["the model is missing; fetch it"]
        response = self.ask("GET", "/health")
        self.assertEqual((response.status, response.json()["status"]), (200, "degraded"))
        self.assertEqual(self.ask("GET", "/health/ready").json(), {"status": "degraded"})

    def test_ready_is_not_yet_ready_while_starting(self) -> None:
        self.daemon.health.stage = "starting"
        response = self.ask("GET", "/health/ready")
        self.assertEqual((response.status, response.json()), (503, {"status": "starting"}))
