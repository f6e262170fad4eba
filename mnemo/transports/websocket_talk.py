"""
What is said on one WebSocket, whatever carries it: the first message decides what is spoken.

C{hello} begins the daemon's dialect (L{mnemo.transports.daemon_dialect}), any JSON-RPC message
plain MCP. After a C{hello} both are understood, each message by what it is.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.mcp.connection import Connection
from mnemo.mcp.server import Server
from mnemo.mcp.versions import LEGACY
from mnemo.sessions.interfaces import Opening, Session, SessionLimit
from mnemo.transports import daemon_frames as frames
from mnemo.transports.conversation import Conversation
from mnemo.transports.credentials import LOCAL, Credentials
from mnemo.transports.daemon_dialect import Dialect
from mnemo.transports.daemon_frames import Frame, Hello, Unreadable

HELLO_SECONDS: Final = 15.0
"""How long a client may take for its first message, where it has not said that it speaks MCP."""

HELD: Final = 1024 * 1024
"""How many bytes may come between a C{hello} and its answer."""

INVALID_HELLO: Final = 4000
MISSING_HELLO: Final = 4001
LATE_HELLO: Final = 4002
UNAUTHORIZED: Final = 4003
GOING_AWAY: Final = 1001
POLICY: Final = 1008
TRY_AGAIN: Final = 1013


class Channel(Protocol):
    """The way to the client."""

    def send(self, message: bytes) -> None:
        """Send a text message, unless the way is closed."""

    def close(self, code: int, reason: str) -> None:
        """Close it, and say why. Closing again does nothing."""


@frozen(eq=False)
class House:
    """
    What all talks have in common.

    @ivar health: what C{/health} says
    """

    server: Server
    credentials: Credentials
    health: Callable[[], Mapping[str, Any]]
    clock: IReactorTime


@define(eq=False)
class Talk:
    """
    One client's talk.

    @ivar principal: whose credential the connection came with; C{""} where a C{hello} has to
        say it
    @ivar hint: what the connection says of the client's project
    @ivar speaks_mcp: whether plain MCP was agreed on before
    @ivar on_idle: told each time that nothing is left to be answered
    """

    house: House
    channel: Channel
    principal: str
    hint: str = ""
    speaks_mcp: bool = False
    on_idle: Callable[[], object] = lambda: None
    _deadline: IDelayedCall | None = field(init=False, default=None)
    _greeting: "Deferred[None] | None" = field(init=False, default=None)
    _held: list[bytes] = field(init=False, factory=list)
    _dialect: Dialect | None = field(init=False, default=None)
    _connection: Connection | None = field(init=False, default=None)
    _conversation: Conversation | None = field(init=False, default=None)
    _resumed: bool = field(init=False, default=False)
    _over: bool = field(init=False, default=False)

    log = Logger()

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        parts = (self._dialect, self._conversation)
        return self._greeting is None and all(part is None or part.idle for part in parts)

    def begin(self) -> None:
        """The connection stands."""
        if not self.speaks_mcp:
            self._deadline = self.house.clock.callLater(HELLO_SECONDS, self._late)

    def receive(self, message: bytes) -> None:
        """Take one text message."""
        if self._over:
            return
        if self._greeting is not None:
            self._hold(message)
        elif self._dialect is not None:
            self._sort(message, self._dialect)
        elif self._conversation is not None:
            self._conversation.receive(message)
        else:
            self._first(message)

    def finish(self) -> None:
        """The daemon stops: what only waits for news waits no more."""
        if self._connection is not None:
            self._connection.end_listening()

    def leave(self) -> None:
        """The daemon has stopped: say goodbye. What comes from now on is not begun."""
        self._over = True
        self.channel.close(GOING_AWAY, "mnemo stops")

    async def end(self, stopping: bool = False) -> None:
        """
        The connection has gone: give up what runs. A session that began here ends.

        @param stopping: the daemon has ended the connection, so the client may come back and
            go on with the session of its C{hello}
        """
        self._over = True
        self._heard()
        self._held.clear()
        self.on_idle = lambda: None
        if self._greeting is not None:
            await self._greeting
        if self._conversation is not None:
            await self._conversation.end()
        dialect, self._dialect = self._dialect, None
        if dialect is not None:
            dialect.end()
            await self._put_down(dialect.session, stopping or self._resumed)

    # -- the first message

    def _first(self, message: bytes) -> None:
        self._heard()
        try:
            frame = frames.read(message)
        except Unreadable:
            frame = None
            if not self.speaks_mcp:
                self._turn_away("op", "invalid_hello", INVALID_HELLO)
                return
        hello = frames.hello(frame)
        if hello is not None:
            self._greeting = Deferred.fromCoroutine(self._greet(hello))
            self._greeting.addErrback(self._greeting_failed, hello)
            self._greeting.addCallback(self._greeted)
        elif self.speaks_mcp or frames.is_rpc(frame):
            self._mcp(message)
        else:
            self._turn_away("op", "missing_hello", MISSING_HELLO)

    def _hold(self, message: bytes) -> None:
        self._held.append(message)
        if sum(map(len, self._held)) > HELD:
            self._over = True
            self.channel.close(POLICY, "wait for the hello_ack")

    def _heard(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _late(self) -> None:
        self._over = True
        self.channel.close(LATE_HELLO, f"no hello within {HELLO_SECONDS:g} seconds")

    def _turn_away(self, spelling: str, error: str, code: int) -> None:
        self._over = True
        self._send(frames.hello_refused(spelling, error))
        self.channel.close(code, error)

    # -- hello

    async def _greet(self, hello: Hello) -> None:
        principal = self._principal(hello)
        if principal is None:
            self._turn_away(hello.spelling, "unauthorized", UNAUTHORIZED)
            return
        self.principal = principal
        try:
            session = self._known(hello.session_id) or await self._open(hello)
        except SessionLimit as full:
            self.log.warn("A hello was refused: {reason}", reason=str(full))
            self._turn_away(hello.spelling, "over_capacity", TRY_AGAIN)
            return
        self._resumed = session.id == hello.session_id
        session.streams += 1
        if self._over:
            # The client went while its session was made.
            await self._put_down(session, self._resumed)
            return
        house = self.house
        self._dialect = Dialect(
            house.server, session, house.credentials, house.health, house.clock, self._send
        )
        self._dialect.on_idle = self._rest
        self._send(frames.hello_ack(hello.spelling, session.id))

    def _principal(self, hello: Hello) -> str | None:
        """Who says hello; C{None} where that is to be refused."""
        if not self.house.credentials.required:
            return self.principal or LOCAL
        if hello.token:
            return self.house.credentials.holder_of(hello.token)
        return self.principal or None

    def _known(self, id: str) -> Session | None:
        """The session that a client goes on with."""
        session = self.house.server.sessions.find(id, self.principal) if id else None
        return session if session is not None and session.kind == "mcp" else None

    async def _open(self, hello: Hello) -> Session:
        server = self.house.server
        opening = Opening(
            version=LEGACY[-1],
            client=hello.client,
            client_version=hello.client_version,
            principal=self.principal,
            project=await server.projects.name(self.hint),
        )
        session = await server.sessions.open(opening)
        server.projects.opened(session, self.hint)
        return session

    async def _put_down(self, session: Session, keep: bool) -> None:
        """The session is not spoken in here any more."""
        session.streams -= 1
        if not keep and not session.streams:
            await self.house.server.sessions.end(session, "closed")

    def _greeting_failed(self, failure: Any, hello: Hello) -> None:
        self.log.failure("A hello failed.", failure)
        self._turn_away(hello.spelling, "internal_error", 1011)

    def _greeted(self, _: None) -> None:
        self._greeting = None
        held, self._held = self._held, []
        for message in held:
            self.receive(message)
        self._rest()

    # -- the rest of them

    def _sort(self, message: bytes, dialect: Dialect) -> None:
        try:
            frame = frames.read(message)
        except Unreadable as unreadable:
            self._send(frames.error(None, frames.problem("INVALID_REQUEST", str(unreadable))))
            return
        if frames.is_rpc(frame):
            self._mcp(message)
        else:
            dialect.receive(frame)

    def _mcp(self, message: bytes) -> None:
        if self._conversation is None:
            if not self.principal:
                self._over = True
                self.channel.close(UNAUTHORIZED, "unauthorized")
                return
            house, send = self.house, self.channel.send
            session = None if self._dialect is None else self._dialect.session
            self._connection = Connection(
                house.server, send, self.principal, self.hint, session=session
            )
            self._conversation = Conversation(self._connection, send, house.clock)
            self._conversation.on_idle = self._rest
        self._conversation.receive(message)

    def _rest(self) -> None:
        if self.idle:
            self.on_idle()

    def _send(self, frame: Frame) -> None:
        self.channel.send(frames.write(frame))
