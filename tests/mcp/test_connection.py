"""One client on a line of its own."""

from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.connection import Connection
from mnemo.tools.interfaces import ITool
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    EchoTool,
    FakeSessions,
    Resolver,
    WaitingTool,
    done,
    failing_tools,
    initialize_message,
    legacy_message,
    make_server,
    meta,
    modern_message,
)

INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.defects: list[BaseException] = []
        self.echo, self.wait = EchoTool(), WaitingTool()
        offered: list[ITool] = [self.echo, self.wait, *failing_tools()]
        self.resolver = Resolver()
        self.server = make_server(self.sessions, offered, self.resolver, self.defects)
        self.sent: list[Any] = []
        self.connection = self.connect()

    def connect(self, **more: Any) -> Connection:
        return Connection(
            self.server, lambda data: self.sent.append(msgspec.json.decode(data)), **more
        )

    def say(self, message: Any) -> Any:
        """What is answered to a message, or to raw bytes."""
        line = message if isinstance(message, bytes) else msgspec.json.encode(message)
        answer = done(self.connection.receive(line))
        if answer is None:
            return None
        self.assertNotIn(b"\n", answer)
        return msgspec.json.decode(answer)

    def assertError(self, answer: Any, code: int, id: object = 1) -> None:
        self.assertEqual((answer["error"]["code"], answer["id"]), (code, id))


class LegacyTests(ConnectionTests):
    def test_initialize_opens_a_session_that_requests_belong_to(self) -> None:
        answer = self.say(initialize_message(version="2025-06-18"))
        self.assertEqual(answer["result"]["protocolVersion"], "2025-06-18")
        self.assertIsNone(self.say(INITIALIZED))
        self.say(legacy_message("tools/call", name="echo"))
        (session,) = self.sessions.live.values()
        self.assertIs(self.echo.contexts[0].session, session)
        self.assertEqual((session.kind, session.opening.principal), ("mcp", "local"))

    def test_ping_and_unknown_methods(self) -> None:
        self.say(initialize_message())
        self.assertEqual(
            self.say(legacy_message("ping", 0)), {"jsonrpc": "2.0", "id": 0, "result": {}}
        )
        self.assertError(self.say(legacy_message("resources/list")), -32601)
        self.assertError(self.say(legacy_message("tools/call", name="broken")), -32603)

    def test_an_initialize_that_is_not_valid_opens_nothing(self) -> None:
        self.assertError(self.say(initialize_message(clientInfo=None)), -32602, 0)
        self.assertEqual(self.sessions.made, 0)

    def test_a_second_initialize_begins_anew(self) -> None:
        self.say(initialize_message())
        self.say(initialize_message())
        self.assertEqual(self.sessions.ended, [("session-1", "closed")])
        self.assertEqual(list(self.sessions.live), ["session-2"])

    def test_the_end_of_the_connection_ends_its_session(self) -> None:
        self.say(initialize_message())
        done(self.connection.close())
        done(self.connection.close())
        self.assertEqual(self.sessions.ended, [("session-1", "closed")])

    def test_the_working_directory_tells_the_project(self) -> None:
        self.connection = self.connect(project_hint="/src/alpha")
        self.say(initialize_message(capabilities={"roots": {}}))
        self.say(INITIALIZED)
        self.assertEqual(self.sessions.live["session-1"].project, "alpha")
        self.assertEqual(self.sent, [])

    def test_without_it_a_client_with_roots_is_asked(self) -> None:
        self.connection = self.connect(project_hint="/")
        self.say(initialize_message(capabilities={"roots": {}}))
        self.assertEqual(self.sent, [])
        self.say(INITIALIZED)
        (question,) = self.sent
        self.assertEqual(question["method"], "roots/list")
        roots = {"roots": [{"uri": "file:///src/beta"}]}
        self.assertIsNone(self.say({"jsonrpc": "2.0", "id": question["id"], "result": roots}))
        self.assertEqual(self.sessions.live["session-1"].project, "beta")
        self.say({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        self.assertEqual(len(self.sent), 2)


class UnopenedTests(ConnectionTests):
    """Before C{initialize} everything is answered."""

    def test_requests_are_served(self) -> None:
        self.assertEqual(self.say(legacy_message("ping"))["result"], {})
        self.assertEqual(len(self.say(legacy_message("tools/list"))["result"]["tools"]), 5)
        self.assertEqual(self.sessions.made, 0)

    def test_a_call_gets_a_work_session(self) -> None:
        self.connection = self.connect(project_hint="/src/alpha")
        call = legacy_message("tools/call", name="echo", arguments={"text": "hi"})
        for _ in range(2):
            self.assertEqual(self.say(call)["result"]["content"][0]["text"], "hi")
        (session,) = self.sessions.live.values()
        self.assertEqual((session.kind, session.project), ("work", "alpha"))

    def test_unknown_methods_get_an_error(self) -> None:
        for method in ("server/discover", "resources/list", "whatever"):
            self.assertError(self.say(legacy_message(method)), -32601)

    def test_notifications_and_stray_responses_get_no_answer(self) -> None:
        messages: list[Any] = [
            INITIALIZED,
            {"jsonrpc": "2.0", "id": "r", "result": {}},
            {"jsonrpc": "2.0", "id": None, "error": {}},
        ]
        for message in messages:
            self.assertIsNone(self.say(message))

    def test_an_empty_line_is_passed_over(self) -> None:
        for line in (b"", b"\n", b"  \r\n"):
            self.assertIsNone(self.say(line))

    def test_what_is_no_message_gets_an_error_without_id(self) -> None:
        self.assertError(self.say(b"{"), -32700, None)
        self.assertError(self.say([]), -32600, None)
        self.assertError(self.say({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}), -32600, None)


class ModernTests(ConnectionTests):
    def test_the_probe_is_answered(self) -> None:
        answer = self.say(modern_message("server/discover", "server-discover-probe-1"))
        self.assertEqual(answer["id"], "server-discover-probe-1")
        self.assertEqual(answer["result"]["supportedVersions"], [MODERN])

    def test_a_call_belongs_to_a_work_session(self) -> None:
        self.connection = self.connect(project_hint="/src/alpha", principal="ann")
        message = modern_message("tools/call", name="echo", arguments={"text": "hi"})
        self.assertEqual(self.say(message)["result"]["resultType"], "complete")
        session = self.echo.contexts[0].session
        self.assertEqual((session.kind, session.project), ("work", "alpha"))
        self.assertEqual(session.opening.principal, "ann")

    def test_a_client_that_opened_modern_must_say_its_version_each_time(self) -> None:
        self.say(modern_message("server/discover"))
        self.assertError(self.say(legacy_message("tools/list")), -32602)
        self.assertError(self.say(modern_message("ping")), -32601)

    def test_a_probe_of_an_unsupported_version_leaves_the_era_open(self) -> None:
        probe = modern_message("server/discover", _meta=meta(protocolVersion="2099-01-01"))
        answer = self.say(probe)
        self.assertError(answer, -32022)
        self.assertEqual(answer["error"]["data"]["supported"], [MODERN])
        self.assertIn("result", self.say(legacy_message("tools/list")))

    def test_a_client_may_turn_to_initialize_after_its_probe(self) -> None:
        self.say(modern_message("server/discover"))
        answer = self.say(initialize_message())
        self.assertEqual(answer["result"]["protocolVersion"], LATEST_LEGACY)
        self.assertIn("result", self.say(legacy_message("tools/list")))

    def test_a_modern_initialize_is_an_unknown_method(self) -> None:
        self.assertError(self.say(modern_message("initialize")), -32601)

    def test_a_modern_request_within_a_legacy_session_is_served_and_changes_nothing(self) -> None:
        self.say(initialize_message())
        self.assertIn("resultType", self.say(modern_message("tools/list"))["result"])
        self.assertNotIn("resultType", self.say(legacy_message("tools/list"))["result"])

    def test_capabilities_that_lack(self) -> None:
        answer = self.say(modern_message("tools/call", name="sampling"))
        self.assertError(answer, -32021)

    def test_notifications_get_no_answer(self) -> None:
        self.say(modern_message("server/discover"))
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}
        self.assertIsNone(self.say(cancelled))


class ConcurrencyTests(ConnectionTests):
    def test_a_message_is_answered_while_an_earlier_one_waits(self) -> None:
        self.say(initialize_message())
        line = msgspec.json.encode(legacy_message("tools/call", 1, name="wait"))
        waiting = Deferred.fromCoroutine(self.connection.receive(line))
        self.assertEqual(self.say(legacy_message("ping", 2))["id"], 2)
        self.assertNoResult(waiting)

    def test_a_cancelled_message_gives_its_slot_back(self) -> None:
        self.say(initialize_message())
        line = msgspec.json.encode(legacy_message("tools/call", 1, name="wait"))
        waiting = Deferred.fromCoroutine(self.connection.receive(line))
        self.assertEqual(self.sessions.live["session-1"].running, 1)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.sessions.live["session-1"].running, 0)
        self.assertEqual(self.defects, [])
