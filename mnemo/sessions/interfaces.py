"""The contract of the session manager as the protocol sees it. Free of Twisted."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from attrs import define, field, frozen


class SessionLimit(Exception):
    """There are as many sessions as may be. Its text says how many, and when to try again."""


class Busy(Exception):
    """
    A session has as many calls running and waiting as it may.

    @ivar retry_after: seconds after which to try again
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@frozen
class Opening:
    """
    What a client says of itself when a session begins.

    @ivar version: the negotiated protocol version
    @ivar principal: whose credential it came with; C{"local"} without one
    @ivar project: C{""} where the client has not said
    """

    version: str
    client: str
    client_version: str
    principal: str
    project: str
    capabilities: Mapping[str, Any] = field(factory=dict)


@define(eq=False)
class Session:
    """
    Somebody who is connected. Handed down with each request; nobody looks it up twice.

    @ivar kind: C{"mcp"} was opened by C{initialize}; C{"work"} is a stateless client's
    @ivar active: when it last did something, seconds since the epoch
    @ivar running: calls in progress
    @ivar streams: open streams; a session with one is not idle
    @ivar lookup: for a work session, the key by which its next request finds it
    @ivar subscriptions: the URIs of the resources whose changes it is told of
    @ivar chosen: whether it has chosen its project itself, so that no hint moves it
    """

    id: str
    kind: Literal["mcp", "work"]
    opening: Opening
    project: str
    created: float
    active: float
    running: int = 0
    streams: int = 0
    lookup: str = ""
    subscriptions: frozenset[str] = frozenset()
    chosen: bool = False


@frozen
class SessionStatistics:
    """
    What health says of the sessions.

    @ivar running: calls in progress, of all sessions
    @ivar waiting: calls that wait for their turn, of all sessions
    """

    live: int
    running: int
    waiting: int


class ISessions(Protocol):
    """What C{mnemo.mcp} needs of the session manager. All on the reactor thread."""

    async def open(self, opening: Opening) -> Session:
        """A new MCP session, durable when answered. Raises L{SessionLimit}."""

    def find(self, id: str, principal: str) -> Session | None:
        """The live session with this id that this principal opened; it counts as active now."""

    async def work(self, opening: Opening, handle: str = "") -> Session:
        """
        The work session of a stateless client: the one named by C{handle}, else that of the
        same principal, client and project within the idle window, else a new one.
        Raises L{SessionLimit}.
        """

    async def end(self, session: Session, reason: str) -> None:
        """End a session; C{onSessionEnd} runs once."""

    async def set_project(self, session: Session, project: str) -> None:
        """Say which project a session works in, durably."""

    async def set_subscriptions(self, session: Session, uris: frozenset[str]) -> None:
        """Say of which resources a session is told, durably; C{uris} replaces what was."""

    async def choose_project(self, session: Session, project: str) -> None:
        """Let a session work in a project until it chooses another, durably."""

    async def admit(self, session: Session, call: Callable[[], Awaitable[Any]]) -> Any:
        """
        Run C{call} when it is this session's turn. Raises L{Busy} where too many wait.
        """
