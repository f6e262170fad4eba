"""What is understood of many memories together: values, and the contract of where it is kept."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from mnemo.store.records import Memory, NewMemory, Type
from mnemo.store.studies import Study
from mnemo.store.vectors import Vector

PatternKind = Literal["recurring_error", "decision_pattern", "theme"]
"""What most of the memories behind a pattern are."""


GIST_SOURCE: Final = "consolidation"
"""The source of a gist: a memory that was made of others."""


@frozen(eq=False)
class Node:
    """
    A memory as it is compared with others: without its text.

    @ivar vector: of length 1
    """

    key: int
    id: str
    version: int
    project: str
    session: str
    type: Type
    salience: float
    fades: float
    created: float
    vector: Vector


@frozen(eq=False)
class Known:
    """
    A pattern as new ones are compared with it.

    @ivar evidence: how many memories are behind it
    @ivar centroid: their mean, of length 1, by the model in use; C{None} where it is not known
    """

    key: int
    project: str
    evidence: int
    centroid: Vector | None
    dismissed: bool


@frozen(eq=False)
class Around:
    """
    Some memories and what is near them.

    @ivar nodes: those that are still there and have their vectors, and their neighbours, by key
    @ivar holds: the key of the pattern, or of the gist, that each of these belongs to already
    @ivar patterns: every pattern of their projects that could be meant
    """

    nodes: Mapping[int, Node]
    holds: Mapping[int, int]
    patterns: tuple[Known, ...] = ()


@frozen(eq=False)
class FoundPattern:
    """
    A pattern to keep.

    @ivar key: the pattern that it is; C{None} for a new one
    @ivar title: a few words that its memories share
    @ivar said: a sentence that stands in one of them
    @ivar source: the key of that memory
    @ivar read: the keys and versions of the memories that title and sentence were made of
    @ivar adds: those of them that were no evidence yet
    """

    key: int | None
    id: str
    project: str
    kind: PatternKind
    title: str
    said: str
    source: int
    centroid: Vector
    read: tuple[tuple[int, int], ...]
    adds: tuple[int, ...]


@frozen
class Pattern:
    """
    Something that recurs.

    @ivar said: a sentence of one of its memories, word for word
    @ivar source: the id of that memory
    @ivar count: of the memories behind it that are not forgotten
    @ivar occasions: how many sessions these are of; without a session each day is one
    @ivar first: when the oldest of these was made, seconds since the epoch
    @ivar last: when the newest was
    @ivar evidence: the ids of the newest of these
    """

    key: int
    id: str
    project: str
    kind: PatternKind
    title: str
    said: str
    source: str
    count: int
    occasions: int
    first: float
    last: float
    dismissed: bool = False
    evidence: tuple[str, ...] = ()


@frozen
class FoundAbstraction:
    """
    An abstraction to keep.

    @ivar key: the one that it is; C{None} for a new one
    @ivar level: 1 where it is of one pattern, 2 where it is of several
    @ivar basis: tells what it was made of from all else; the same is not made twice
    @ivar patterns: the keys of its patterns
    @ivar read: the keys and versions of the memories that it was made of
    """

    key: int | None
    id: str
    project: str
    level: int
    title: str
    statement: str
    model: str
    prompt: str
    scores: Mapping[str, object]
    basis: str
    patterns: tuple[int, ...]
    read: tuple[tuple[int, int], ...]


@frozen
class Abstraction:
    """
    What several memories of one or more patterns come to, in a sentence or a few.

    @ivar model: what made it; C{extractive} where it was copied
    @ivar patterns: the ids of its patterns
    @ivar evidence: the ids of memories behind these, the newest
    """

    key: int
    id: str
    project: str
    level: int
    title: str
    statement: str
    model: str
    scores: Mapping[str, object]
    basis: str
    made: float
    dismissed: bool
    patterns: tuple[str, ...]
    evidence: tuple[str, ...] = ()


@frozen
class Kin:
    """
    A pattern among those like it.

    @ivar patterns: itself, then the others, the nearest first
    @ivar abstractions: those that are of any of these, with the keys of their patterns
    @ivar members: the ids of the newest memories behind each of these, by its key
    """

    patterns: tuple[Pattern, ...]
    abstractions: tuple[tuple[Abstraction, frozenset[int]], ...]
    members: Mapping[int, tuple[str, ...]] = field(factory=dict)


@frozen
class FoundGist:
    """
    A gist to keep.

    @ivar memory: it, with an id that is the same whenever it is of the same memories
    @ivar read: the keys and versions of the memories that it is of
    """

    memory: NewMemory
    read: tuple[tuple[int, int], ...]


class IUnderstanding(Interface):
    """
    What came of looking at memories among their like.

    Nothing in it changes, hides or removes a memory. All times are seconds since the epoch.
    """

    def around(studies: Sequence[Study], near: int, now: float) -> Deferred[Around]:
        """The memories of these jobs, and of each the C{near} nearest in its project."""

    def settle(
        studies: Sequence[Study], found: Sequence[FoundPattern], now: float
    ) -> Deferred[bool]:
        """
        Keep patterns and end the jobs, all or nothing. C{False}, and nothing kept, where the
        lease was lost or a memory that was read is not what it was.
        """

    def patterns(
        project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Pattern]]:
        """
        Patterns with evidence, in any order.

        @param project: only of this project; C{None} for all
        @param ids: only these; none for all
        @param dismissed: whether those that were dismissed are among them
        """

    def about(memories: Sequence[str]) -> Deferred[list[Pattern]]:
        """The patterns that these memories are evidence of, not those that were dismissed."""

    def dismiss_pattern(id: str, now: float) -> Deferred[bool]:
        """Show a pattern no more. C{False} where there is none."""

    def kin(study: Study, alike: float, limit: int) -> Deferred[Kin | None]:
        """
        A pattern and those like it; C{None} where it is gone or dismissed.

        @param alike: the least cosine of two that are
        """

    def state(study: Study, found: FoundAbstraction | None, now: float) -> Deferred[bool]:
        """Keep an abstraction, if there is one, and end the job; as L{settle}."""

    def abstractions(
        project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Abstraction]]:
        """Abstractions, the newest first; the arguments as of L{patterns}."""

    def stated(patterns: Sequence[str]) -> Deferred[list[Abstraction]]:
        """The abstractions of these patterns, not those that were dismissed."""

    def dismiss_abstraction(id: str, now: float) -> Deferred[bool]:
        """Show an abstraction no more. C{False} where there is none."""

    def gather(
        studies: Sequence[Study], gists: Sequence[FoundGist], now: float
    ) -> Deferred[list[Memory] | None]:
        """
        Keep gists and end the jobs, all or nothing, as L{settle}; C{None} where nothing was
        kept. Answers the gists as memories.
        """

    def unresolved() -> Deferred[int]:
        """How many pairs of memories differ in a figure or the like, and nobody has said which
        is right."""
