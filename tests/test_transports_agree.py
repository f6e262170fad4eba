"""One table of calls, through every transport of one daemon: the answers are the same."""

import json
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport

from mnemo.lock import holder_of
from mnemo.mcp.connection import Connection
from mnemo.mcp.versions import LEGACY
from mnemo.transports.stdio import StdioServer
from tests.mcp.fakes import initialize_message, legacy_message
from tests.test_service import ServiceTestCase as _ServiceTestCase
from tests.transports.websocket_client import WebSocketClient

reactor: Any = global_reactor

Ask = Callable[[dict[str, Any]], "Deferred[Any]"]


def tool(tool_name: str, **arguments: Any) -> dict[str, Any]:
    return legacy_message("tools/call", name=tool_name, arguments=arguments)


CALLS: tuple[dict[str, Any], ...] = (
    legacy_message("ping"),
    legacy_message("ping", id="a string"),
    legacy_message("ping", id=0),
    legacy_message("tools/list"),
    legacy_message("tools/list", cursor="nobody's"),
    legacy_message("tools/list", cursor=7),
    legacy_message("no/such/method"),
    legacy_message("server/discover"),
    legacy_message("tools/call"),
    legacy_message("tools/call", name=7),
    legacy_message("tools/call", name="echo", arguments=[]),
    tool("no_such_tool"),
    tool("echo", text="hello"),
    tool("echo", text="a\nb\u2028c"),
    tool("echo", text=7),
    tool("recall"),
    tool("recall", query=7),
    tool("recall", query="x", limit=10_000),
    tool("forget", id="mem_nobody", hard=True),
    tool("amend", id="mem_nobody", text="new"),
    tool("check_memory", id="mem_nobody"),
    tool("list_sessions", limit=0),
    legacy_message("resources/list"),
    legacy_message("resources/list", cursor="nobody's"),
    legacy_message("resources/templates/list"),
    legacy_message("resources/read", uri="mnemo://memory/nobody"),
    legacy_message("resources/read"),
    legacy_message("resources/subscribe", uri="mnemo://project/pond/context"),
    legacy_message("resources/unsubscribe", uri="mnemo://project/pond/context"),
    legacy_message("resources/subscribe"),
    legacy_message("prompts/list"),
    legacy_message("prompts/get", name="no_such_prompt"),
    legacy_message("prompts/get", name="what_do_we_know"),
    legacy_message("prompts/get", name="briefing", arguments={"project": "pond"}),
    legacy_message(
        "completion/complete",
        ref={"type": "ref/prompt", "name": "briefing"},
        argument={"name": "project", "value": "p"},
    ),
    legacy_message("completion/complete", ref={}),
    legacy_message("logging/setLevel", level="debug"),
    legacy_message("logging/setLevel", level="loud"),
)


class Events(Protocol):
    """The data of the events of a stream."""

    def __init__(self, path: str, version: str) -> None:
        self.inbox: DeferredQueue[str] = DeferredQueue()
        self._head = (
            f"GET {path} HTTP/1.0\r\nHost: localhost\r\nMCP-Protocol-Version: {version}\r\n\r\n"
        )
        self._data = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._head.encode())

    def dataReceived(self, data: bytes) -> None:
        *lines, self._data = (self._data + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                self.inbox.put(line[6:].decode().rstrip("\r"))


class AgreementTests(_ServiceTestCase):
    """What a client is answered does not depend on the way it came."""

    timeout = 60

    async def over_http(self, version: str) -> Ask:
        initialized = await self.ask("POST", "/mcp", initialize_message(version=version))
        (session,) = initialized.headers.getRawHeaders("Mcp-Session-Id", [])

        async def ask(message: dict[str, Any]) -> Any:
            return (await self.ask("POST", "/mcp", message, Mcp_Session_Id=session)).body

        return lambda message: Deferred.fromCoroutine(ask(message))

    async def over_sse(self, version: str) -> Ask:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        events = await connectProtocol(endpoint, Events("/sse", version))
        assert events.transport is not None
        self.addCleanup(events.transport.abortConnection)
        messages = await events.inbox.get()

        async def ask(message: dict[str, Any]) -> Any:
            await self.ask("POST", messages, message)
            return json.loads(await events.inbox.get())

        await ask(initialize_message(version=version))
        return lambda message: Deferred.fromCoroutine(ask(message))

    async def over_websocket(self, version: str) -> Ask:
        client = await WebSocketClient.connect(reactor, self.port, protocols=("mcp",))
        self.addCleanup(client.vanish)

        async def ask(message: dict[str, Any]) -> Any:
            client.say(message)
            return await client.hear()

        await ask(initialize_message(version=version))
        return lambda message: Deferred.fromCoroutine(ask(message))

    async def over_stdio(self, version: str) -> Ask:
        lines: DeferredQueue[str] = DeferredQueue()

        class Line(StringTransport):
            def write(self, data: bytes) -> None:
                lines.put(data.decode())

        server = StdioServer(reactor, lambda: None)
        server.makeConnection(Line())
        self.addCleanup(server.connectionLost)
        server.serve(Connection(self.daemon.core.server, server.send))

        async def ask(message: dict[str, Any]) -> Any:
            server.dataReceived(json.dumps(message).encode() + b"\n")
            return json.loads(await lines.get())

        await ask(initialize_message(version=version))
        return lambda message: Deferred.fromCoroutine(ask(message))

    @property
    def port(self) -> int:
        holder = holder_of(self.home)
        assert holder is not None
        return holder.port

    async def test_in_every_version(self) -> None:
        self.daemon = await self.start()
        for version in LEGACY:
            http = await self.over_http(version)
            others = {
                "sse": await self.over_sse(version),
                "websocket": await self.over_websocket(version),
                "stdio": await self.over_stdio(version),
            }
            for message in CALLS:
                expected = await http(message)
                self.assertEqual(expected["id"], message["id"])
                for transport, ask in others.items():
                    self.assertEqual(await ask(message), expected, (version, transport, message))
        await self.daemon.stopService()
