"""Tasks, as rows."""

import sqlite3

from attrs import astuple

from mnemo.store.records import TaskRow

_COLUMNS = "id, principal, tool, status, message, created, updated, expires, outcome"


def add(db: sqlite3.Connection, row: TaskRow, limit: int) -> bool:
    """Keep a new task, where its principal has fewer than C{limit}; those that expired go."""
    _expire(db, row.created)
    (kept,) = db.execute(
        "SELECT count(*) FROM tasks WHERE principal = ?", (row.principal,)
    ).fetchone()
    if kept >= limit:
        return False
    db.execute(f"INSERT INTO tasks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(row))
    return True


def save(db: sqlite3.Connection, row: TaskRow) -> None:
    """Replace a task that is kept; one that is not does not come back."""
    db.execute(
        "UPDATE tasks SET status = ?, message = ?, updated = ?, outcome = ? WHERE id = ?",
        (row.status, row.message, row.updated, row.outcome, row.id),
    )


def task(db: sqlite3.Connection, id: str) -> TaskRow | None:
    """A task, expired or not."""
    row = db.execute(f"SELECT {_COLUMNS} FROM tasks WHERE id = ?", (id,)).fetchone()
    return TaskRow(*row) if row else None


def remove(db: sqlite3.Connection, id: str) -> None:
    """Remove a task."""
    db.execute("DELETE FROM tasks WHERE id = ?", (id,))


def fail(db: sqlite3.Connection, message: str, outcome: str, now: float) -> int:
    """Let every task fail that has not ended; those that expired go."""
    _expire(db, now)
    failed = db.execute(
        "UPDATE tasks SET status = 'failed', message = ?, outcome = ?, updated = ?"
        " WHERE status IN ('working', 'input_required')",
        (message, outcome, now),
    )
    return failed.rowcount


def _expire(db: sqlite3.Connection, now: float) -> None:
    db.execute("DELETE FROM tasks WHERE expires <= ?", (now,))
