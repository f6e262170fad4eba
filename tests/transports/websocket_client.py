"""A client of the WebSocket over a real socket, by autobahn."""

from typing import Any

import msgspec
from attrs import define, field
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint


class _Protocol(WebSocketClientProtocol):
    client: "WebSocketClient"

    def onOpen(self) -> None:
        self.client.opened.callback(None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803
        self.client.inbox.put(msgspec.json.decode(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N803
        if not self.client.opened.called:
            self.client.opened.errback(ConnectionError(reason))
        self.client.closed.callback(code)


@define(eq=False)
class WebSocketClient:
    """
    One connection.

    @ivar inbox: the messages that have come, in order
    @ivar closed: fires with the code of the end
    """

    opened: "Deferred[None]" = field(factory=Deferred)
    inbox: "DeferredQueue[Any]" = field(factory=DeferredQueue)
    closed: "Deferred[Any]" = field(factory=Deferred)
    protocol: Any = None

    @classmethod
    async def connect(
        cls,
        reactor: Any,
        port: int,
        path: str = "/ws",
        protocols: tuple[str, ...] = (),
        way: IStreamClientEndpoint | None = None,
    ) -> "WebSocketClient":
        """
        One that is open.

        @param way: how to get there, where that is not the port
        """
        client = cls()
        url = f"ws://127.0.0.1:{port}{path}"
        factory = WebSocketClientFactory(url, protocols=list(protocols), reactor=reactor)
        factory.protocol = _Protocol
        way = way or TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        client.protocol = await way.connect(factory)
        client.protocol.client = client
        await client.opened
        return client

    @classmethod
    async def greeted(cls, reactor: Any, port: int, **hello: Any) -> "WebSocketClient":
        """One that has said hello. Its session is what the first message says."""
        client = await cls.connect(reactor, port, "/")
        client.say({"op": "hello", **hello})
        return client

    def say(self, message: Any) -> None:
        """Send a message."""
        self.protocol.sendMessage(msgspec.json.encode(message))

    async def hear(self) -> Any:
        """The next message."""
        return await self.inbox.get()

    async def hear_op(self, op: str) -> Any:
        """The next message of this kind; what comes before it is dropped."""
        while True:
            frame = await self.hear()
            if frame.get("op") == op:
                return frame

    async def call(self, name: str, request_id: Any = "1", **arguments: Any) -> Any:
        """What a call is answered with; nothing else may run."""
        self.say(
            {"op": "call_tool", "request_id": request_id, "name": name, "arguments": arguments}
        )
        return await self.hear_op("call_tool_res")

    async def close(self) -> None:
        """Say goodbye, and wait until it is over."""
        self.protocol.sendClose(1000)
        await self.closed

    def vanish(self) -> None:
        """Be gone without a word."""
        self.protocol.transport.abortConnection()
