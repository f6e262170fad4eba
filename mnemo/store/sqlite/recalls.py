"""Recalls that were answered and what was judged of them, as rows."""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec.json

from mnemo.store.records import QueryRow

KEPT = 10_000
"""How many recalls are kept; the oldest go first. Judgements of them stay."""

_read_ids = msgspec.json.Decoder(tuple[str, ...]).decode


def record(db: sqlite3.Connection, queries: Iterable[QueryRow]) -> None:
    """Keep recalls, and let the oldest go."""
    db.executemany(
        "INSERT OR REPLACE INTO queries (id, text, session, project, returned, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            (row.id, row.text, row.session, row.project, _ids_json(row.returned), row.at)
            for row in queries
        ),
    )
    db.execute("DELETE FROM queries WHERE number <= (SELECT max(number) FROM queries) - ?", (KEPT,))


def query(db: sqlite3.Connection, id: str) -> QueryRow | None:
    """A recall that is kept."""
    row = db.execute(
        "SELECT id, text, session, project, returned, at FROM queries WHERE id = ?", (id,)
    ).fetchone()
    if row is None:
        return None
    fields = [*row[:4], _read_ids(row[4]), row[5]]
    return QueryRow(*fields)


def forget(db: sqlite3.Connection, project: str) -> None:
    """Remove the recalls within a project."""
    db.execute("DELETE FROM queries WHERE project = ?", (project,))


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


def _ids_json(ids: tuple[str, ...]) -> str:
    return msgspec.json.encode(ids).decode()
