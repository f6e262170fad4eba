"""OpenAI's API of a daemon in memory: bytes in, bytes out, no socket."""

from collections.abc import Sequence
from typing import Any

import msgspec
from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from mnemo.api.callers import Callers
from mnemo.api.openai import OpenAi
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.transports.credentials import Credentials
from mnemo.transports.front import Front
from mnemo.transports.sse import Streams
from tests.api.scripted_generator import NAME, ScriptedGenerator
from tests.inference.fakes import FakeEmbedder
from tests.mcp.fakes import FakeSessions, make_server
from tests.transports.wire import (
    HEADERS,
    Connection,
    Response,
    Transport,
    good_legs,
    no_facts,
    no_problems,
)

HELLO = [{"role": "user", "content": "Say hello."}]


def chat(**more: object) -> dict[str, object]:
    """A request for a chat."""
    return {"model": NAME, "messages": HELLO, **more}


@define(eq=False)
class Serving:
    """A daemon that has a language model and an embedding model."""

    credentials: Credentials = field(factory=Credentials)
    running: int = 2
    waiting: int = 1
    clock: Any = field(factory=Clock)
    generator: ScriptedGenerator = field(factory=ScriptedGenerator)
    embedder: FakeEmbedder = field(factory=FakeEmbedder)
    front: Front = field(init=False)
    health: Health = field(init=False)

    def __attrs_post_init__(self) -> None:
        clock: IReactorTime = self.clock
        self.health = Health(clock, "1.2.3", no_facts, no_problems, good_legs)
        self.health.stage = "serving"
        callers = Callers(clock, self.running, self.waiting)
        self.front = Front(
            Endpoint(make_server(FakeSessions(), [])),
            self.health,
            Streams(clock, self.health.boot),
            clock,
            credentials=self.credentials,
            api=OpenAi(self.generator, self.embedder, callers, clock),
        )

    def connect(self) -> Connection:
        """A new connection."""
        channel = self.front.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        transport = Transport()
        transport.protocol = channel
        channel.makeConnection(transport)
        return Connection(transport, channel)

    def send(self, path: str, content: object = None, headers: Sequence[str] = ()) -> Connection:
        """Send a request, by a new connection."""
        connection = self.connect()
        body = b"" if content is None else msgspec.json.encode(content)
        method = "GET" if content is None else "POST"
        connection.request(method, path, body, (*HEADERS, *headers))
        return connection

    def ask(self, path: str, content: object = None, headers: Sequence[str] = ()) -> Response:
        """Send a request that is answered at once."""
        return self.send(path, content, headers).response()

    @property
    def timers(self) -> "list[Any]":
        """What is still to come, but for the end of connections that are idle."""
        calls = self.clock.getDelayedCalls()
        return [call for call in calls if "timedOut" not in call.func.__name__]

    def stream(self, path: str, content: dict[str, object]) -> "list[Any]":
        """The events of an answer."""
        return events(self.send(path, {**content, "stream": True}))


def head_and_body(connection: Connection) -> tuple[bytes, bytes]:
    """What has been written of a stream, its chunks put together."""
    head, _, rest = connection.taken().partition(b"\r\n\r\n")
    return head, unchunked(rest)


def unchunked(rest: bytes) -> bytes:
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return body


def events(connection: Connection) -> "list[Any]":
    """The content of all events that have been written; C{"[DONE]"} as it is."""
    head, body = head_and_body(connection)
    assert b"text/event-stream" in head, head
    return read_events(body)


def read_events(body: bytes) -> "list[Any]":
    found = []
    for event in body.decode().split("\n\n"):
        if event.startswith("data: "):
            data = event.removeprefix("data: ")
            found.append(data if data == "[DONE]" else msgspec.json.decode(data))
    return found
