"""One search: both legs, and the memories that they propose."""

import sqlite3

from mnemo.store.index.analyser import query_terms
from mnemo.store.index.columns import passes
from mnemo.store.interfaces import Vector
from mnemo.store.records import Candidate, Filter
from mnemo.store.sqlite import memories
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.vector_leg import VectorLeg

_WIDER = 10
"""How much further the text leg looks, for the BM25 of what the vector leg proposes."""


def search(
    db: sqlite3.Connection,
    texts: TextLeg,
    vectors: VectorLeg,
    text: str,
    vector: Vector | None,
    wanted: Filter,
    limit: int,
) -> tuple[Candidate, ...]:
    """
    The best C{limit} of each leg within the filter, both scores of each where they exist.

    Called on a reader thread. A leg that fails proposes nothing, and says so itself.
    """
    scores = texts.search(query_terms(text), wanted, _WIDER * limit)
    cosines: dict[int, float] = {}
    proposed = dict.fromkeys(list(scores)[:limit])
    if vector is not None:
        cosines = vectors.search(vector, wanted, limit)
        cosines |= vectors.cosines(vector, [key for key in proposed if key not in cosines])
        proposed |= dict.fromkeys(cosines)
    found = memories.by_key(db, list(proposed))
    return tuple(
        Candidate(memory, scores.get(key), cosines.get(key))
        for key, memory in found.items()
        # An index may be behind by what changed since it was asked.
        if passes(memory, wanted)
    )
