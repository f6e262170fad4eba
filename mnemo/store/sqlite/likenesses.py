"""Which memories say nearly the same, as comparing their texts has found it."""

import sqlite3
from collections.abc import Sequence

from mnemo.store.records import Likeness, Memory, Uncompared
from mnemo.store.search import Filter
from mnemo.store.sqlite import memories, vectors
from mnemo.store.sqlite.vector_leg import VectorLeg


def uncompared(
    db: sqlite3.Connection, leg: VectorLeg, limit: int, near: int, now: float
) -> list[Uncompared]:
    """
    Memories that have a vector and were not compared since, oldest first. None while the
    vectors of their neighbours may not be found.

    @param near: how many neighbours of each
    """
    if leg.problem:
        return []
    keys = [
        row[0]
        for row in db.execute(
            "SELECT key FROM memories WHERE compared = 0 AND embedded = 1 ORDER BY key LIMIT ?",
            (limit,),
        )
    ]
    known = memories.by_key(db, keys)
    of_key = vectors.of(db, leg.model, keys)
    found = []
    # While the model changes, the vectors of these may be those of the other.
    for key, memory in sorted((key, known[key]) for key in known if key in of_key):
        wanted = Filter(now=now, project=memory.project)
        cosines = leg.search(of_key[key], wanted, near + 1)
        cosines.pop(key, None)
        others = memories.by_key(db, list(cosines))
        beside = tuple((others[each], cosines[each]) for each in cosines if each in others)
        found.append(Uncompared(memory, beside))
    return found


def settle(db: sqlite3.Connection, made: Sequence[Likeness]) -> None:
    """Keep what was found, in place of what was found before. What changed since is left out."""
    for each in made:
        current = db.execute(
            "UPDATE memories SET compared = 1 WHERE key = ? AND version = ?",
            (each.key, each.version),
        )
        if not current.rowcount:
            continue
        db.execute("DELETE FROM likenesses WHERE source = ?1 OR target = ?1", (each.key,))
        for other, relation, older in each.links:
            ends = (each.key, other) if older else (other, each.key)
            db.execute(
                "INSERT OR IGNORE INTO likenesses SELECT ?1, ?2, ?3"
                " WHERE EXISTS (SELECT 1 FROM memories WHERE key = ?4)",
                (*ends, relation, other),
            )


def differing(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[Memory]]:
    """For each of these memories those that differ from it and are not forgotten."""
    pairs: dict[str, set[int]] = {}
    for ours, theirs in (("source", "target"), ("target", "source")):
        rows = memories.rows_in(
            db,
            f"SELECT o.id, t.key FROM memories o JOIN likenesses l ON l.{ours} = o.key"
            f" JOIN memories t ON t.key = l.{theirs}"
            " WHERE l.relation = 'differs' AND t.archived IS NULL AND o.id IN",
            ids,
        )
        for one, key in rows:
            pairs.setdefault(one, set()).add(key)
    others = memories.by_key(db, list({key for keys in pairs.values() for key in keys}))
    return {
        one: [others[key] for key in sorted(keys, reverse=True) if key in others]
        for one, keys in pairs.items()
    }


def unresolved(db: sqlite3.Connection) -> int:
    """How many pairs of memories that are not forgotten differ, neither replacing the other."""
    (count,) = db.execute(
        "SELECT count(*) FROM likenesses l JOIN memories s ON s.key = l.source"
        " JOIN memories t ON t.key = l.target WHERE l.relation = 'differs'"
        " AND s.archived IS NULL AND t.archived IS NULL"
    ).fetchone()
    return int(count)
