"""What is understood of many memories together: plain values, frozen."""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from mnemo.store.records import NewMemory, Type

Vector = NDArray[np.float32]

Work = Literal["patterns", "insights", "gists"]
"""
What there is to do: C{patterns} and C{gists} look at memories, C{insights} at patterns.
"""

PatternKind = Literal["recurring_error", "decision_pattern", "theme"]
"""What most of the memories behind a pattern are."""


GIST_SOURCE: Final = "consolidation"
"""The source of a gist: a memory that was made of others."""


@frozen
class Study:
    """
    A job that was taken: to look at a memory, or at a pattern, among those like it.

    @ivar lease: what tells this claim from every other
    @ivar until: when it ends, seconds since the epoch
    @ivar subject: the key of the memory or the pattern
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    until: float
    work: Work
    subject: int
    tries: int


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
