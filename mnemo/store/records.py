"""Memories and recalls as the store takes and gives them: plain values, frozen."""

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

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
class ProjectRow:
    """
    A project that has memories.

    @ivar memories: how many, without those that are archived
    @ivar latest: when the newest was made
    """

    name: str
    memories: int
    latest: float


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
