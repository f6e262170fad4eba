"""What the store takes and gives: plain values, frozen, free of any database."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import field, frozen

Type = Literal["decision", "error", "insight", "learning", "general", "handoff"]
"""What kind of thing a memory is."""

State = Literal["active", "fading", "archived"]
"""C{archived} was forgotten (and can be restored); C{fading} is past its C{fades} time."""

Relation = Literal[
    "similar",
    "caused_by",
    "part_of",
    "contradicts",
    "temporal",
    "reinforces",
    "differs",
    "supersedes",
]
"""
How one memory relates to another. C{differs} is found by comparing: nearly the same words, and
another figure, version, date, name or negation; nobody has said which of the two is right.
"""

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
    @ivar as_of: a search answers as of this moment: what existed then, in the words it had then,
        and what was not forgotten then; C{None} for now
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
    as_of: float | None = None


@frozen
class Context:
    """
    How what a memory was said among answers the same query.

    Neighbours are the two memories before and the two behind it in its session; 0 stands for
    one that is not there, that the filter forbids, or that has no such score.

    @ivar texts: BM25 of the four neighbours, in order of time
    @ivar cosines: of the four neighbours, in order of time
    @ivar session_text: the mean of the three best BM25 in its session
    @ivar session_coverage: how much of what the query asks for its session holds, 0 to 1: of
        each term more, the more of its memories hold it
    """

    texts: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    cosines: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    session_text: float = 0.0
    session_coverage: float = 0.0


ALONE = Context()
"""The context of a memory without a session."""


@frozen
class Candidate:
    """
    A memory that a search leg proposes, or one beside such a memory in its session.

    @ivar text_score: BM25 of the query's terms; C{None} where no term meets, or where so many
        memories are better by it that it is not known
    @ivar cosine: -1 to 1; C{None} where there is no query vector or no vector of it yet
    @ivar coverage: how much of what the query asks for it holds: of the idf of its terms, those
        of no memory included, 0 to 1
    @ivar pairs: how many of the neighbouring terms of the query are neighbours in it, 0 to 1
    """

    memory: Memory
    text_score: float | None
    cosine: float | None
    coverage: float = 0.0
    pairs: float = 0.0
    context: Context = ALONE


@frozen
class Found:
    """
    What a search brings, unordered.

    @ivar differing: as L{mnemo.store.interfaces.IStore.differing} has it, of those chosen
    @ivar problems: one line for each search leg that could not take part
    """

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()
    differing: Mapping[str, Sequence[Memory]] = field(factory=dict)


@frozen
class Kept:
    """
    What came of a memory that was to be kept.

    @ivar memory: it, or the one that has its text already
    @ivar duplicate: whether that one was there
    """

    memory: Memory
    duplicate: bool


@frozen
class Uncompared:
    """
    A memory whose text has not been compared with its neighbours yet.

    @ivar near: the memories of its project that are nearest to it, and their cosines
    """

    memory: Memory
    near: tuple[tuple[Memory, float], ...]


@frozen
class Likeness:
    """
    What comparing a memory with its neighbours brought.

    @ivar version: of the memory that was compared
    @ivar links: for each memory that is like it the relation, and whether that one is the older
    """

    key: int
    version: int
    links: tuple[tuple[int, Relation, bool], ...]


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


QueryKind = Literal["recall", "listed", "suggested"]
"""
What a recall was: something was asked; memories were listed or looked up; or what may be of use
was offered by itself.
"""


@frozen
class QueryRow:
    """
    A recall that was answered: what feedback refers to, and what a session has been shown.

    @ivar text: what was asked; C{""} where nothing was
    @ivar returned: the ids of the memories that were shown
    """

    id: str
    text: str
    session: str
    project: str
    returned: tuple[str, ...]
    at: float
    kind: QueryKind = "recall"


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


@frozen
class Claim:
    """
    A job that was taken: to derive something from a memory's text.

    @ivar lease: what tells this claim from every other
    @ivar until: when it ends, seconds since the epoch
    @ivar memory: the memory's key
    @ivar recipe: with what was derived last from this version of the text, or C{""}
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    until: float
    memory: int
    id: str
    version: int
    text: str
    project: str
    type: Type
    recipe: str
    tries: int


@frozen
class DerivedField:
    """
    Something that was derived from a memory's text.

    @ivar value: plain JSON
    @ivar model: what made it
    @ivar prompt: the version of the rules by which it was made
    @ivar scores: how true it was found to be, and what was wrong with what it replaces
    @ivar made: when, seconds since the epoch; the store's own to set
    """

    name: str
    value: object
    model: str
    prompt: str
    scores: Mapping[str, object] = field(factory=dict)
    made: float = 0.0


@frozen
class Finished:
    """
    What came of a claim.

    @ivar recipe: with what it was derived
    @ivar problem: why something better is still to be expected; empty where nothing is
    @ivar again: from when on that is to be tried
    @ivar failed: whether that is the job's fault: after too many tries it is parked
    """

    claim: Claim
    fields: tuple[DerivedField, ...]
    recipe: str
    problem: str = ""
    again: float = 0.0
    failed: bool = False


@frozen
class JobCounts:
    """
    How the queue of jobs is.

    @ivar parked: how many were given up
    @ivar reason: why one of these was
    """

    waiting: int
    parked: int
    reason: str = ""


@frozen
class DraftClaim:
    """
    A job that was taken: to draft the handoff that a session did not leave in a project.

    @ivar lease: what tells this claim from every other
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    session: str
    project: str
    tries: int


@frozen
class Draft:
    """
    A handoff that nobody has written: it was made of a session's memories in a project.

    @ivar text: a heading or an entry in each line; the entries are sentences of the memories
    @ivar sources: the ids of the memories whose sentences they are
    @ivar at: when the newest memory that it was made of was made, seconds since the epoch
    @ivar model: what made it
    @ivar prompt: the version of the rules by which it was made
    """

    session: str
    project: str
    text: str
    sources: tuple[str, ...]
    at: float
    model: str
    prompt: str
