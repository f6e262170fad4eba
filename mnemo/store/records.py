"""What the store takes and gives: plain values, frozen, free of any database."""

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

Type = Literal["decision", "error", "insight", "learning", "general", "handoff"]
"""What kind of thing a memory is."""

State = Literal["active", "fading", "archived"]
"""C{archived} was forgotten (and can be restored); C{fading} is past its C{fades} time."""

Relation = Literal["similar", "caused_by", "part_of", "contradicts", "temporal", "reinforces"]
"""How one memory relates to another."""

NEVER = 9e18
"""The C{fades} time of a memory that does not fade: larger than any timestamp."""


@frozen
class NewMemory:
    """
    A memory about to be kept.

    @ivar text: the words, exactly as given
    @ivar project: C{""} where no project is known
    @ivar salience: 0 to 1
    @ivar fades: seconds since the epoch from which it counts as fading, or L{NEVER}
    @ivar created: seconds since the epoch
    @ivar links: pairs of the id of another memory and the L{Relation} to it
    """

    id: str
    text: str
    type: Type
    source: str
    project: str
    session: str
    salience: float
    fades: float
    created: float
    concepts: tuple[str, ...] = ()
    links: tuple[tuple[str, Relation], ...] = ()


@frozen
class Memory:
    """
    A memory as it is kept now.

    @ivar key: the store's own number for it, and its key in both indexes
    @ivar version: 1, and one more for each amendment
    @ivar updated: when its text was last amended, or C{created}
    @ivar embedded: whether a vector of this version is in the store
    """

    key: int
    id: str
    version: int
    text: str
    type: Type
    source: str
    project: str
    session: str
    salience: float
    fades: float
    created: float
    updated: float
    archived: bool
    embedded: bool
    concepts: tuple[str, ...] = ()

    def state(self, now: float) -> State:
        """The state at the time C{now}, in seconds since the epoch."""
        if self.archived:
            return "archived"
        return "fading" if self.fades <= now else "active"


@frozen
class Version:
    """An earlier text of an amended memory, and the span of time in which it held."""

    version: int
    text: str
    since: float
    until: float


@frozen
class Link:
    """A relation of one memory to another, seen from the memory it was asked for."""

    id: str
    relation: Relation
    outgoing: bool


@frozen
class Filter:
    """
    What a search may return. Both search legs apply it while they pick candidates.

    @ivar now: the time at which C{fading} is judged
    @ivar project: only this project; C{None} for all; C{""} for memories without one
    @ivar types: only these; empty for all
    @ivar state: C{None} for active and fading
    @ivar since: only created at or after
    @ivar until: only created before
    @ivar concepts: only memories that carry at least one of these; empty for all
    @ivar exclude_concepts: only memories that carry none of these
    """

    now: float
    project: str | None = None
    types: tuple[Type, ...] = ()
    source: str | None = None
    session: str | None = None
    state: State | None = None
    since: float | None = None
    until: float | None = None
    min_salience: float = 0.0
    concepts: tuple[str, ...] = ()
    exclude_concepts: tuple[str, ...] = ()


@frozen
class Candidate:
    """
    A memory that at least one search leg proposes.

    @ivar text_score: BM25 of the query's terms; C{None} where no term meets
    @ivar cosine: -1 to 1; C{None} where there is no query vector or no vector of it yet
    """

    memory: Memory
    text_score: float | None
    cosine: float | None


@frozen
class Found:
    """
    What a search brings, unordered.

    @ivar problems: one line for each search leg that could not take part
    """

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()


@frozen
class Unembedded:
    """A memory that waits for its vector."""

    key: int
    version: int
    text: str


@frozen
class ProjectRow:
    """
    A project that has memories.

    @ivar memories: how many, without those that are archived
    @ivar latest: when the newest was made
    """

    name: str
    memories: int
    latest: float


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


TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
"""How far a task is; the last three are final."""


@frozen
class TaskRow:
    """
    A call that runs, or ran, while nobody waits for it.

    @ivar message: a line for people, or C{""}
    @ivar expires: seconds since the epoch after which nobody may ask for it
    @ivar outcome: JSON of the result, or of the error where it failed; C{""} before
    """

    id: str
    principal: str
    tool: str
    status: TaskStatus
    message: str
    created: float
    updated: float
    expires: float
    outcome: str = ""


@frozen
class SessionSummary:
    """A session with what it remembered, for listings."""

    row: SessionRow
    memories: int
    first: float | None
    last: float | None


@frozen
class QueryRow:
    """A recall that was answered: what feedback refers to."""

    id: str
    text: str
    session: str
    project: str
    returned: tuple[str, ...]
    at: float


@frozen
class Statistics:
    """Counts for C{status} and health."""

    active: int
    fading: int
    archived: int
    unembedded: int
    by_type: Mapping[str, int]
    by_project: Mapping[str, int]
    by_source: Mapping[str, int]
    feedback: Mapping[str, int]
    sessions_live: int
    sessions_ended: int
    database_bytes: int
