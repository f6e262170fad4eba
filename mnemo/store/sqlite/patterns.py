"""Patterns of memories, as rows."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from attrs import evolve

from mnemo.store.records import Memory
from mnemo.store.search import Filter
from mnemo.store.sqlite import memories, studies, vectors
from mnemo.store.sqlite.filters import marks
from mnemo.store.sqlite.memories import rows_in
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.studies import Study
from mnemo.store.understanding import (
    GIST_SOURCE,
    Around,
    FoundPattern,
    Known,
    Node,
    Pattern,
)

EVIDENCE: Final = 10
"""How many memories of the evidence are named, the newest."""

_OCCASION: Final = (
    "CASE WHEN m.session != '' THEN m.session ELSE CAST(m.created / 86400 AS INTEGER) END"
)
_PATTERN: Final = (
    "SELECT p.key, p.id, p.project, p.kind, p.title, p.said,"
    " coalesce((SELECT id FROM memories s WHERE s.key = p.source), ''), count(*),"
    f" count(DISTINCT {_OCCASION}), min(m.created), max(m.created), p.dismissed IS NOT NULL"
    " FROM patterns p JOIN evidence e ON e.pattern = p.key"
    " JOIN memories m ON m.key = e.memory AND m.archived IS NULL WHERE p.title != ''"
)


def around(
    db: sqlite3.Connection, leg: VectorLeg, asked: Sequence[Study], near: int, now: float
) -> Around:
    """The memories of some jobs, their neighbours, and the patterns and gists of these."""
    keys = [each.subject for each in asked]
    known = memories.by_key(db, keys)
    of_key = vectors.of(db, leg.model, keys)
    there = tuple(key for key in keys if key in known and key in of_key)
    beside: set[int] = set()
    for key in there:
        wanted = Filter(now=now, project=known[key].project)
        beside.update(leg.search(of_key[key], wanted, near + 1))
    others = list(beside.difference(there))
    known |= memories.by_key(db, others)
    of_key |= vectors.of(db, leg.model, others)
    nodes = {}
    for key in (*there, *others):
        memory = known.get(key)
        if memory is None or memory.archived or key not in of_key or _stands_alone(memory):
            continue
        nodes[key] = Node(
            key,
            memory.id,
            memory.version,
            memory.project,
            memory.session,
            memory.type,
            memory.salience,
            memory.fades,
            memory.created,
            of_key[key],
        )
    projects = {node.project for node in nodes.values()}
    of_patterns = "pattern FROM evidence WHERE"
    of_gists = "gist FROM gists WHERE dropped = 0 AND"
    held = of_gists if asked and asked[0].work == "gists" else of_patterns
    holds = dict(rows_in(db, f"SELECT memory, {held} memory IN", list(nodes)))
    return Around(
        nodes,
        holds,
        tuple(_known(db, projects, leg.model.name)),
    )


def _stands_alone(memory: Memory) -> bool:
    return memory.type == "handoff" or memory.source == GIST_SOURCE


def _known(db: sqlite3.Connection, projects: Iterable[str], model: str) -> Iterable[Known]:
    for key, project, count, made_by, centroid, dismissed in rows_in(
        db,
        "SELECT p.key, p.project, (SELECT count(*) FROM evidence e WHERE e.pattern = p.key),"
        " p.model, p.centroid, p.dismissed IS NOT NULL FROM patterns p WHERE p.project IN",
        tuple(projects),
    ):
        usable = centroid is not None and made_by == model
        vector = np.frombuffer(centroid, np.float32) if usable else None
        yield Known(key, project, count, vector, bool(dismissed))


def keep(
    db: sqlite3.Connection, asked: Sequence[Study], found: Sequence[FoundPattern], now: float
) -> bool:
    """Keep patterns and end their jobs. C{False} where the caller has to undo it."""
    model = vectors.model(db).name
    for each in found:
        if not studies.unchanged(db, each.read):
            return False
        key = put(
            db,
            "patterns",
            each.key,
            {"id": each.id, "project": each.project, "made": now},
            {
                "kind": each.kind,
                "title": each.title,
                "said": each.said,
                "source": each.source,
                "model": model,
                "centroid": each.centroid.astype(np.float32).tobytes(),
            },
        )
        # What is evidence of one pattern stays so.
        db.executemany(
            "INSERT OR IGNORE INTO evidence VALUES (?, ?)", [(one, key) for one in each.adds]
        )
        db.execute("INSERT OR REPLACE INTO studies (work, subject) VALUES ('insights', ?)", (key,))
    return studies.end(db, asked)


def patterns(
    db: sqlite3.Connection, project: str | None, ids: Sequence[str], dismissed: bool
) -> list[Pattern]:
    """Patterns that can be shown."""
    where, values = among("p", project, ids, dismissed)
    rows = db.execute(f"{_PATTERN}{where} GROUP BY p.key", values)
    return [evolve(Pattern(*row), dismissed=bool(row[-1])) for row in rows.fetchall()]


def about(db: sqlite3.Connection, ids: Sequence[str]) -> list[Pattern]:
    """The patterns that memories are evidence of."""
    rows = rows_in(
        db,
        "SELECT DISTINCT p.id FROM memories m JOIN evidence e ON e.memory = m.key"
        " JOIN patterns p ON p.key = e.pattern WHERE p.dismissed IS NULL AND m.id IN",
        ids,
    )
    named = [row[0] for row in rows]
    return patterns(db, None, named, False) if named else []


def evidence(db: sqlite3.Connection, of: Sequence[int], limit: int) -> list[str]:
    """The ids of the newest memories behind some patterns that are not forgotten."""
    rows = db.execute(
        "SELECT m.id FROM evidence e JOIN memories m ON m.key = e.memory"
        f" WHERE e.pattern IN {marks(of)} AND m.archived IS NULL"
        " ORDER BY m.created DESC, m.key DESC LIMIT ?",
        (*of, limit),
    )
    return [row[0] for row in rows]


# -- what patterns and abstractions have in common


def among(
    row: str, project: str | None, ids: Sequence[str], dismissed: bool
) -> tuple[str, list[object]]:
    """Which of the rows of a statement, as more of its C{WHERE}, and the values in that."""
    where, values = "", list[object]()
    if project is not None:
        where += f" AND {row}.project = ?"
        values.append(project)
    if ids:
        where += f" AND {row}.id IN {marks(ids)}"
        values += ids
    if not dismissed:
        where += f" AND {row}.dismissed IS NULL"
    return where, values


def put(
    db: sqlite3.Connection,
    table: str,
    key: int | None,
    once: Mapping[str, object],
    values: Mapping[str, object],
) -> int:
    """
    Change the row with this key, or insert one. Answers its key.

    @param once: what a new row has beside C{values}, and keeps
    """
    if key is not None:
        changes = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE {table} SET {changes} WHERE key = ?", (*values.values(), key))
        return key
    row = {**once, **values}
    cursor = db.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES {marks(row)}", tuple(row.values())
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def dismiss(db: sqlite3.Connection, table: str, id: str, now: float) -> bool:
    """Mark a row as dismissed; when it was first counts."""
    done = db.execute(
        f"UPDATE {table} SET dismissed = coalesce(dismissed, ?) WHERE id = ?", (now, id)
    )
    return bool(done.rowcount)
