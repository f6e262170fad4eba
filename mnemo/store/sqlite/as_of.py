"""
A search as of a moment: what existed then, in the words it had then.

Both legs know memories as they are now. They propose those whose text has not changed since;
what was amended since is looked for among the earlier versions, one by one, by its words: the
vector of an earlier version is not kept. How near such a memory is in meaning is judged by its
words of today, as its salience and concepts are.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from attrs import evolve

from mnemo.store.index.analyser import query_terms, terms
from mnemo.store.index.columns import Columns, passes
from mnemo.store.index.fresh import K1, B
from mnemo.store.records import Memory
from mnemo.store.search import Candidate, Filter
from mnemo.store.sqlite import memories
from mnemo.store.sqlite.context import asked_of
from mnemo.store.sqlite.memories import WITHOUT_TEXT, memory_of
from mnemo.store.sqlite.search import search
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.vectors import Vector

_DEEPER = 4
"""How much further the legs look where too much of what they propose was not so then."""


def search_as_of(
    db: sqlite3.Connection,
    columns: Columns,
    texts: TextLeg,
    vectors: VectorLeg,
    text: str,
    vector: Vector | None,
    wanted: Filter,
    limit: int,
) -> tuple[Candidate, ...]:
    """What a search at C{wanted.as_of} would have brought, as far as that can be told."""
    moment = wanted.as_of
    assert moment is not None
    until = math.nextafter(moment, math.inf)
    # Where a memory is now says nothing of where it was: both are asked, and judged below.
    today = evolve(
        wanted, as_of=None, until=min(until, wanted.until or math.inf), now=moment, state=None
    )
    found: list[Candidate] = []
    for state in (None, "archived"):
        there = evolve(today, state=state)
        found += _proposed(
            db,
            lambda depth, there=there: search(  # type: ignore[misc]
                db, columns, texts, vectors, text, vector, there, depth
            ),
            wanted,
            limit,
        )
    amended = _amended(db, texts, text, wanted, today, limit)
    cosines = {}
    if vector is not None:
        cosines = vectors.cosines(vector, [each.memory.key for each in amended])
    near = (evolve(each, cosine=cosines.get(each.memory.key)) for each in amended)
    return (*found, *near)


def _proposed(
    db: sqlite3.Connection,
    propose: Callable[[int], Sequence[Candidate]],
    wanted: Filter,
    limit: int,
) -> list[Candidate]:
    """What the legs propose that had its text of today then, at least C{limit} if there are."""
    depth = limit
    while True:
        proposed = propose(depth)
        same = [each for each in proposed if each.memory.updated <= (wanted.as_of or 0.0)]
        absent = _absent(db, [each.memory.key for each in same], wanted.as_of)
        held = [
            evolve(each, memory=then)
            for each in same
            if _wanted(then := evolve(each.memory, archived=each.memory.key in absent), wanted)
        ]
        if len(held) >= limit or len(proposed) < depth:
            return held
        depth *= _DEEPER


def _amended(
    db: sqlite3.Connection,
    texts: TextLeg,
    text: str,
    wanted: Filter,
    today: Filter,
    limit: int,
) -> list[Candidate]:
    """The best of what had other words then, by those."""
    rows = db.execute(
        f"SELECT earlier, said, began, {WITHOUT_TEXT} FROM memories JOIN"
        " (SELECT memory, version AS earlier, text AS said, since AS began FROM versions"
        " WHERE until > ?1 AND since <= ?1) ON memory = key",
        (wanted.as_of,),
    ).fetchall()
    there = [
        evolve(memory_of(row[3:]), version=row[0], text=row[1], updated=row[2], embedded=False)
        for row in rows
    ]
    absent = _absent(db, [each.key for each in there], wanted.as_of)
    then = [
        evolve(each, archived=each.key in absent)
        for each in there
        if passes(evolve(each, archived=False), today)
    ]
    scored = _scored(texts, text, [each for each in then if _wanted(each, wanted)])
    return sorted(scored, key=lambda each: -(each.text_score or 0.0))[:limit]


def _scored(texts: TextLeg, text: str, those: Sequence[Memory]) -> list[Candidate]:
    """Those that hold a term of C{text}, with what the text leg would say of them."""
    wanted = query_terms(text)
    rarities = texts.rarities(wanted) if those else {}
    asked = asked_of(wanted, rarities)
    said = [terms(each.text) for each in those]
    mean = sum(map(len, said)) / max(1, len(said))
    made = []
    for memory, words in zip(those, said, strict=True):
        held = Counter(words)
        score = _bm25(held, rarities, len(words) / max(mean, 1.0))
        if score > 0:
            near = set(pairwise(words))
            row = np.array(
                [[float(e in held if isinstance(e, str) else e in near) for e in asked.words]]
            )
            made.append(
                Candidate(
                    memory,
                    score,
                    None,
                    float(asked.coverage(row)[0]),
                    float(asked.pairs(row)[0]),
                )
            )
    return made


def _bm25(held: Mapping[str, int], rarities: Mapping[str, float], length: float) -> float:
    """
    BM25 as the text leg has it.

    @param length: against the mean
    """
    norm = K1 * (1 - B + B * length)
    return sum(
        rarity * held[term] * (K1 + 1) / (held[term] + norm)
        for term, rarity in rarities.items()
        if term in held
    )


def _wanted(then: Memory, wanted: Filter) -> bool:
    """Whether a memory as it was then was in the state asked for."""
    if wanted.state is None:
        return not then.archived
    return then.state(wanted.as_of or 0.0) == wanted.state


def _absent(db: sqlite3.Connection, keys: Sequence[int], moment: float | None) -> set[int]:
    """Those of these memories that were forgotten at a moment."""
    rows = memories.rows_in(
        db,
        f"SELECT memory FROM absences WHERE since <= {moment!r}"
        f" AND (until IS NULL OR until > {moment!r}) AND memory IN",
        keys,
    )
    return {row[0] for row in rows}
