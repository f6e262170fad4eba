"""A daemon without sockets and threads, to have many clients at once: real but for the wire."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from mnemo.config import SessionsConfig
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.server import Server
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.sessions.manager import SessionManager
from mnemo.store.interfaces import IStore
from mnemo.tools.interfaces import CallContext, Question, ToolDescription, ToolResult
from mnemo.transports.front import Front
from mnemo.transports.sse import Streams
from mnemo.waiting import promised
from tests.mcp.fakes import described
from tests.store.inline import result_of
from tests.transports.wire import Connection, Transport, good_legs, no_facts, no_problems

IDLE_MINUTES = 30.0
RUNNING = 2
WAITING = 2

HOST = "Host: 127.0.0.1:9999"
QUESTION = Question(
    "elicitation/create",
    {
        "message": "Which?",
        "requestedSchema": {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
        },
    },
)


@define(eq=False)
class Work:
    """
    A tool that works on what has a number until the test says that it is done, or that asks its
    client how to do it.

    @ivar running: the calls that have begun and not ended, by their numbers
    @ivar begun: the numbers of all that have begun
    """

    description: ToolDescription = field(factory=lambda: described("work"))
    running: dict[int, tuple[CallContext, Deferred[str]]] = field(factory=dict)
    begun: set[int] = field(factory=set)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        number = arguments["number"]
        assert number not in self.running, f"{number} runs twice"
        end: Deferred[str] = Deferred()
        self.running[number] = context, end
        self.begun.add(number)
        try:
            if arguments["asks"]:
                told = await context.client.ask({"how": QUESTION})
                text = told["how"]["content"]["answer"]
            else:
                text = await end
        finally:
            del self.running[number]
        return ToolResult.text(text)


@define(eq=False)
class House:
    """
    One process of the daemon.

    @ivar clock: of this process; when it has died, nothing in it happens any more
    """

    store: IStore
    clock: Clock
    work: Work = field(init=False, factory=Work)
    defects: list[BaseException] = field(init=False, factory=list)
    sessions: SessionManager = field(init=False)
    server: Server = field(init=False)
    endpoint: Endpoint = field(init=False)
    front: Front = field(init=False)

    def __attrs_post_init__(self) -> None:
        config = SessionsConfig(idle_minutes=IDLE_MINUTES, running=RUNNING, waiting=WAITING)
        self.sessions = SessionManager(self.clock, self.store.sessions, config)
        result_of(self.sessions.start())
        self.server = Server(
            [self.work],
            self.sessions,
            version="1.2.3",
            instructions="Remember things.",
            resolve_project=_last_part,
            on_defect=self.defects.append,
            cancelled=(CancelledError,),
            promise=partial(promised, self.clock),
            sealer=Sealer(b"k" * 32, self.clock.seconds),
            dynamic=frozenset(["tools"]),
        )
        health = Health(self.clock, "1.2.3", no_facts, no_problems, good_legs)
        health.stage = "serving"
        self.endpoint = Endpoint(self.server)
        streams = Streams(self.clock, health.boot)
        self.front = Front(self.endpoint, health, streams, self.clock)

    def stop(self) -> None:
        """End as a daemon does that is told to: what runs is given its time, and then cut off."""
        self.front.health.stage = "stopping"
        finished = Deferred.fromCoroutine(self.front.finish(10.0))
        self.clock.advance(11)
        result_of(finished)
        result_of(self.sessions.stop())

    # -- what is kept

    @property
    def remembered(self) -> int:
        """Of how many sessions something is kept beside their rows."""
        return len(self.endpoint._dialogues)

    @property
    def questions(self) -> int:
        """How many answers of clients are waited for."""
        return sum(len(dialogue.outbound) for dialogue in self.endpoint._dialogues.values())

    @property
    def listening(self) -> int:
        """How many stateless clients listen."""
        return len(self.endpoint._listening)

    @property
    def subscribed(self) -> int:
        """How many are told of changes."""
        return sum(map(len, self.server.subscriptions._index.values()))

    # -- what comes in

    def send(self, method: str, body: object = None, **headers: str) -> "Wire":
        """A request on a connection of its own."""
        channel = self.front.site.buildProtocol(None)
        transport = Transport()
        transport.protocol = channel
        channel.makeConnection(transport)
        connection = Connection(transport, channel)
        lines = [HOST, "Accept: application/json, text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        encoded = b"" if body is None else msgspec.json.encode(body)
        connection.request(
            method, "/mcp", encoded, [*lines, "Content-Type: application/json"] if body else lines
        )
        return Wire(connection)


@frozen
class Received:
    """A message that came, and the id of its event where it was one."""

    message: Any
    event: str = ""


@define(eq=False)
class Wire:
    """
    A connection that carries one answer.

    @ivar cut: whether the client has hung up
    """

    connection: Connection
    cut: bool = False

    def hang_up(self) -> None:
        """The client has gone."""
        self.cut = True
        self.connection.transport.hang_up()

    @property
    def status(self) -> int:
        """Of the answer; 0 while there is none."""
        data: bytes = self.connection.transport.value()
        return int(data.split(b" ", 2)[1]) if data else 0

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, with names in lower case."""
        head: bytes = self.connection.transport.value().partition(b"\r\n\r\n")[0]
        pairs = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        return {name.lower(): value for name, value in pairs}

    @property
    def is_stream(self) -> bool:
        """Whether the answer is an event stream."""
        return self.headers.get("content-type") == "text/event-stream"

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        if self.cut or self.connection.transport.disconnecting:
            return False
        if not self.is_stream:
            return self.status == 0
        data: bytes = self.connection.transport.value()
        return not data.endswith(b"0\r\n\r\n")

    @property
    def received(self) -> list[Received]:
        """Every message that came so far."""
        body: bytes = self.connection.transport.value().partition(b"\r\n\r\n")[2]
        if not self.is_stream:
            return [Received(msgspec.json.decode(body))] if body else []
        events = _unchunked(body).split(b"\n\n")
        return [told for event in events if (told := _read(event)).message or told.event]

    def answers(self, id: int) -> list[Any]:
        """The answers under this id."""
        messages = [told.message for told in self.received if told.message]
        return [m for m in messages if m.get("id") == id and "method" not in m]

    def notes(self, method: str) -> list[Any]:
        """The params of the notifications of this method."""
        messages = [told.message for told in self.received if told.message]
        return [m["params"] for m in messages if m.get("method") == method]

    def asked(self, method: str) -> list[str]:
        """The ids of the server's requests of this method."""
        messages = [told.message for told in self.received if told.message]
        return [m["id"] for m in messages if m.get("method") == method]

    @property
    def last_event(self) -> str:
        """The id of the latest event that had one."""
        events = [told.event for told in self.received if told.event]
        return events[-1] if events else ""


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
    return whole


def _read(event: bytes) -> Received:
    fields = dict(
        line.split(b": ", 1) for line in event.split(b"\n") if line[:1] not in (b":", b"")
    )
    data = fields.get(b"data", b"")
    return Received(msgspec.json.decode(data) if data else None, fields.get(b"id", b"").decode())


async def _last_part(hint: str) -> str:
    return hint.rpartition("/")[2]
