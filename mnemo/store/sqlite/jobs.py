"""
The queue of what is to be derived from memories, and what was, as rows.

A job is a memory's, and is made by a trigger in the transaction that keeps its text. It is claimed
with a lease, which is a time at which it is due again: what is neither finished nor given back by
then, because the process ended, is done by whoever comes next. Who has lost the lease can no longer
finish, so that each job takes effect once.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec.json
from attrs import define, evolve
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.jobs import Claim, DerivedField, Finished, IJobs, JobCounts
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from mnemo.store.sqlite import memories
from mnemo.store.sqlite.database import Database

TRIES: Final = 5
"""How often a job is tried before it is parked."""

CRASHED: Final = "it was begun {} times and never ended"
"""Why a job is parked that nobody let go of."""


@implementer(IJobs)
@define(eq=False)
class JobQueue:
    """The jobs of a database."""

    _database: Database

    def claim(
        self, lease: str, now: float, until: float, limit: int, fresh: bool = False
    ) -> Deferred[list[Claim]]:
        """Take jobs that are due."""
        return self._database.write(lambda db: claim(db, lease, now, until, limit, fresh))

    def renew(self, claims: Sequence[Claim], until: float) -> Deferred[int]:
        """Keep what is still held for longer."""
        return self._database.write(lambda db: renew(db, claims, until))

    def finish(self, results: Sequence[Finished], now: float) -> Deferred[int]:
        """Keep what was derived."""
        return self._database.write(lambda db: finish(db, results, now))

    def give_back(
        self, claims: Sequence[Claim], problem: str, due: float, failed: bool
    ) -> Deferred[None]:
        """Let go of jobs."""
        return self._database.write(lambda db: give_back(db, claims, problem, due, failed))

    def counts(self) -> Deferred[JobCounts]:
        """How many wait, and how many were given up."""
        return self._database.read(counts)

    def recipe(self) -> Deferred[str]:
        """What L{use_recipe} was told last."""
        return self._database.read(recipe)

    def use_recipe(self, recipe: str) -> Deferred[None]:
        """Note that every memory that needs it waits for a recipe."""
        return self._database.write(lambda db: use_recipe(db, recipe))

    def requeue(
        self, recipe: str, replaced: str, after: int, limit: int, now: float
    ) -> Deferred[int | None]:
        """Let wait what was not made by a recipe."""
        return self._database.write(lambda db: requeue(db, recipe, replaced, after, limit, now))

    def derived(self, ids: Sequence[str]) -> Deferred[dict[str, tuple[DerivedField, ...]]]:
        """What was derived from memories."""
        return self._database.read(lambda db: derived(db, ids))

    def oldest(self, wanted: Filter, limit: int) -> Deferred[list[Memory]]:
        """The oldest memories from which something was derived."""
        return self._database.read(lambda db: memories.oldest_derived(db, wanted, limit))

    def coaching(self) -> Deferred[str]:
        """What a language model is to be told beside the rules."""
        return self._database.read(coaching)

    def use_coaching(self, document: str) -> Deferred[None]:
        """Keep what a language model is to be told."""
        return self._database.write(lambda db: use_coaching(db, document))


def claim(
    db: sqlite3.Connection, lease: str, now: float, until: float, limit: int, fresh: bool
) -> list[Claim]:
    """
    Take up to C{limit} jobs that are due; they are due again at C{until}.

    One that was tried L{TRIES} times is parked instead.

    @param lease: a name that no other claim has
    @param fresh: take only those of which nothing was derived yet
    """
    only = " AND recipe = ''" if fresh else ""
    due = db.execute(
        f"SELECT memory, tries, problem FROM jobs WHERE state = 'waiting'{only} AND due <= ?"
        " ORDER BY due, memory LIMIT ?",
        (now, limit),
    ).fetchall()
    taken = []
    for memory, tries, problem in due:
        if tries >= TRIES:
            _park(db, memory, problem or CRASHED.format(tries))
            continue
        db.execute(
            "UPDATE jobs SET lease = ?, due = ?, tries = tries + 1 WHERE memory = ?",
            (lease, until, memory),
        )
        (row,) = db.execute(
            "SELECT m.key, m.id, j.version, m.text, m.project, m.type, j.recipe, j.tries"
            " FROM memories m JOIN jobs j ON j.memory = m.key WHERE m.key = ?",
            (memory,),
        )
        taken.append(Claim(lease, until, *row))
    return taken


def renew(db: sqlite3.Connection, claims: Sequence[Claim], until: float) -> int:
    """Keep what is still held until C{until}. Answers how many that are."""
    return sum(
        db.execute(
            "UPDATE jobs SET due = ? WHERE memory = ? AND lease = ? AND state = 'waiting'",
            (until, each.memory, each.lease),
        ).rowcount
        for each in claims
    )


def finish(db: sqlite3.Connection, results: Sequence[Finished], now: float) -> int:
    """
    Keep what was derived by who still holds the lease. Answers of how many that was kept.

    What was derived before goes, in the same transaction.
    """
    return sum(_finish(db, each, now) for each in results)


def _finish(db: sqlite3.Connection, result: Finished, now: float) -> bool:
    memory, lease = result.claim.memory, result.claim.lease
    held = db.execute(
        "UPDATE jobs SET state = ?, recipe = ?, due = ?, tries = ?, lease = '', problem = ?"
        " WHERE memory = ? AND lease = ? AND state = 'waiting'",
        (
            "waiting" if result.problem else "done",
            result.recipe,
            result.again,
            result.claim.tries if result.failed else result.claim.tries - 1,
            result.problem,
            memory,
            lease,
        ),
    )
    if not held.rowcount:
        return False
    db.execute("DELETE FROM derived WHERE memory = ?", (memory,))
    db.executemany(
        "INSERT INTO derived (memory, field, version, model, prompt, made, scores, value)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                memory,
                each.name,
                result.claim.version,
                each.model,
                each.prompt,
                now,
                msgspec.json.encode(each.scores).decode(),
                msgspec.json.encode(each.value).decode(),
            )
            for each in result.fields
        ],
    )
    if result.failed and result.claim.tries >= TRIES:
        _park(db, memory, result.problem)
    return True


def give_back(
    db: sqlite3.Connection, claims: Sequence[Claim], problem: str, due: float, failed: bool
) -> None:
    """
    Let go of what is still held, to be tried again from C{due} on.

    @param failed: whether it is the job's fault: after L{TRIES} times it is parked
    """
    for each in claims:
        held = db.execute(
            "UPDATE jobs SET due = ?, lease = '', problem = ?, tries = tries - ?"
            " WHERE memory = ? AND lease = ? AND state = 'waiting'",
            (due, problem, 0 if failed else 1, each.memory, each.lease),
        )
        if held.rowcount and failed and each.tries >= TRIES:
            _park(db, each.memory, problem)


def counts(db: sqlite3.Connection) -> JobCounts:
    """How many wait and how many are parked, with the reason of one."""
    (waiting,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'waiting'").fetchone()
    (parked,) = db.execute("SELECT count(*) FROM jobs WHERE state = 'parked'").fetchone()
    row = db.execute("SELECT problem FROM jobs WHERE state = 'parked' LIMIT 1").fetchone()
    return JobCounts(waiting, parked, row[0] if row else "")


def recipe(db: sqlite3.Connection) -> str:
    """With what all was to be derived when that was last asked; C{""} before."""
    (value,) = db.execute("SELECT value FROM state WHERE name = 'recipe'").fetchone()
    return str(value)


def use_recipe(db: sqlite3.Connection, recipe: str) -> None:
    """Note that every memory that needs it waits for C{recipe}."""
    db.execute("UPDATE state SET value = ? WHERE name = 'recipe'", (recipe,))


def coaching(db: sqlite3.Connection) -> str:
    """What a language model is to be told beside the rules; C{""} where nobody said."""
    row = db.execute("SELECT value FROM state WHERE name = 'coaching'").fetchone()
    return str(row[0]) if row else ""


def use_coaching(db: sqlite3.Connection, document: str) -> None:
    """Keep what a language model is to be told."""
    db.execute("INSERT OR REPLACE INTO state VALUES ('coaching', ?)", (document,))


def requeue(
    db: sqlite3.Connection, recipe: str, replaced: str, after: int, limit: int, now: float
) -> int | None:
    """
    Let wait, of the C{limit} memories behind the key C{after}, those not made by C{recipe}.

    What was parked is tried again.

    @param replaced: what was made by a recipe that begins so is made anew; all else stays
    @return: where to go on, or C{None} at the end
    """
    rows = db.execute(
        "SELECT key, m.version, j.recipe, j.state FROM memories m"
        " LEFT JOIN jobs j ON j.memory = m.key WHERE key > ? ORDER BY key LIMIT ?",
        (after, limit),
    ).fetchall()
    for key, version, made, state in rows:
        if made is None:
            db.execute("INSERT INTO jobs (memory, version, due) VALUES (?, ?, 0)", (key, version))
        elif state == "parked" or (
            state == "done" and made != recipe and made.startswith(replaced)
        ):
            db.execute(
                "UPDATE jobs SET state = 'waiting', due = ?, tries = 0, lease = '', problem = ''"
                " WHERE memory = ?",
                (now, key),
            )
    return rows[-1][0] if len(rows) == limit else None


def derived(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[DerivedField, ...]]:
    """What was derived from the present text of each of these memories that exists."""
    found: dict[str, list[DerivedField]] = {}
    rows = memories.rows_in(
        db,
        "SELECT m.id, coalesce(d.field, ''), d.value, d.model, d.prompt, d.scores, d.made"
        " FROM memories m LEFT JOIN derived d ON d.memory = m.key AND d.version = m.version"
        " WHERE m.id IN",
        ids,
    )
    for memory, name, value, model, prompt, scores, made in sorted(rows, key=lambda row: row[1]):
        of_it = found.setdefault(memory, [])
        if name:
            read = msgspec.json.decode
            of_it.append(DerivedField(name, read(value), model, prompt, read(scores), made))
    return {memory: tuple(_without_gone(db, fields)) for memory, fields in found.items()}


def _without_gone(db: sqlite3.Connection, fields: Sequence[DerivedField]) -> Iterator[DerivedField]:
    """The fields, without links to memories that are no more."""
    for each in fields:
        if each.name == "links" and isinstance(each.value, list):
            there = {memory.id for memory in memories.get(db, [link["id"] for link in each.value])}
            known = [link for link in each.value if link["id"] in there]
            if known:
                yield evolve(each, value=known)
        else:
            yield each


def _park(db: sqlite3.Connection, memory: int, problem: str) -> None:
    db.execute(
        "UPDATE jobs SET state = 'parked', lease = '', problem = ? WHERE memory = ?",
        (problem, memory),
    )
