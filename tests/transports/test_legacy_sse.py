"""HTTP+SSE, byte for byte, without a socket."""

import re
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.interfaces import ToolResult
from mnemo.transports.credentials import Credentials
from tests.mcp.fakes import initialize_message, legacy_message, modern_message
from tests.transports.wire import HEADERS, Daemon, Response

LISTEN = ("Host: localhost:9999", "Accept: text/event-stream")


class Client:
    """A client that listens on one connection and posts on another."""

    def __init__(self, daemon: Daemon, path: str = "/sse", *headers: str) -> None:
        self.ear, self.mouth = daemon.connect(), daemon.connect()
        self.ear.request("GET", path, b"", (*LISTEN, *headers))
        self.began = self.ear.taken().decode()
        found = re.search(r"data: (.*)", self.began)
        assert found is not None, self.began
        self.address = found[1].strip()

    def post(self, message: Any, *headers: str, address: str = "") -> Response:
        """Post a message; the answer to the POST itself."""
        body = message if isinstance(message, bytes) else msgspec.json.encode(message)
        self.mouth.request("POST", address or self.address, body, (*HEADERS, *headers))
        return self.mouth.response()

    def heard(self) -> list[Any]:
        """The messages that have come since the last look."""
        data = re.findall(rb"event: message\ndata: (.*)\n\n", self.ear.taken())
        return [msgspec.json.decode(message) for message in data]

    def ask(self, message: Any, *headers: str) -> Any:
        """Post a request, and hear its answer."""
        response = self.post(message, *headers)
        assert (response.status, response.body) == (202, b""), response
        (answer,) = self.heard()
        return answer


class LegacySseTestCase(SynchronousTestCase):
    """A daemon."""

    def setUp(self) -> None:
        self.daemon = Daemon()

    def client(self, path: str = "/sse", *headers: str) -> Client:
        return Client(self.daemon, path, *headers)

    def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> Response:
        connection = self.daemon.connect()
        connection.request(method, path, body, (*HEADERS[:2], *headers))
        return connection.response()


def call(tool: str, id: int | str = 1, **arguments: Any) -> dict[str, Any]:
    """A C{tools/call}."""
    return {**legacy_message("tools/call", name=tool, arguments=arguments), "id": id}


class StreamTests(LegacySseTestCase):
    """C{GET /sse}."""

    def test_it_begins_with_the_boot_id_and_the_address_to_post_to(self) -> None:
        head, _, body = self.client().began.partition("\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/1.1 200 "))
        self.assertIn("Content-Type: text/event-stream", head)
        boot = self.daemon.health.boot
        self.assertRegex(
            body,
            rf"^\w+\r\n: boot {boot}\n\n"
            r"event: endpoint\ndata: /messages\?sessionId=[\w-]{32}\nretry: 250\n\n\r\n$",
        )

    def test_no_two_have_the_same_address(self) -> None:
        self.assertEqual(len({self.client().address for _ in range(50)}), 50)

    def test_it_can_only_be_got(self) -> None:
        for method in ("POST", "DELETE", "PUT"):
            response = self.ask(method, "/sse", b"{}" if method == "POST" else b"")
            self.assertEqual((response.status, response.headers["allow"]), (405, "GET"))

    def test_there_is_none_below_it(self) -> None:
        for path in ("/sse/.well-known/openid-configuration", "/sse/x", "/messages/x", "/ssex"):
            self.assertEqual((self.ask("GET", path).status, path), (404, path))

    def test_silence_is_filled(self) -> None:
        client = self.client()
        self.daemon.clock.pump([1.0] * 16)
        self.assertIn(b":\n\n", client.ear.taken())

    def test_it_counts_among_the_streams_until_it_ends(self) -> None:
        client = self.client()
        self.assertEqual(len(self.daemon.streams), 1)
        client.ear.transport.hang_up()
        self.assertEqual(len(self.daemon.streams), 0)
        self.assertEqual(self.daemon.front.mailboxes.open, {})

    def test_a_reader_that_lets_too_much_gather_is_cut_off(self) -> None:
        client = self.client()
        client.ear.fall_behind()
        for _ in range(12):
            client.post(call("echo", text="x" * 100_000))
        self.assertTrue(client.ear.transport.aborted)
        self.assertEqual(self.daemon.front.mailboxes.open, {})


class MessageTests(LegacySseTestCase):
    """C{POST /messages}."""

    def test_a_whole_conversation(self) -> None:
        client = self.client()
        answer = client.ask(initialize_message("2025-11-25"))
        self.assertEqual(answer["result"]["protocolVersion"], "2025-11-25")
        initialized = legacy_message("notifications/initialized")
        del initialized["id"]
        self.assertEqual(client.post(initialized).status, 202)
        self.assertIn("tools", client.ask(legacy_message("tools/list"))["result"])
        answer = client.ask(call("echo", id=0, text="hi"))
        self.assertEqual((answer["id"], answer["result"]["structuredContent"]), (0, {"text": "hi"}))

    def test_a_client_that_came_back_may_call_without_an_introduction(self) -> None:
        client = self.client("/sse", "MCP-Protocol-Version: 2025-06-18")
        answer = client.ask(call("echo", id=6, text="hi"))
        self.assertEqual(answer["id"], 6)
        self.assertEqual(answer["result"]["structuredContent"], {"text": "hi"})

    def test_it_is_answered_in_the_version_that_its_header_says(self) -> None:
        for headers, titled in ((("MCP-Protocol-Version: 2024-11-05",), False), ((), True)):
            for client, more in ((self.client("/sse", *headers), ()), (self.client(), headers)):
                tools = client.ask(legacy_message("tools/list"), *more)["result"]["tools"]
                self.assertEqual(any("title" in tool for tool in tools), titled)

    def test_any_accept_will_do(self) -> None:
        client = self.client()
        for accept in ("*/*", "application/json", "text/html"):
            client.mouth.request(
                "POST",
                client.address,
                msgspec.json.encode(legacy_message("ping")),
                (HEADERS[0], f"Accept: {accept}"),
            )
            self.assertEqual(client.mouth.response().status, 202)
            self.assertEqual(client.heard()[0]["result"], {})

    def test_a_call_that_waits_holds_up_no_other(self) -> None:
        client = self.client()
        client.post(call("wait", id="slow"))
        self.assertEqual(client.heard(), [])
        self.assertEqual(client.ask(call("echo", id="quick", text="x"))["id"], "quick")
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
        self.assertEqual([answer["id"] for answer in client.heard()], ["slow"])

    def test_an_unknown_address_is_not_there_whoever_asks(self) -> None:
        client = self.client()
        for address in ("/messages?sessionId=x", client.address + "x"):
            self.assertEqual(client.post(legacy_message("ping"), address=address).status, 404)
        for address in ("/messages", f"{client.address}&sessionId=x"):
            self.assertEqual(client.post(legacy_message("ping"), address=address).status, 400)
        self.assertEqual(self.ask("GET", client.address).status, 405)

    def test_the_address_of_a_stream_that_is_over_is_not_there(self) -> None:
        client = self.client()
        client.ear.transport.hang_up()
        self.assertEqual(client.post(legacy_message("ping")).status, 404)

    def test_a_stream_that_is_over_gives_up_its_calls_and_its_session(self) -> None:
        client = self.client()
        client.ask(initialize_message())
        self.assertEqual(len(self.daemon.sessions.live), 1)
        client.post(call("wait"))
        client.ear.transport.hang_up()
        self.assertTrue(self.daemon.waiting.calls.popleft().called)
        self.assertEqual(len(self.daemon.sessions.live), 0)

    def test_what_cannot_be_read_is_told_on_the_stream(self) -> None:
        client = self.client()
        self.assertEqual(client.post(b"{").status, 202)
        self.assertEqual(client.heard()[0]["error"]["code"], -32700)

    def test_the_project_of_its_address_is_the_sessions(self) -> None:
        client = self.client("/sse?project=/work/alpha%20one")
        client.ask(initialize_message())
        (session,) = self.daemon.sessions.live.values()
        self.assertIn("alpha one", session.project)


class RootTests(LegacySseTestCase):
    """C{/}, which some clients are given."""

    def test_a_listener_gets_a_stream(self) -> None:
        client = self.client("/")
        self.assertIn("result", client.ask(initialize_message()))

    def test_a_message_is_answered_as_at_mcp(self) -> None:
        body = msgspec.json.encode(initialize_message())
        response = self.ask("POST", "/", body, "Accept: application/json, text/event-stream")
        self.assertEqual(response.status, 200)
        session = f"Mcp-Session-Id: {response.headers['mcp-session-id']}"
        stream = self.daemon.connect()
        stream.request("GET", "/", b"", (*LISTEN, session))
        self.assertNotIn(b"event: endpoint", stream.taken())
        self.assertEqual(self.ask("DELETE", "/", b"", session).status, 200)

    def test_a_client_of_both_transports_that_looks_around_is_told_no_at_once(self) -> None:
        response = self.ask("GET", "/", b"", "Accept: application/json, text/event-stream")
        self.assertEqual(response.status, 400)

    def test_a_person_gets_a_word(self) -> None:
        for headers in ((), ("Accept: */*",), ("Accept: text/html",)):
            response = self.ask("GET", "/", b"", *headers)
            self.assertEqual(response.status, 200)
            self.assertTrue(response.headers["content-type"].startswith("text/plain"))
            self.assertIn(b"/mcp", response.body)

    def test_nothing_else_is_allowed(self) -> None:
        self.assertEqual(self.ask("PUT", "/").status, 405)


class PrincipalTests(LegacySseTestCase):
    """A stream belongs to whoever opened it."""

    ONE, TWO = (f"Authorization: Bearer {name}-0123456789abcdef" for name in ("one", "two"))

    def setUp(self) -> None:
        tokens = {name: f"{name}-0123456789abcdef" for name in ("one", "two")}
        self.daemon = Daemon(credentials=Credentials(tokens))

    def test_it_takes_no_message_of_anybody_else(self) -> None:
        client = self.client("/sse", self.ONE)
        self.assertEqual(client.post(legacy_message("ping"), self.TWO).status, 404)
        self.assertEqual(client.post(legacy_message("ping")).status, 401)
        self.assertEqual(client.ask(legacy_message("ping"), self.ONE)["result"], {})

    def test_its_session_is_theirs(self) -> None:
        self.client("/sse", self.ONE).ask(initialize_message(), self.ONE)
        (session,) = self.daemon.sessions.live.values()
        self.assertEqual(session.opening.principal, "one")

    def test_it_outlives_the_token_that_it_was_opened_with(self) -> None:
        client = self.client("/sse", self.ONE)
        self.daemon.credentials.rotate("one-0123456789abcdef", "new-0123456789abcdef")
        self.assertEqual(client.post(legacy_message("ping"), self.ONE).status, 401)
        new = "Authorization: Bearer new-0123456789abcdef"
        self.assertEqual(client.ask(legacy_message("ping"), new)["result"], {})

    def test_nobody_opens_one_without_a_token(self) -> None:
        for path in ("/sse", "/"):
            self.assertEqual(self.ask("GET", path, b"", LISTEN[1]).status, 401)


class StoppingTests(LegacySseTestCase):
    """The daemon starts and stops."""

    def finish(self) -> Deferred[None]:
        self.daemon.health.stage = "stopping"
        return Deferred.fromCoroutine(self.daemon.front.finish(10.0))

    def test_nothing_begins_while_it_does_not_serve(self) -> None:
        client = self.client()
        for stage in ("starting", "stopping"):
            self.daemon.health.stage = stage
            response = client.post(legacy_message("ping"))
            self.assertEqual((response.status, response.headers["retry-after"]), (503, "2"))
            self.assertEqual(self.ask("GET", "/sse", b"", LISTEN[1]).status, 503)

    def test_streams_end(self) -> None:
        client = self.client()
        self.successResultOf(self.finish())
        self.assertTrue(client.ear.taken().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.daemon.front.mailboxes.open, {})

    def test_a_call_that_runs_is_still_answered(self) -> None:
        client = self.client()
        client.post(call("wait"))
        finished = self.finish()
        self.daemon.clock.advance(1.0)
        self.assertNoResult(finished)
        self.daemon.waiting.calls.popleft().callback(ToolResult.text("late"))
        self.daemon.clock.advance(1.0)
        self.successResultOf(finished)
        self.assertEqual(len(client.heard()), 1)

    def test_who_listens_for_news_is_told_that_there_will_be_no_more(self) -> None:
        self.daemon.front.endpoint.server.dynamic = frozenset({"tools"})
        client = self.client()
        client.post(
            modern_message("subscriptions/listen", notifications={"toolsListChanged": True})
        )
        client.heard()
        self.successResultOf(self.finish())
        self.assertEqual([message["id"] for message in client.heard()], [1])

    def test_but_not_waited_for_without_end(self) -> None:
        client = self.client()
        client.post(call("wait"))
        finished = self.finish()
        self.daemon.clock.pump([0.5] * 25)
        self.successResultOf(finished)
        self.assertEqual(client.heard(), [])
