"""
What real clients put on the wire, replayed.

Recorded from Claude Code 2.1.328, the Python SDK 2.3.0 and mcp-remote 0.15.1.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import AnyStream, OpenStream
from mnemo.mcp.streamable import Endpoint
from tests.mcp.fakes import Events, FakeSessions, done, json, make_server

CLAUDE_CODE = """\
accept: application/json, text/event-stream
accept-encoding: identity
content-type: application/json
user-agent: claude-code/2.1.328 (sdk-cli)
connection: keep-alive
host: 127.0.0.1:3222"""

CLAUDE_META = (
    b'"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientInfo":{"name":"claude-code","title":"Claude Code",'
    b'"version":"2.1.328","description":"Anthropic\'s agentic coding tool",'
    b'"websiteUrl":"https://claude.com/claude-code"},'
    b'"io.modelcontextprotocol/clientCapabilities":'
    b'{"roots":{"listChanged":true},"elicitation":{"form":{},"url":{}}}'
)
CLAUDE_PROBE = (
    b'{"jsonrpc":"2.0","id":"server-discover-probe-1","method":"server/discover",'
    b'"params":{"_meta":{' + CLAUDE_META + b"}}}"
)
CLAUDE_INITIALIZE = (
    b'{"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":'
    b'{"roots":{"listChanged":true},"elicitation":{"form":{},"url":{}}},"clientInfo":'
    b'{"name":"claude-code","title":"Claude Code","version":"2.1.328"}},"jsonrpc":"2.0","id":0}'
)

PYTHON_SDK = """\
host: 127.0.0.1:3222
accept-encoding: gzip, deflate
connection: keep-alive
user-agent: python-httpx2/2.16.2
accept: application/json, text/event-stream
content-type: application/json"""

PYTHON_META = (
    b'"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientInfo":{"name":"mcp","version":"0.1.0"},'
    b'"io.modelcontextprotocol/clientCapabilities":{}}'
)

MCP_REMOTE = """\
accept: application/json, text/event-stream
content-type: application/json
user-agent: undici"""

INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


class ExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.endpoint = Endpoint(make_server(self.sessions))

    def exchange(self, client: str, body: bytes, method: str, headers: dict[str, str]) -> Exchange:
        lines = dict(line.split(": ", 1) for line in client.splitlines())
        lines.update({name.replace("_", "-"): value for name, value in headers.items()})
        return Exchange(method, {name: (value,) for name, value in lines.items()}, body)

    def post(self, client: str, body: bytes, **headers: str) -> Reply:
        return done(self.endpoint.post(self.exchange(client, body, "POST", headers)))

    def get(self, client: str, **headers: str) -> Reply | AnyStream:
        return done(self.endpoint.get(self.exchange(client, b"", "GET", headers)))

    def result(self, reply: Reply, id: object) -> Any:
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(json(reply)["id"], id)
        return json(reply)["result"]

    def open(self, client: str, body: bytes, id: object, **headers: str) -> dict[str, str]:
        """Initialise a session; its headers."""
        reply = self.post(client, body, **headers)
        version = self.result(reply, id)["protocolVersion"]
        opened = {
            "mcp_session_id": dict(reply.headers)["Mcp-Session-Id"],
            "mcp_protocol_version": version,
        }
        self.assertEqual(self.post(client, INITIALIZED, **opened).status, 202)
        return opened


class ClaudeCodeTests(ExchangeTests):
    def test_listing_on_the_modern_wire(self) -> None:
        """A1. No C{listChanged} is declared, so no C{subscriptions/listen} follows."""
        modern = {"mcp_protocol_version": "2026-07-28"}
        reply = self.post(
            CLAUDE_CODE, CLAUDE_PROBE, mcp_method="server/discover", x_test="1", **modern
        )
        discovered = self.result(reply, "server-discover-probe-1")
        self.assertIn("2026-07-28", discovered["supportedVersions"])
        self.assertEqual(discovered["capabilities"], {"tools": {}})
        listing = b'{"method":"tools/list","params":{"_meta":{%b}},"jsonrpc":"2.0","id":0}'
        reply = self.post(CLAUDE_CODE, listing % CLAUDE_META, mcp_method="tools/list", **modern)
        self.assertEqual(len(self.result(reply, 0)["tools"]), 5)

    def test_calling_on_the_modern_wire(self) -> None:
        """A2."""
        modern = {"mcp_protocol_version": "2026-07-28"}
        for method, number in (("prompts/list", 0), ("resources/list", 1)):
            body = b'{"method":"%b","params":{"_meta":{%b}},"jsonrpc":"2.0","id":%d}'
            body %= (method.encode(), CLAUDE_META, number)
            reply = self.post(CLAUDE_CODE, body, mcp_method=method, **modern)
            self.assertEqual((reply.status, json(reply)["id"]), (404, number))
            self.assertEqual(json(reply)["error"]["code"], -32601)
        body = (
            b'{"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"},"_meta":{'
            b'%b,"claudecode/toolUseId":"toolu_0","progressToken":3}},"jsonrpc":"2.0","id":3}'
        ) % CLAUDE_META
        reply = self.post(CLAUDE_CODE, body, mcp_method="tools/call", mcp_name="echo", **modern)
        self.assertEqual(self.result(reply, 3)["content"], [{"type": "text", "text": "hi"}])

    def test_a_client_that_speaks_the_legacy_era_only(self) -> None:
        """A3, without the probe."""
        opened = self.open(CLAUDE_CODE, CLAUDE_INITIALIZE, 0)
        stream = self.get(CLAUDE_CODE, **{**opened, "accept": "text/event-stream"})
        assert isinstance(stream, OpenStream)
        events = Events()
        stream.attach(events.send, events.close)
        reply = self.post(CLAUDE_CODE, b'{"method":"tools/list","jsonrpc":"2.0","id":1}', **opened)
        self.assertEqual(len(self.result(reply, 1)["tools"]), 5)
        for name, number in ((b"prompts/list", 2), (b"resources/list", 3)):
            body = b'{"method":"%b","jsonrpc":"2.0","id":%d}' % (name, number)
            reply = self.post(CLAUDE_CODE, body, **opened)
            self.assertEqual((reply.status, json(reply)["error"]["code"]), (200, -32601))
        body = (
            b'{"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"},'
            b'"_meta":{"claudecode/toolUseId":"toolu_0","progressToken":4}},"jsonrpc":"2.0","id":4}'
        )
        self.assertEqual(
            self.result(self.post(CLAUDE_CODE, body, **opened), 4)["structuredContent"],
            {"text": "hi"},
        )
        body = (
            b'{"jsonrpc":"2.0","id":"%b","result":{"roots":[{"uri":"file:///home/me/proj"}]}}'
            % events.messages[0]["id"].encode()
        )
        self.assertEqual(self.post(CLAUDE_CODE, body, **opened).status, 202)
        (session,) = self.sessions.live.values()
        self.assertEqual(session.project, "proj")

    def test_a_session_that_was_lost(self) -> None:
        """A4."""
        opened = self.open(CLAUDE_CODE, CLAUDE_INITIALIZE, 0)
        self.sessions.live.clear()
        call = (
            b'{"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}},'
            b'"jsonrpc":"2.0","id":1}'
        )
        reply = self.post(CLAUDE_CODE, call, **opened)
        self.assertEqual(reply.status, 404)
        self.assertEqual(json(reply)["error"], {"code": -32600, "message": "Session not found"})
        opened = self.open(CLAUDE_CODE, CLAUDE_INITIALIZE, 0)
        self.result(self.post(CLAUDE_CODE, call, **opened), 1)


class PythonTests(ExchangeTests):
    def test_the_modern_era(self) -> None:
        """A9."""
        for number, method, name, params in (
            (1, "server/discover", None, b""),
            (2, "tools/list", None, b""),
            (3, "tools/call", "echo", b'"name":"echo","arguments":{"text":"hi"},'),
        ):
            body = b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":{%b%b}}'
            body %= (number, method.encode(), params, PYTHON_META)
            named = {} if name is None else {"mcp_name": name}
            reply = self.post(
                PYTHON_SDK, body, mcp_protocol_version="2026-07-28", mcp_method=method, **named
            )
            self.assertEqual(self.result(reply, number)["resultType"], "complete")

    def test_the_legacy_era(self) -> None:
        """A9: it ends its session when it closes."""
        initialize = (
            b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":'
            b'"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp","version":"0.1.0"}}}'
        )
        opened = self.open(PYTHON_SDK, initialize, 1)
        self.assertIsInstance(self.get(PYTHON_SDK, **opened), OpenStream)
        for body, number in (
            (b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}', 2),
            (b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo"}}', 3),
        ):
            self.result(self.post(PYTHON_SDK, body, **opened), number)
        asked = self.exchange(PYTHON_SDK, b"", "DELETE", opened)
        self.assertEqual(done(self.endpoint.delete(asked)).status, 200)
        self.assertEqual(self.sessions.live, {})


class McpRemoteTests(ExchangeTests):
    def test_the_bridge(self) -> None:
        """A10: two sessions, method headers on the legacy wire, a GET before anything."""
        refused = self.get(MCP_REMOTE)
        assert isinstance(refused, Reply)
        self.assertEqual(refused.status, 400)
        initialize = (
            b'{"jsonrpc":"2.0","id":%b,"method":"initialize","params":{"protocolVersion":"%b",'
            b'"capabilities":{},"clientInfo":{"name":"%b","version":"0.0.0"}}}'
        )
        test = initialize % (b"0", b"2025-11-25", b"mcp-remote-fallback-test")
        first = self.open(MCP_REMOTE, test, 0, mcp_method="initialize")
        self.assertIsInstance(self.get(MCP_REMOTE, **first), OpenStream)
        own = initialize % (b"0", b"2025-06-18", b"claude")
        second = self.open(MCP_REMOTE, own, 0, mcp_method="initialize")
        self.assertEqual(second["mcp_protocol_version"], "2025-06-18")
        self.assertIsInstance(self.get(MCP_REMOTE, **second), OpenStream)
        call = b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo"}}'
        named = {"mcp_method": "tools/call", "mcp_name": "echo"}
        self.result(self.post(MCP_REMOTE, call, **named, **second), 5)

        del self.sessions.live[second["mcp_session_id"]]
        self.assertEqual(self.post(MCP_REMOTE, call, **named, **second).status, 404)
        again = initialize % (b'"mcp-remote-reinit-1"', b"2025-06-18", b"claude")
        third = self.open(
            MCP_REMOTE,
            again,
            "mcp-remote-reinit-1",
            mcp_method="initialize",
            mcp_protocol_version="2025-06-18",
        )
        self.result(self.post(MCP_REMOTE, call, **named, **third), 5)
