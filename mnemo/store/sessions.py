"""Sessions as they are kept: values, and the contract of where."""

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface


@frozen
class SessionRow:
    """
    A session as it is kept.

    @ivar kind: C{"mcp"} was opened by C{initialize}; C{"work"} is a stateless client's
    @ivar version: the protocol version that was negotiated, or C{""}
    @ivar lookup: for a work session, the key by which its next request finds it
    @ivar ended: C{None} while it lives
    @ivar reason: why it ended: C{"deleted"}, C{"closed"} or C{"idle"}
    @ivar memories: how many memories it made, counted when it ended
    @ivar subscriptions: the URIs of the resources whose changes it is told of
    @ivar chosen: whether it has chosen its project itself, so that no hint moves it
    """

    id: str
    kind: Literal["mcp", "work"]
    version: str
    client: str
    client_version: str
    principal: str
    project: str
    capabilities: Mapping[str, object] = field(factory=dict)
    lookup: str = ""
    created: float = 0.0
    active: float = 0.0
    ended: float | None = None
    reason: str = ""
    memories: int = 0
    subscriptions: frozenset[str] = frozenset()
    chosen: bool = False


@frozen
class SessionSummary:
    """A session with what it remembered, for listings."""

    row: SessionRow
    memories: int
    first: float | None
    last: float | None


class ISessionRows(Interface):
    """Where sessions are kept."""

    def save(row: SessionRow) -> Deferred[None]:
        """Insert or replace a session."""

    def touch(active: Mapping[str, float]) -> Deferred[None]:
        """Set when each session was last active."""

    def set_subscriptions(id: str, uris: frozenset[str]) -> Deferred[None]:
        """Set the URIs of the resources whose changes a session is told of."""

    def end(id: str, ended: float, reason: str) -> Deferred[SessionRow | None]:
        """
        Mark a live session ended and count its memories. C{None} where it is not live.
        """

    def live() -> Deferred[list[SessionRow]]:
        """Every session that has not ended."""

    def find(id: str) -> Deferred[SessionRow | None]:
        """A session, live or ended."""

    def summaries(since: float, limit: int, project: str | None) -> Deferred[list[SessionSummary]]:
        """Sessions that were active at or after C{since}, latest first."""
