"""Tasks, as rows."""

import sqlite3

from attrs import astuple, define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.sqlite.database import Database
from mnemo.store.tasks import ITaskRows, TaskRow

_COLUMNS = "id, principal, tool, status, message, created, updated, expires, outcome"


@implementer(ITaskRows)
@define(eq=False)
class Tasks:
    """The tasks of a database."""

    _database: Database

    def add(self, row: TaskRow, limit: int) -> Deferred[bool]:
        """Keep a new task, if its principal may have one more."""
        return self._database.write(lambda db: add(db, row, limit))

    def save(self, row: TaskRow) -> Deferred[None]:
        """Replace a task that is kept."""
        return self._database.write(lambda db: save(db, row))

    def find(self, id: str) -> Deferred[TaskRow | None]:
        """A task, expired or not."""
        return self._database.read(lambda db: task(db, id))

    def remove(self, id: str) -> Deferred[None]:
        """Remove a task, if it is there."""
        return self._database.write(lambda db: remove(db, id))

    def fail(self, message: str, outcome: str, now: float) -> Deferred[int]:
        """Let every task fail that has not ended, and remove those that expired."""
        return self._database.write(lambda db: fail(db, message, outcome, now))


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
