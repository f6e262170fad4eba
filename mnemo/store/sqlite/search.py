"""One search: both legs, the memories that they propose, and what these were said among."""

import sqlite3
from collections.abc import Mapping
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from mnemo.store.index.analyser import query_terms
from mnemo.store.index.columns import NOBODY, Columns, passes
from mnemo.store.interfaces import Vector
from mnemo.store.records import ALONE, Candidate, Context, Filter, Memory
from mnemo.store.sqlite import memories
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

_DEEP = 300
"""How far the text leg looks at least: for the scores of neighbours, of sessions, and of what
the vector leg proposes."""

_TELLING = 100
"""By how many of the best in words, beside the candidates, sessions are judged."""

_MOST = 200
"""How many candidates there are at most, unless the legs propose more: the neighbours of the
best come first."""


def search(
    db: sqlite3.Connection,
    columns: Columns,
    texts: TextLeg,
    vectors: VectorLeg,
    text: str,
    vector: Vector | None,
    wanted: Filter,
    limit: int,
) -> tuple[Candidate, ...]:
    """
    The best C{limit} of each leg within the filter, and those beside them in their sessions.

    Called on a reader thread. A leg that fails proposes nothing, and says so itself.
    """
    terms = query_terms(text)
    scores = texts.search(terms, wanted, max(_DEEP, limit))
    cosines = {} if vector is None else vectors.search(vector, wanted, limit)
    proposed = _in_turn(list(scores)[:limit], list(cosines))
    beside = columns.around(proposed, wanted)[:, 1:3]
    keys = list(dict.fromkeys([*proposed, *_known(beside)]))[: max(_MOST, len(proposed))]
    around = columns.around(keys, wanted)
    if vector is not None:
        near = dict.fromkeys([*keys, *_known(around)])
        cosines |= vectors.cosines(vector, [key for key in near if key not in cosines])
    asked = asked_of(terms, texts.rarities(terms))
    looked_at = list(dict.fromkeys([*keys, *list(scores)[:_TELLING]]))
    bits = texts.holding(asked.words, looked_at, wanted)
    found = memories.by_key(db, keys)
    return tuple(
        candidate
        for candidate in _candidates(columns, keys, around, scores, cosines, asked, bits, found)
        # An index may be behind by what changed since it was asked.
        if passes(candidate.memory, wanted)
    )


def _candidates(
    columns: Columns,
    keys: list[int],
    around: NDArray[np.int64],
    scores: Mapping[int, float],
    cosines: Mapping[int, float],
    asked: Asked,
    bits: Mapping[int, int],
    found: Mapping[int, Memory],
) -> list[Candidate]:
    """Those of C{keys} that are C{found}, with all that is known of them."""
    held = asked.held(np.fromiter(bits.values(), np.int64, len(bits)))
    of_texts = session_texts(columns.sessions(list(scores)), list(scores.values()))
    of_coverages = session_coverages(asked, columns.sessions(list(bits)), held)
    coverages = dict(zip(bits, asked.coverage(held).tolist(), strict=True))
    pairs = dict(zip(bits, asked.pairs(held).tolist(), strict=True))
    near = zip(_rows(looked_up(scores, around)), _rows(looked_up(cosines, around)), strict=True)
    made = []
    for key, session, beside in zip(keys, columns.sessions(keys), near, strict=True):
        if key not in found:
            continue
        context = ALONE
        if session != NOBODY:
            context = Context(*beside, of_texts.get(session, 0.0), of_coverages.get(session, 0.0))
        made.append(
            Candidate(
                memory=found[key],
                text_score=scores.get(key),
                cosine=cosines.get(key),
                coverage=coverages.get(key, 0.0),
                pairs=pairs.get(key, 0.0),
                context=context,
            )
        )
    return made


def _in_turn(*legs: list[int]) -> list[int]:
    """The best of each leg, the second best of each, and so on, each once."""
    turns = zip_longest(*legs)
    return list(dict.fromkeys(key for turn in turns for key in turn if key is not None))


def _rows(numbers: Numbers) -> list[tuple[float, ...]]:
    return [tuple(row) for row in numbers.tolist()]


def _known(keys: NDArray[np.int64]) -> list[int]:
    known: list[int] = keys[keys >= 0].tolist()
    return known
