"""The daemon's WebSocket in a few lines, for tests of what connects to it. Also a process."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import Deferred

from mnemo.lock import Holder, HomeLock
from mnemo.transports.upstream import Address

Rule = Callable[[dict[str, Any]], dict[str, Any] | None]


def ordinary(message: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a request; C{None} for a tool that does not come to an end."""
    name = message.get("params", {}).get("name")
    if name == "hang":
        return None
    return {"method": message["method"], "name": name, "pid": os.getpid()}


class Connection(WebSocketServerProtocol):
    """One client."""

    daemon: "FakeWebSocketDaemon"

    def onConnect(self, request: ConnectionRequest) -> str | None:
        self.daemon.handshakes.append(request)
        if self.daemon.denial:
            raise ConnectionDeny(self.daemon.denial)
        return "mcp" if "mcp" in request.protocols else None

    def onOpen(self) -> None:
        self.daemon.connections.append(self)
        self.daemon.changed()
        if self.daemon.closes:
            self.sendClose()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803
        message = json.loads(payload)
        self.daemon.seen.append((message, isBinary))
        self.daemon.changed()
        if "id" in message and "method" in message:
            result = self.daemon.rule(message)
            if result is not None:
                self.say({"id": message["id"], "result": result})

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N803
        if self in self.daemon.connections:
            self.daemon.connections.remove(self)
            self.daemon.changed()

    def say(self, message: dict[str, Any]) -> None:
        self.sendMessage(json.dumps({"jsonrpc": "2.0", **message}).encode())


@define(eq=False)
class FakeWebSocketDaemon:
    """
    Answers every request by its rule.

    @ivar seen: every message, and whether it came as binary
    @ivar denial: the status that refuses handshakes; 0 takes them
    @ivar closes: whether each connection is closed at once
    """

    reactor: Any
    rule: Rule = ordinary
    seen: list[tuple[dict[str, Any], bool]] = field(factory=list)
    handshakes: list[ConnectionRequest] = field(factory=list)
    connections: list[Connection] = field(factory=list)
    denial: int = 0
    closes: bool = False
    port: int = 0
    _listening: Any = field(default=None, init=False)
    _waiting: list[tuple[Callable[[], bool], Deferred[None]]] = field(factory=list, init=False)

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port, "/ws")

    def methods(self) -> list[str]:
        return [message.get("method", "response") for message, _ in self.seen]

    def start(self) -> None:
        """Listen, on the port of last time if there was one."""
        factory = WebSocketServerFactory(protocols=["mcp"], reactor=self.reactor)
        made: Any = self._connection
        factory.protocol = made
        self._listening = self.reactor.listenTCP(self.port, factory, interface="127.0.0.1")
        self.port = self._listening.getHost().port

    def die(self) -> Any:
        """Close the port and cut every connection, as the kernel does for a killed process."""
        for connection in list(self.connections):
            connection.dropConnection(abort=True)
        return self._listening.stopListening()

    def changed(self) -> None:
        """Tell who waits for something that it has come."""
        for condition, waiting in list(self._waiting):
            if condition():
                self._waiting.remove((condition, waiting))
                waiting.callback(None)

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires when the condition holds."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append((condition, waiting))
        self.changed()
        return waiting

    def _connection(self) -> Connection:
        connection = Connection()
        connection.daemon = self
        return connection


def main(home: Path, log: Path) -> None:
    """Serve a home, and append each message to a file."""
    from twisted.internet import reactor

    def rule(message: dict[str, Any]) -> dict[str, Any] | None:
        with log.open("ab") as file:
            file.write(msgspec.json.encode(message) + b"\n")
        return ordinary(message)

    daemon = FakeWebSocketDaemon(reactor, rule)
    daemon.start()
    lock = HomeLock(home)
    lock.take(Holder(os.getpid(), "127.0.0.1", daemon.port, 0.0))
    sys.stdout.write(f"{daemon.port}\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
