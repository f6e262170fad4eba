"""One search: both legs, the memories that they propose, and what these were said among."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from mnemo.store.index.analyser import query_terms
from mnemo.store.index.columns import NOBODY, Columns, passes
from mnemo.store.records import Memory
from mnemo.store.search import ALONE, Candidate, Context, Filter
from mnemo.store.sqlite import memories, recalls
from mnemo.store.sqlite.context import (
    Asked,
    Numbers,
    asked_of,
    looked_up,
    session_coverages,
    session_texts,
)
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.vectors import Vector

_DEEP = 300
"""How far the text leg looks at least: for the scores of neighbours, of sessions, and of what
the vector leg proposes."""

_TELLING = 100
"""By how many of the best in words, beside the candidates, sessions are judged."""

_MOST = 100
"""How many candidates there are at most, unless the legs propose more: the neighbours of the
best come first."""


@frozen(eq=False)
class Worded:
    """
    What the words of a query bring, which needs no vector.

    @ivar scores: BM25, best first
    @ivar sessions: for the number of a session the mean of its best
    @ivar bits: for each memory that was looked at what it holds of C{asked}
    @ivar found: the memories that have been read
    """

    scores: Mapping[int, float]
    sessions: Mapping[int, float]
    asked: Asked
    bits: dict[int, int] = field(factory=dict)
    found: dict[int, Memory] = field(factory=dict)

    def look_at(self, texts: TextLeg, keys: Sequence[int], wanted: Filter) -> None:
        """Note of these memories what they hold, where that is not known."""
        new = [key for key in keys if key not in self.bits]
        self.bits.update(dict.fromkeys(new, 0))
        self.bits.update(texts.holding(self.asked.words, new, wanted))

    def read(self, db: sqlite3.Connection, keys: Sequence[int]) -> None:
        """Read these memories, where they have not been."""
        self.found.update(memories.by_key(db, [key for key in keys if key not in self.found]))


def by_words(columns: Columns, texts: TextLeg, text: str, wanted: Filter, limit: int) -> Worded:
    """What the words alone bring of L{search}."""
    terms = query_terms(text)
    scores = texts.search(terms, wanted, max(_DEEP, limit))
    sessions = session_texts(columns.sessions(list(scores)), list(scores.values()))
    return Worded(scores, sessions, asked_of(terms, texts.rarities(terms)))


def read_ahead(
    db: sqlite3.Connection,
    columns: Columns,
    texts: TextLeg,
    text: str,
    wanted: Filter,
    limit: int,
    there_is_time: Callable[[], bool],
) -> Worded:
    """
    The same, and what L{search} will need of these memories if there is time for that: while the
    vector is being made.

    Called on a reader thread.
    """
    worded = by_words(columns, texts, text, wanted, limit)
    if not there_is_time():
        return worded
    best = list(worded.scores)
    beside = columns.around(best[: limit // 10], wanted)[:, 1:3]
    keys = _distinct(best[:limit], _known(beside))
    worded.look_at(texts, _distinct(keys, best[:_TELLING]), wanted)
    worded.read(db, keys)
    return worded


def search(
    db: sqlite3.Connection,
    columns: Columns,
    texts: TextLeg,
    vectors: VectorLeg,
    text: str,
    vector: Vector | None,
    wanted: Filter,
    limit: int,
    worded: Worded | None = None,
) -> tuple[Candidate, ...]:
    """
    The best C{limit} of each leg within the filter, and those beside them in their sessions.

    Called on a reader thread. A leg that fails proposes nothing, and says so itself.

    @param worded: what L{by_words} has brought for the same query
    """
    worded = worded or by_words(columns, texts, text, wanted, limit)
    best = list(worded.scores)
    cosines = {} if vector is None else vectors.search(vector, wanted, limit)
    proposed = _in_turn(best[:limit], list(cosines))
    beside = columns.around(proposed, wanted)[:, 1:3]
    keys = _distinct(proposed, _known(beside))[: max(_MOST, len(proposed))]
    around = columns.around(keys, wanted)
    if vector is not None:
        near = _distinct(keys, _known(around))
        cosines |= vectors.cosines(vector, [key for key in near if key not in cosines])
    looked_at = _distinct(keys, best[:_TELLING])
    worded.look_at(texts, looked_at, wanted)
    worded.read(db, keys)
    bits = {key: worded.bits[key] for key in looked_at}
    suppressed = recalls.suppressed(db, keys)
    return tuple(
        candidate
        for candidate in _candidates(columns, keys, around, worded, cosines, bits)
        # An index may be behind by what changed since it was asked.
        if passes(candidate.memory, wanted) and candidate.memory.key not in suppressed
    )


def _candidates(
    columns: Columns,
    keys: list[int],
    around: NDArray[np.int64],
    worded: Worded,
    cosines: Mapping[int, float],
    bits: Mapping[int, int],
) -> Iterator[Candidate]:
    """Those of C{keys} that are there, with all that is known of them; C{keys} begin C{bits}."""
    scores, asked, found = worded.scores, worded.asked, worded.found
    held = asked.held(np.fromiter(bits.values(), np.int64, len(bits)))
    sessions = columns.sessions(list(bits))
    of_coverages = session_coverages(asked, sessions, held)
    contexts = zip(
        sessions.tolist(),
        _rows(looked_up(scores, around)),
        _rows(looked_up(cosines, around)),
        strict=False,
    )
    measured = zip(
        keys,
        map(scores.get, keys),
        map(cosines.get, keys),
        asked.coverage(held).tolist(),
        asked.pairs(held).tolist(),
        contexts,
        strict=False,
    )
    for key, score, cosine, coverage, pairs, (session, texts, meanings) in measured:
        if key not in found:
            continue
        context = ALONE
        if session != NOBODY:
            told = worded.sessions.get(session, 0.0), of_coverages.get(session, 0.0)
            context = Context(texts, meanings, *told)
        yield Candidate(found[key], score, cosine, coverage, pairs, context)


def _in_turn(*legs: list[int]) -> list[int]:
    """The best of each leg, the second best of each, and so on, each once."""
    turns = zip_longest(*legs)
    return list(dict.fromkeys(key for turn in turns for key in turn if key is not None))


def _distinct(*keys: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(key for some in keys for key in some))


def _rows(numbers: Numbers) -> Iterator[tuple[float, ...]]:
    return map(tuple, numbers.tolist())


def _known(keys: NDArray[np.int64]) -> list[int]:
    known: list[int] = keys[keys >= 0].tolist()
    return known
