"""What a search takes and brings: plain values, frozen."""

from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen

from mnemo.store.records import Memory, State, Type


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


Choose = Callable[[Sequence[Candidate]], Sequence[str]]
"""Which of the candidates of a search are to be shown, by their ids."""
