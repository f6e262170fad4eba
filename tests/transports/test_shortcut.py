"""The way of a message past the router: nothing but the way may differ."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.answer_stream import AnswerStream
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.streamable import Endpoint
from mnemo.tools.interfaces import ToolResult
from tests.mcp.fakes import initialize_message, legacy_message
from tests.transports.test_http import CALL, MODERN, modern_call
from tests.transports.wire import HEADERS, Daemon, Response

SHORT, ROUTED = "/mcp", "/mcp/"

MESSAGES = {
    "a call": modern_call("echo", text="hi"),
    "a call that fails": modern_call("echo", number=1),
    "an unknown tool": modern_call("ekko"),
    "a defect": modern_call("broken"),
    "headers that say another thing": (modern_call("echo")[0], CALL),
    "an initialize that is none": (b'{"jsonrpc":"2.0","id":0,"method":"initialize"}', HEADERS),
    "a session that nobody knows": (
        msgspec.json.encode(legacy_message("ping")),
        (*HEADERS, "Mcp-Session-Id: gone"),
    ),
    "no JSON": (b"{", MODERN),
    "nothing": (b"", HEADERS),
    "a notification": (b'{"jsonrpc":"2.0","method":"notifications/x"}', MODERN),
    "another type": (b"x", ("Host: localhost", "Content-Type: text/plain")),
}


class ShortcutTests(SynchronousTestCase):
    """C{POST /mcp}, beside C{POST /mcp/}, which Klein routes."""

    def answer(self, path: str, body: bytes, headers: tuple[str, ...]) -> Response:
        connection = Daemon().connect()
        connection.request("POST", path, body, headers)
        return connection.response()

    def test_every_answer_is_the_same(self) -> None:
        for name, (body, headers) in MESSAGES.items():
            short, routed = (self.answer(path, body, headers) for path in (SHORT, ROUTED))
            for response in (short, routed):
                response.headers.pop("date")
            self.assertEqual(short.status, routed.status, name)
            self.assertEqual(short.headers, routed.headers, name)
            self.assertEqual(short.body, routed.body, name)

    def test_a_session_that_was_opened_by_one_is_known_by_the_other(self) -> None:
        daemon = Daemon()
        for first, second in ((SHORT, ROUTED), (ROUTED, SHORT)):
            connection = daemon.connect()
            connection.request("POST", first, msgspec.json.encode(initialize_message()))
            session = connection.response().headers["mcp-session-id"]
            ping = msgspec.json.encode(legacy_message("ping"))
            connection.request("POST", second, ping, (*HEADERS, f"Mcp-Session-Id: {session}"))
            self.assertEqual(connection.response().status, 200)

    def test_a_call_that_takes_its_time_is_answered_when_it_ends(self) -> None:
        for path in (SHORT, ROUTED):
            daemon = Daemon()
            connection = daemon.connect()
            body, headers = modern_call("wait")
            connection.request("POST", path, body, headers)
            self.assertEqual(connection.taken(), b"")
            daemon.waiting.calls.popleft().callback(ToolResult.text("done"))
            self.assertEqual(connection.response().status, 200, path)

    def test_a_client_that_goes_away_ends_its_call_and_nothing_is_logged(self) -> None:
        for path in (SHORT, ROUTED):
            daemon = Daemon()
            connection = daemon.connect()
            body, headers = modern_call("wait")
            connection.request("POST", path, body, headers)
            (waiting,) = daemon.waiting.calls
            connection.transport.hang_up()
            self.assertTrue(waiting.called, path)
            self.assertEqual(daemon.defects, [])

    def test_a_defect_outside_of_the_protocol_is_an_error_without_a_secret(self) -> None:
        async def post(self: Endpoint, exchange: Exchange, stream: AnswerStream) -> Reply:
            raise ZeroDivisionError("a secret")

        self.patch(Endpoint, "post", post)
        for path in (SHORT, ROUTED):
            connection = Daemon().connect()
            connection.request("POST", path, *modern_call("echo"))
            response = connection.response()
            self.assertEqual(response.status, 500, path)
            self.assertNotIn(b"secret", response.body)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
