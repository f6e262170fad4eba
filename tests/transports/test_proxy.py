"""The proxy against a small HTTP server."""

import json
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.daemon import Daemon, Url
from mnemo.transports.proxy import Proxy
from tests.transports.fake_daemon import Answer, FakeDaemon, HangUp, Seen, result

PATIENCE = 10.0
"""Seconds after which a test gives up."""

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"roots": {}},
        "clientInfo": {"name": "a client", "version": "1"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(id: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


class ProxyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = FakeDaemon()
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.stop())
        self.said: SimpleQueue[bytes] = SimpleQueue()
        self.logged: list[str] = []
        self.closing = Event()
        self.proxy = Proxy(
            Daemon(Url(self.daemon.address), None, self.closing.wait),
            "/home/me/projékt",
            self.said.put,
            self.logged.append,
            self.closing,
        )
        self.addCleanup(lambda: self.proxy.close(0))

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.proxy.take(message if isinstance(message, bytes) else json.dumps(message).encode())

    def hear(self) -> Any:
        """The next message to the client."""
        return json.loads(self.said.get(timeout=PATIENCE))

    def ask(self, message: Any) -> Any:
        self.tell(message)
        return self.hear()

    def assertSilent(self) -> None:
        self.assertRaises(Empty, self.said.get_nowait)

    def begin(self) -> None:
        """A legacy session with its stream open."""
        self.ask(INITIALIZE)
        self.tell(INITIALIZED)
        self.assertTrue(self.daemon.listening.wait(PATIENCE))


class TokenTests(ProxyCase):
    """A daemon that asks for a token."""

    TOKEN = "0123456789abcdef"

    def test_none_is_sent_where_there_is_none(self) -> None:
        self.ask(INITIALIZE)
        self.assertNotIn("authorization", self.daemon.seen[-1].headers)

    def test_it_is_sent_with_everything(self) -> None:
        self.proxy = Proxy(
            Daemon(Url(self.daemon.address), None, self.closing.wait),
            "",
            self.said.put,
            self.logged.append,
            self.closing,
            self.TOKEN,
        )
        self.begin()
        self.ask(request(1, "tools/list"))
        self.proxy.close(0)
        verbs = {seen.verb for seen in self.daemon.seen}
        self.assertEqual(verbs, {"POST", "GET", "DELETE"})
        said = {seen.headers.get("authorization") for seen in self.daemon.seen}
        self.assertEqual(said, {f"Bearer {self.TOKEN}"})


class ModernTests(ProxyCase):
    """A client that says its version with each request."""

    def test_the_headers_repeat_the_body(self) -> None:
        answer = self.ask(request(3, "tools/call", name="recall", _meta=META))
        self.assertEqual(answer, {"jsonrpc": "2.0", "id": 3, "result": {"method": "tools/call"}})
        headers = self.daemon.seen[0].headers
        self.assertEqual(headers["mcp-protocol-version"], "2026-07-28")
        self.assertEqual(headers["mcp-method"], "tools/call")
        self.assertEqual(headers["mcp-name"], "recall")
        self.assertNotIn("mcp-session-id", headers)

    def test_each_request_names_the_project(self) -> None:
        self.ask(request(1, "server/discover", _meta=META))
        raw = self.daemon.seen[0].headers["x-mnemo-project"]
        self.assertEqual(raw.encode("latin-1").decode("utf-8"), "/home/me/projékt")

    def test_the_id_comes_back_with_its_type(self) -> None:
        for number in (0, "0", "listen:0"):
            self.assertEqual(self.ask(request(number, "tools/list", _meta=META))["id"], number)

    def test_a_refusal_without_id_is_told_to_the_one_who_asked(self) -> None:
        error = {"code": -32020, "message": "HeaderMismatch"}
        self.daemon.rule = lambda seen: Answer(400, {"jsonrpc": "2.0", "id": None, "error": error})
        self.assertEqual(
            self.ask(request("a", "tools/list", _meta=META)),
            {"jsonrpc": "2.0", "id": "a", "error": error},
        )

    def test_an_answer_that_is_no_json_becomes_an_error(self) -> None:
        self.daemon.rule = lambda seen: Answer(502, b"<html>Bad gateway", "text/html")
        answer = self.ask(request(1, "tools/list", _meta=META))
        self.assertIn("HTTP 502", answer["error"]["message"])

    def test_an_event_stream_brings_notifications_and_the_answer(self) -> None:
        def rule(seen: Seen) -> Answer:
            progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
            events = [progress, result(seen, "done").body]
            body = "".join(f": ping\n\nevent: message\ndata: {json.dumps(e)}\n\n" for e in events)
            return Answer(body=body.encode(), content_type="text/event-stream; charset=utf-8")

        self.daemon.rule = rule
        self.tell(request(1, "tools/call", name="x", _meta=META))
        self.assertEqual(self.hear()["method"], "notifications/progress")
        self.assertEqual(self.hear()["result"], "done")

    def test_a_stream_that_ends_without_the_answer_becomes_an_error(self) -> None:
        self.daemon.rule = lambda seen: Answer(body=b":\n\n", content_type="text/event-stream")
        self.assertIn("error", self.ask(request(1, "tools/call", name="x", _meta=META)))

    def test_cancelling_closes_the_connection_and_brings_no_answer(self) -> None:
        arrived, release = Event(), Event()
        self.addCleanup(release.set)

        def rule(seen: Seen) -> Answer | None:
            if seen.headers.get("mcp-name") == "slow":
                arrived.set()
                release.wait(PATIENCE)
            return None

        self.daemon.rule = rule
        self.tell(request("7", "tools/call", name="slow", _meta=META))
        self.assertTrue(arrived.wait(PATIENCE))
        self.tell(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "7"}}
        )
        self.assertEqual(self.ask(request(8, "tools/list", _meta=META))["id"], 8)
        self.assertNotIn("notifications/cancelled", self.daemon.methods())
        self.assertSilent()

    def test_cancelling_7_leaves_the_string_7_alone(self) -> None:
        arrived, release = Event(), Event()

        def rule(seen: Seen) -> None:
            if seen.headers.get("mcp-name") == "slow":
                arrived.set()
                release.wait(PATIENCE)

        self.daemon.rule = rule
        self.tell(request("7", "tools/call", name="slow", _meta=META))
        self.assertTrue(arrived.wait(PATIENCE))
        self.tell(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
        )
        release.set()
        self.assertEqual(self.hear()["id"], "7")


class LegacyTests(ProxyCase):
    """A client that begins with initialize."""

    def test_the_session_and_the_version_go_with_each_message(self) -> None:
        self.begin()
        self.assertEqual(self.ask(request(1, "tools/list"))["result"], {"method": "tools/list"})
        first, *rest = self.daemon.seen
        self.assertNotIn("mcp-session-id", first.headers)
        self.assertNotIn("mcp-protocol-version", first.headers)
        self.assertEqual({seen.headers["mcp-session-id"] for seen in rest}, self.daemon.sessions)
        self.assertEqual({seen.headers["mcp-protocol-version"] for seen in rest}, {"2025-06-18"})
        self.assertEqual(
            {seen.headers["x-mnemo-project"] for seen in self.daemon.seen},
            {"/home/me/projékt".encode().decode("latin-1")},
        )

    def test_messages_behind_an_unanswered_initialize_wait_for_it(self) -> None:
        self.tell(INITIALIZE, INITIALIZED, request(1, "tools/list"), request(2, "ping"))
        self.assertEqual({self.hear()["id"] for _ in range(3)}, {0, 1, 2})
        self.assertEqual(self.daemon.methods()[0], "initialize")
        self.assertEqual(len(self.daemon.sessions), 1)

    def test_a_slow_call_does_not_hold_up_a_ping(self) -> None:
        release = Event()

        def rule(seen: Seen) -> None:
            if seen.message and seen.message["method"] == "tools/call":
                release.wait(PATIENCE)

        self.daemon.rule = rule
        self.ask(INITIALIZE)
        for number in range(1, 41):
            self.tell(request(number, "tools/call", name="slow"))
        self.assertEqual(self.ask(request(99, "ping"))["id"], 99)
        release.set()
        self.assertEqual({self.hear()["id"] for _ in range(40)}, set(range(1, 41)))

    def test_what_the_daemon_asks_reaches_the_client_and_its_answer_the_daemon(self) -> None:
        self.begin()
        question = {"jsonrpc": "2.0", "id": "ab:0", "method": "roots/list", "params": {}}
        self.daemon.events.put(json.dumps(question).encode())
        self.assertEqual(self.hear(), question)
        reply = {"jsonrpc": "2.0", "id": "ab:0", "result": {"roots": [{"uri": "file:///x"}]}}
        self.tell(reply)
        self.proxy.close(PATIENCE)
        self.assertIn(reply, [seen.message for seen in self.daemon.seen])

    def test_a_cancellation_is_passed_on(self) -> None:
        self.begin()
        self.tell(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        )
        self.ask(request(1, "ping"))
        self.proxy.close(PATIENCE)
        self.assertIn("notifications/cancelled", self.daemon.methods())

    def test_a_daemon_without_stream_is_not_asked_again(self) -> None:
        self.daemon.rule = lambda seen: Answer(405) if seen.verb == "GET" else None
        self.ask(INITIALIZE)
        self.tell(INITIALIZED)
        self.assertEqual(self.ask(request(1, "ping"))["id"], 1)

    def test_closing_ends_the_session(self) -> None:
        self.begin()
        self.proxy.close(0)
        self.assertEqual(self.daemon.sessions, set())
        self.assertEqual(self.daemon.methods()[-1], "DELETE")

    def test_a_second_initialize_ends_the_first_session(self) -> None:
        self.ask(INITIALIZE)
        self.ask(INITIALIZE)
        self.ask(request(1, "ping"))
        self.assertEqual(len(self.daemon.sessions), 1)

    def test_a_refused_initialize_is_told(self) -> None:
        def rule(seen: Seen) -> Answer:
            error = {"code": -32603, "message": "There are 10000 sessions; try again later."}
            return Answer(503, {"jsonrpc": "2.0", "id": seen.message["id"], "error": error})

        self.daemon.rule = rule
        self.assertIn("10000 sessions", self.ask(INITIALIZE)["error"]["message"])
        self.assertEqual(len(self.daemon.seen), 1)


class LostSessionTests(ProxyCase):
    """The daemon has forgotten the session, as after its home was emptied."""

    def test_it_is_opened_again_and_the_call_repeated(self) -> None:
        self.begin()
        self.daemon.sessions.clear()
        answer = self.ask(request(5, "tools/call", name="recall"))
        self.assertEqual(answer["result"], {"method": "tools/call"})
        opened = [seen.message for seen in self.daemon.seen if seen.message][-4:]
        self.assertEqual(opened[1], INITIALIZE)
        self.assertEqual(opened[2], INITIALIZED)
        self.assertSilent()

    def test_many_calls_open_one_session(self) -> None:
        self.begin()
        self.daemon.sessions.clear()
        for number in range(1, 9):
            self.tell(request(number, "ping"))
        self.assertEqual({self.hear()["id"] for _ in range(8)}, set(range(1, 9)))
        self.assertEqual(len(self.daemon.sessions), 1)

    def test_a_refused_session_is_an_error_for_the_call(self) -> None:
        self.ask(INITIALIZE)
        self.daemon.sessions.clear()

        def rule(seen: Seen) -> Answer | None:
            if seen.verb != "POST" or seen.message["method"] != "initialize":
                return None
            error = {"code": -32603, "message": "no room"}
            return Answer(503, {"jsonrpc": "2.0", "id": 0, "error": error})

        self.daemon.rule = rule
        self.assertIn("no room", self.ask(request(5, "ping"))["error"]["message"])


class BeforeInitializeTests(ProxyCase):
    """Whatever comes before initialize is answered."""

    def test_a_probe_is_passed_on(self) -> None:
        answer = self.ask(request("server-discover-probe-1", "server/discover", _meta=META))
        self.assertEqual(answer["result"], {"method": "server/discover"})

    def test_a_listing_is_served(self) -> None:
        self.assertEqual(self.ask(request(1, "tools/list"))["result"], {"method": "tools/list"})

    def test_the_clients_own_session_replaces_the_one_opened_for_it(self) -> None:
        self.ask(request(1, "tools/list"))
        self.ask(INITIALIZE)
        self.ask(request(2, "ping"))
        self.assertEqual(len(self.daemon.sessions), 1)

    def test_a_notification_goes_nowhere(self) -> None:
        self.tell(INITIALIZED, {"jsonrpc": "2.0", "id": 1, "result": {}})
        self.ask(request(1, "server/discover", _meta=META))
        self.proxy.close(PATIENCE)
        self.assertEqual(self.daemon.methods(), ["server/discover"])

    def test_what_is_no_message_is_refused(self) -> None:
        for line, code in ((b"{", -32700), (b"\xff", -32700), (b"[]", -32600), (b"3", -32600)):
            self.assertEqual(self.ask(line)["error"]["code"], code)
        self.assertEqual(self.daemon.seen, [])


class RestartTests(ProxyCase):
    """The daemon goes away and comes back in the middle of a conversation."""

    def test_the_next_call_works(self) -> None:
        self.begin()
        self.daemon.stop()
        self.tell(request(1, "tools/call", name="recall"))
        self.daemon.start()
        self.assertEqual(self.hear()["result"], {"method": "tools/call"})

    def test_the_stream_is_opened_again(self) -> None:
        self.begin()
        self.daemon.stop()
        self.daemon.listening.clear()
        self.daemon.start()
        self.assertTrue(self.daemon.listening.wait(PATIENCE))

    def test_a_call_that_may_have_been_done_is_not_repeated(self) -> None:
        self.begin()

        def rule(seen: Seen) -> None:
            if seen.message and seen.message["method"] == "tools/call":
                raise HangUp

        self.daemon.rule = rule
        answer = self.ask(request(1, "tools/call", name="remember"))
        self.assertIn("may or may not", answer["error"]["message"])
        self.assertEqual(self.daemon.methods().count("tools/call"), 1)

    def test_unless_its_tool_was_listed_as_read_only(self) -> None:
        tools = [
            {"name": "recall", "annotations": {"readOnlyHint": True}},
            {"name": "remember", "annotations": {"readOnlyHint": False}},
            {"name": "plain"},
        ]
        breaking = ["recall", "remember"]

        def rule(seen: Seen) -> Answer | None:
            if seen.message["method"] == "tools/list":
                return result(seen, {"tools": tools})
            if seen.message["params"]["name"] in breaking:
                breaking.remove(seen.message["params"]["name"])
                raise HangUp
            return None

        self.daemon.rule = rule
        self.ask(request(1, "tools/list", _meta=META))
        self.assertIn("result", self.ask(request(2, "tools/call", name="recall", _meta=META)))
        self.assertIn("error", self.ask(request(3, "tools/call", name="remember", _meta=META)))

    def test_anything_else_is_repeated_once(self) -> None:
        self.begin()

        def rule(seen: Seen) -> None:
            if seen.message and seen.message["method"] == "tools/list":
                raise HangUp

        self.daemon.rule = rule
        self.assertIn("error", self.ask(request(1, "tools/list")))
        self.assertEqual(self.daemon.methods().count("tools/list"), 2)

    def test_a_daemon_that_starts_or_stops_is_asked_again(self) -> None:
        answers = [Answer(503, {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": ""}})]
        self.daemon.rule = lambda seen: answers.pop() if answers else None
        answer = self.ask(request(1, "tools/call", name="remember", _meta=META))
        self.assertEqual(answer["result"], {"method": "tools/call"})


class EndTests(ProxyCase):
    """The client closes its end."""

    def test_what_is_on_its_way_is_still_answered(self) -> None:
        arrived = Event()

        def rule(seen: Seen) -> None:
            arrived.wait(0.1)

        self.daemon.rule = rule
        self.tell(request(1, "tools/list", _meta=META))
        self.proxy.close(PATIENCE)
        self.assertEqual(self.hear()["id"], 1)

    def test_a_daemon_that_does_not_answer_is_not_waited_for(self) -> None:
        release = Event()
        self.addCleanup(release.set)
        self.ask(INITIALIZE)

        def rule(seen: Seen) -> None:
            release.wait(PATIENCE)

        self.daemon.rule = rule
        began = monotonic()
        self.proxy.close(0.1)
        self.assertLess(monotonic() - began, 1.0)

    def test_what_takes_longer_is_left(self) -> None:
        arrived, release = Event(), Event()
        self.addCleanup(release.set)

        def rule(seen: Seen) -> None:
            arrived.set()
            release.wait(PATIENCE)

        self.daemon.rule = rule
        self.tell(request(1, "tools/list", _meta=META))
        self.assertTrue(arrived.wait(PATIENCE))
        self.proxy.close(0)
        self.assertSilent()
