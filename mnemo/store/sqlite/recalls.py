"""Recalls that were answered and what was judged of them, as rows."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec.json
from attrs import evolve

from mnemo.store.records import NEVER, QueryRow
from mnemo.store.sqlite.memories import rows_in

KEPT = 10_000
"""How many recalls are kept; the oldest go first. Judgements of them stay."""

SUPPRESSING = 3
"""How many recalls have to find a memory irrelevant for no recall to find it any more."""

_COLUMNS = "id, text, session, project, returned, at, kind"

_read_ids = msgspec.json.Decoder(tuple[str, ...]).decode


def record(db: sqlite3.Connection, queries: Iterable[QueryRow]) -> None:
    """Keep recalls, and let the oldest go."""
    db.executemany(
        "INSERT OR REPLACE INTO queries (id, text, session, project, returned, at, kind)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (row.id, row.text, row.session, row.project, _ids_json(row.returned), row.at, row.kind)
            for row in queries
        ),
    )
    db.execute("DELETE FROM queries WHERE number <= (SELECT max(number) FROM queries) - ?", (KEPT,))


def query(db: sqlite3.Connection, id: str) -> QueryRow | None:
    """A recall that is kept."""
    row = db.execute(f"SELECT {_COLUMNS} FROM queries WHERE id = ?", (id,)).fetchone()
    return None if row is None else _query(row)


def lately(db: sqlite3.Connection, since: float, limit: int, project: str | None) -> list[QueryRow]:
    """What was asked at or after C{since}, newest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM queries WHERE at >= ?1 AND kind = 'recall'"
        " AND (?2 IS NULL OR project = ?2) ORDER BY at DESC, number DESC LIMIT ?3",
        (since, project, limit),
    )
    return [_query(row) for row in rows]


def of_session(db: sqlite3.Connection, session: str) -> list[QueryRow]:
    """All that a session has been shown, oldest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM queries WHERE session = ? ORDER BY number", (session,)
    )
    return [_query(row) for row in rows]


def forget(db: sqlite3.Connection, project: str) -> None:
    """Remove the recalls within a project."""
    db.execute("DELETE FROM queries WHERE project = ?", (project,))


def let_go(db: sqlite3.Connection, gone: frozenset[str]) -> None:
    """Let the recalls that brought one of these memories be as L{without} says."""
    rows = db.execute("SELECT number, returned FROM queries").fetchall()
    for number, returned in rows:
        ids = _read_ids(returned)
        if not gone.isdisjoint(ids):
            left = tuple(each for each in ids if each not in gone)
            db.execute(
                "UPDATE queries SET text = '', returned = ? WHERE number = ?",
                (_ids_json(left), number),
            )


def without(query: QueryRow, gone: frozenset[str]) -> QueryRow:
    """
    A recall when memories were removed for good: one that brought them may have been asked in
    their words, so the words go. What else it brought can still be judged.
    """
    if gone.isdisjoint(query.returned):
        return query
    left = tuple(each for each in query.returned if each not in gone)
    return evolve(query, text="", returned=left)


def judge(
    db: sqlite3.Connection, query: str, ids: Sequence[str], quality: str, at: float
) -> dict[str, str | None]:
    """Keep a judgement of each memory that exists. Answers the earlier ones."""
    earlier: dict[str, str | None] = {}
    for each in dict.fromkeys(ids):
        row = db.execute(
            "SELECT m.key, f.quality FROM memories m"
            " LEFT JOIN feedback f ON f.memory = m.key AND f.query = ? WHERE m.id = ?",
            (query, each),
        ).fetchone()
        if row is not None:
            key, earlier[each] = row
            db.execute(
                "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)", (query, key, quality, at)
            )
    return earlier


def suppressed(db: sqlite3.Connection, keys: Sequence[int]) -> set[int]:
    """
    Of these memories those that L{SUPPRESSING} recalls found irrelevant since one found them
    helpful, and that fade: what lasts is never suppressed.
    """
    judged = rows_in(
        db,
        "SELECT f.memory FROM feedback f JOIN memories m ON m.key = f.memory"
        f" WHERE m.fades < {NEVER!r} AND f.quality = 'irrelevant' AND f.at > coalesce("
        "(SELECT max(h.at) FROM feedback h WHERE h.memory = f.memory AND h.quality = 'helpful'),"
        " -1) AND f.memory IN",
        keys,
    )
    times = Counter(key for (key,) in judged)
    return {key for key, count in times.items() if count >= SUPPRESSING}


def _query(row: Sequence[Any]) -> QueryRow:
    fields = [*row[:4], _read_ids(row[4]), *row[5:]]
    return QueryRow(*fields)


def _ids_json(ids: tuple[str, ...]) -> str:
    return msgspec.json.encode(ids).decode()
