"""A daemon of the standard library, for tests of what talks to one."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from attrs import define, field, frozen

from mnemo.transports.upstream import Address


@frozen
class Seen:
    """A request as it came: headers by lower-case name, the body decoded."""

    verb: str
    path: str
    headers: dict[str, str]
    message: Any
    client_port: int


@frozen
class Answer:
    """What a rule answers with instead of the ordinary."""

    status: int = 200
    body: Any = b""
    content_type: str = "application/json"
    session: str = ""


class HangUp(Exception):
    """A rule raises it to close the connection without an answer."""


Rule = Callable[[Seen], Answer | None]


def result(seen: Seen, value: Any) -> Answer:
    """A JSON-RPC result for the request that was seen."""
    return Answer(body={"jsonrpc": "2.0", "id": seen.message["id"], "result": value})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@define(eq=False)
class FakeDaemon:
    """
    Knows sessions, C{tools/list} and C{tools/call}; a rule may answer first.

    @ivar seen: every request but those for health
    @ivar health: what it says of it
    @ivar events: lines for the open stream; L{None} ends it
    """

    rule: Rule = lambda seen: None
    seen: list[Seen] = field(factory=list)
    sessions: set[str] = field(factory=set)
    events: "SimpleQueue[bytes | None]" = field(factory=SimpleQueue)
    health: Any = field(factory=lambda: {"status": "ok"})
    listening: Event = field(factory=Event)
    port: int = 0
    _server: _Server = field(init=False)
    _sockets: set[socket.socket] = field(factory=set, init=False)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address("127.0.0.1", self.port)

    def methods(self) -> list[str]:
        """The method of each message seen, and the verb of what had none."""
        return [
            seen.message.get("method", "response") if seen.message else seen.verb
            for seen in self.seen
        ]

    def start(self) -> None:
        """Listen, on the port of last time if there was one."""
        self._server = _Server(("127.0.0.1", self.port), self._handler())
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection."""
        self._server.shutdown()
        self._server.server_close()
        self.events.put(None)
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def answer(self, seen: Seen) -> Answer:
        """What a request is answered with."""
        ruled = self.rule(seen)
        if ruled is not None:
            return ruled
        if seen.verb == "DELETE":
            self.sessions.discard(seen.headers.get("mcp-session-id", ""))
            return Answer()
        return self._called(seen)

    def _called(self, seen: Seen) -> Answer:
        method = seen.message.get("method")
        is_modern = "io.modelcontextprotocol/protocolVersion" in (
            seen.message.get("params", {}).get("_meta", {})
        )
        if method == "initialize":
            session = f"session-{len(self.seen)}"
            self.sessions.add(session)
            version = seen.message["params"]["protocolVersion"]
            body = result(seen, {"protocolVersion": version}).body
            return Answer(body=body, session=session)
        if not is_modern and seen.headers.get("mcp-session-id") not in self.sessions:
            error = {"code": -32600, "message": "Session not found"}
            return Answer(404, {"jsonrpc": "2.0", "id": None, "error": error})
        if "id" not in seen.message or method is None:
            return Answer(202)
        return result(seen, {"method": method})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                daemon._sockets.add(self.request)

            def handle(self) -> None:
                with suppress(ConnectionError):
                    super().handle()

            def finish(self) -> None:
                daemon._sockets.discard(self.request)
                with suppress(OSError):
                    super().finish()

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                seen = Seen(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(body) if body else None,
                    self.client_address[1],
                )
                daemon.seen.append(seen)
                try:
                    self._reply(daemon.answer(seen))
                except HangUp:
                    self.close_connection = True
                except OSError:
                    pass

            def do_DELETE(self) -> None:
                self.do_POST()

            def do_GET(self) -> None:
                if self.path == "/health/live":
                    self._reply(Answer(body=daemon.health))
                    return
                seen = Seen(
                    "GET",
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    None,
                    self.client_address[1],
                )
                daemon.seen.append(seen)
                ruled = daemon.rule(seen)
                if ruled is not None:
                    self._reply(ruled)
                elif seen.headers.get("mcp-session-id") not in daemon.sessions:
                    self._reply(Answer(404))
                else:
                    self._stream()

            def _stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b":\n\n")
                daemon.listening.set()
                while (line := daemon.events.get()) is not None:
                    self.wfile.write(b"event: message\ndata: " + line + b"\n\n")
                self.close_connection = True

            def _reply(self, answer: Answer) -> None:
                body = answer.body
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                self.send_response(answer.status)
                if answer.session:
                    self.send_header("Mcp-Session-Id", answer.session)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
