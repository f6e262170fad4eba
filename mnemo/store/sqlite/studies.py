"""
The queue of what is to be looked at among its like, as rows.

A row is there while its job waits. Memories are noted by the number of their last change: up to
which they were, the cursor of each kind of work says. A claim is a lease as it is for
L{mnemo.store.sqlite.jobs}: a time at which the job is due again. Whoever has lost it can no
longer end the job, and ending it is part of the transaction that keeps what came of it.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.jobs import JobCounts
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.jobs import CRASHED, TRIES
from mnemo.store.studies import IStudies, Study, Work
from mnemo.store.understanding import GIST_SOURCE

_OF_MEMORIES: Final = "EXISTS (SELECT 1 FROM memories WHERE key = subject AND embedded = 1) AND "
_SUBJECTS: Final[dict[Work, str]] = {
    "patterns": _OF_MEMORIES,
    "gists": _OF_MEMORIES,
    "insights": "",
}

_STUDIED: Final = (
    f" type != 'handoff' AND archived IS NULL AND source != '{GIST_SOURCE}'"
    " AND NOT EXISTS (SELECT 1 FROM chunks c WHERE c.memory = key)"
)
"""Not what stands for itself: a handoff, a piece of a file, a gist."""


@implementer(IStudies)
@define(eq=False)
class StudyQueue:
    """The studies of a database."""

    _database: Database

    def note(self, work: Work, recipe: str, limit: int) -> Deferred[int]:
        """Let memories wait that have changed."""
        return self._database.write(lambda db: note(db, work, recipe, limit))

    def claim(
        self, work: Work, lease: str, now: float, until: float, limit: int
    ) -> Deferred[list[Study]]:
        """Take jobs that are due."""
        return self._database.write(lambda db: claim(db, work, lease, now, until, limit))

    def give_back(
        self, taken: Sequence[Study], problem: str, due: float, failed: bool
    ) -> Deferred[None]:
        """Let go of jobs."""
        return self._database.write(lambda db: give_back(db, taken, problem, due, failed))

    def counts(self, work: Work) -> Deferred[JobCounts]:
        """How many wait, and how many were given up."""
        return self._database.read(lambda db: counts(db, work))


def note(db: sqlite3.Connection, work: Work, recipe: str, limit: int) -> int:
    """
    Let memories wait that have changed since, or all where the recipe is another.

    For insights, patterns that have changed wait already, and all do where the recipe is another.
    """
    db.execute("INSERT OR IGNORE INTO cursors VALUES (?, '', 0)", (work,))
    known, cursor = db.execute(
        "SELECT recipe, cursor FROM cursors WHERE work = ?", (work,)
    ).fetchone()
    if work == "insights":
        # What a model has made is not given up where there is none at the moment.
        if known != recipe and not known.startswith(f"{recipe} "):
            db.execute(
                "INSERT OR REPLACE INTO studies (work, subject)"
                " SELECT 'insights', key FROM patterns WHERE dismissed IS NULL"
            )
            db.execute("UPDATE cursors SET recipe = ? WHERE work = 'insights'", (recipe,))
        return 0
    if known != recipe:
        cursor = 0
        db.execute("UPDATE studies SET state = 'waiting', tries = 0 WHERE work = ?", (work,))
    db.execute(
        "DELETE FROM studies WHERE work = ?"
        " AND NOT EXISTS (SELECT 1 FROM memories WHERE key = subject)",
        (work,),
    )
    changed = db.execute(
        f"SELECT key, change,{_STUDIED} FROM memories WHERE change > ? ORDER BY change LIMIT ?",
        (cursor, limit),
    ).fetchall()
    db.executemany(
        "INSERT OR REPLACE INTO studies (work, subject) VALUES (?, ?)",
        [(work, key) for key, _, fits in changed if fits],
    )
    if changed:
        cursor = changed[-1][1]
    db.execute("UPDATE cursors SET recipe = ?, cursor = ? WHERE work = ?", (recipe, cursor, work))
    return len(changed)


def claim(
    db: sqlite3.Connection, work: Work, lease: str, now: float, until: float, limit: int
) -> list[Study]:
    """Take up to C{limit} jobs that are due; one that was tried too often is parked instead."""
    due = db.execute(
        "SELECT subject, tries, problem FROM studies WHERE work = ? AND"
        f" {_SUBJECTS[work]}state = 'waiting' AND due <= ? ORDER BY subject LIMIT ?",
        (work, now, limit),
    ).fetchall()
    taken = []
    for subject, tries, problem in due:
        if tries >= TRIES:
            _park(db, work, subject, problem or CRASHED.format(tries))
            continue
        db.execute(
            "UPDATE studies SET lease = ?, due = ?, tries = tries + 1"
            " WHERE work = ? AND subject = ?",
            (lease, until, work, subject),
        )
        taken.append(Study(lease, until, work, subject, tries + 1))
    return taken


def end(db: sqlite3.Connection, studies: Sequence[Study]) -> bool:
    """End jobs. C{False} where one of them is no longer held; the caller undoes the rest."""
    return all(
        db.execute(
            "DELETE FROM studies WHERE work = ? AND subject = ? AND lease = ?",
            (each.work, each.subject, each.lease),
        ).rowcount
        for each in studies
    )


def give_back(
    db: sqlite3.Connection, studies: Sequence[Study], problem: str, due: float, failed: bool
) -> None:
    """Let go of what is still held, to be tried again from C{due} on."""
    for each in studies:
        held = db.execute(
            "UPDATE studies SET due = ?, lease = '', problem = ?, tries = tries - ?"
            " WHERE work = ? AND subject = ? AND lease = ?",
            (due, problem, 0 if failed else 1, each.work, each.subject, each.lease),
        )
        if held.rowcount and failed and each.tries >= TRIES:
            _park(db, each.work, each.subject, problem)


def counts(db: sqlite3.Connection, work: Work) -> JobCounts:
    """How many wait, those that were not noted yet among them, and how many are parked."""
    (waiting,) = db.execute(
        "SELECT count(*) FROM studies WHERE work = ? AND state = 'waiting'", (work,)
    ).fetchone()
    (parked,) = db.execute(
        "SELECT count(*) FROM studies WHERE work = ? AND state = 'parked'", (work,)
    ).fetchone()
    if work != "insights":
        (behind,) = db.execute(
            "SELECT count(*) FROM memories WHERE change >"
            " coalesce((SELECT cursor FROM cursors WHERE work = ?), 0)",
            (work,),
        ).fetchone()
        waiting += behind
    row = db.execute(
        "SELECT problem FROM studies WHERE work = ? AND state = 'parked' LIMIT 1", (work,)
    ).fetchone()
    return JobCounts(waiting, parked, row[0] if row else "")


def unchanged(db: sqlite3.Connection, read: Sequence[tuple[int, int]]) -> bool:
    """Whether memories are there with the texts that were read, and not forgotten."""
    return all(
        db.execute(
            "SELECT 1 FROM memories WHERE key = ? AND version = ? AND archived IS NULL", each
        ).fetchone()
        for each in read
    )


def _park(db: sqlite3.Connection, work: Work, subject: int, problem: str) -> None:
    db.execute(
        "UPDATE studies SET state = 'parked', lease = '', problem = ?"
        " WHERE work = ? AND subject = ?",
        (problem, work, subject),
    )
