"""Who may pass, before anybody looks at what is asked."""

import msgspec
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.credentials import Credentials
from mnemo.transports.guard import Guard
from tests.mcp.fakes import initialize_message, legacy_message
from tests.transports.wire import HEADERS, Daemon, Response


class SiteTestCase(SynchronousTestCase):
    """A daemon and a connection to it."""

    def setUp(self) -> None:
        self.daemon = Daemon()
        self.connection = self.daemon.connect()

    def ask(self, method: str, path: str, body: bytes = b"", *headers: str) -> Response:
        self.connection.request(method, path, body, (*HEADERS, *headers))
        return self.connection.response()


class GuardTests(SiteTestCase):
    """The guard stands before every address."""

    def test_a_foreign_host_gets_nothing(self) -> None:
        for path in ("/mcp", "/health", "/nothing"):
            self.connection.request("GET", path, b"", ("Host: evil.example",))
            response = self.connection.response()
            self.assertEqual(response.status, 421)
            self.assertIn("server.allowed_hosts", response.json()["error"]["message"])

    def test_a_foreign_page_gets_nothing(self) -> None:
        response = self.ask("POST", "/mcp", b"{}", "Origin: http://evil.example")
        self.assertEqual(response.status, 403)
        self.assertIn("server.allowed_origins", response.json()["error"]["message"])

    def test_http_1_1_names_its_host(self) -> None:
        self.connection.request("GET", "/health/live", b"", ())
        self.assertEqual(self.connection.response().status, 400)

    def test_what_is_allowed_passes(self) -> None:
        self.daemon = Daemon(Guard(("mnemo.lan:*",), ("https://app.example",)))
        self.connection = self.daemon.connect()
        headers = ("Host: mnemo.lan:80", "Origin: https://app.example")
        self.connection.request("GET", "/health/live", b"", headers)
        self.assertEqual(self.connection.response().status, 200)

    def test_a_trusted_proxy_says_what_its_client_asked_for(self) -> None:
        for trusting, status in ((True, 200), (False, 421)):
            self.daemon = Daemon(Guard(("mnemo.lan",), (), trusting))
            self.connection = self.daemon.connect()
            headers = ("Host: inner:9999", "X-Forwarded-Host: mnemo.lan")
            self.connection.request("GET", "/health/live", b"", headers)
            self.assertEqual(self.connection.response().status, status)

    def test_a_refusal_is_logged_but_not_again_and_again(self) -> None:
        with capturedLogs() as events:
            for _ in range(3):
                self.ask("POST", "/mcp", b"{}", "Origin: http://evil.example")
            self.ask("POST", "/mcp", b"{}", "Origin: http://worse.example")
        self.assertEqual(len(events), 2)
        self.assertIn("evil.example", events[0]["reason"])


class TokenTests(SiteTestCase):
    """Where tokens are configured, a request needs one."""

    TOKEN, OTHER = "0123456789abcdef", "fedcba9876543210"

    def setUp(self) -> None:
        self.daemon = Daemon(credentials=Credentials({"me": self.TOKEN, "ci": self.OTHER}))
        self.connection = self.daemon.connect()

    def test_without_one_there_is_nothing_but_a_401(self) -> None:
        for method, path in (
            ("POST", "/mcp"),
            ("GET", "/mcp"),
            ("DELETE", "/mcp/"),
            ("GET", "/health"),
            ("GET", "/nothing"),
            ("GET", "/%6dcp"),
        ):
            response = self.ask(method, path)
            self.assertEqual((response.status, path), (401, path))
            self.assertEqual(response.headers["www-authenticate"], "Bearer")
            self.assertIn("server.tokens", response.json()["error"]["message"])

    def test_a_wrong_one_is_as_good_as_none_and_is_not_repeated(self) -> None:
        for said in ("Bearer wrong-wrong-wrong-wrong", f"Basic {self.TOKEN}", self.TOKEN, ""):
            with capturedLogs() as events:
                response = self.ask("POST", "/mcp", b"{}", f"Authorization: {said}")
            self.assertEqual(response.status, 401)
            self.assertNotIn(said or "?", response.body.decode())
            self.assertEqual(events, [])

    def test_two_are_none(self) -> None:
        header = f"Authorization: Bearer {self.TOKEN}"
        self.assertEqual(self.ask("GET", "/health", b"", header, header).status, 401)

    def test_with_one_it_is_served(self) -> None:
        for token in (self.TOKEN, self.OTHER):
            header = f"Authorization: Bearer {token}"
            self.assertEqual(self.ask("GET", "/health", b"", header).status, 200)
            self.assertEqual(self.ask("POST", "/mcp", b"{", header).status, 400)

    def test_a_watchdog_needs_none(self) -> None:
        for path in ("/health/live", "/health/ready"):
            self.assertEqual(self.ask("GET", path).status, 200)

    def test_there_is_no_server_of_tokens_and_that_is_said_at_once(self) -> None:
        for path in (
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration/mcp",
            "/mcp/.well-known/openid-configuration",
            "/sse/.well-known/openid-configuration",
        ):
            self.assertEqual((self.ask("GET", path).status, path), (404, path))
        self.assertEqual(self.ask("POST", "/register", b"{}").status, 404)

    def test_a_foreign_page_is_not_even_asked_for_one(self) -> None:
        response = self.ask("POST", "/mcp", b"{}", "Origin: http://evil.example")
        self.assertEqual(response.status, 403)

    def test_a_session_is_not_there_for_whoever_did_not_open_it(self) -> None:
        mine, other = (f"Authorization: Bearer {token}" for token in (self.TOKEN, self.OTHER))
        opened = self.ask("POST", "/mcp", msgspec.json.encode(initialize_message()), mine)
        session = f"Mcp-Session-Id: {opened.headers['mcp-session-id']}"
        listing = msgspec.json.encode(legacy_message("tools/list"))
        self.assertEqual(self.ask("POST", "/mcp", listing, mine, session).status, 200)
        self.assertEqual(self.ask("POST", "/mcp", listing, other, session).status, 404)
        self.assertEqual(self.ask("DELETE", "/mcp", b"", other, session).status, 404)
        self.assertEqual(self.ask("POST", "/mcp", listing, mine, session).status, 200)
