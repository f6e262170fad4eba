"""
The queue of what is to be derived from memories, and what was, as rows.

A job is a memory's, and is made by a trigger in the transaction that keeps
its text. It is claimed with a lease, which is a time at which it is due again: what is
neither finished nor given back by then, because the process ended, is done by whoever comes next.
Who has lost the lease can no longer finish, so that each job takes effect once.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec.json
from attrs import evolve

from mnemo.store.records import Claim, DerivedField, Finished, JobCounts

TRIES: Final = 5
"""How often a job is tried before it is parked."""

_CRASHED: Final = "it was begun {} times and never ended"
_CHUNK: Final = 500


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
            _park(db, memory, problem or _CRASHED.format(tries))
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
        elif state == "parked" or (state == "done" and _is_old(made, recipe, replaced)):
            db.execute(
                "UPDATE jobs SET state = 'waiting', due = ?, tries = 0, lease = '', problem = ''"
                " WHERE memory = ?",
                (now, key),
            )
    return rows[-1][0] if len(rows) == limit else None


def _is_old(made: str, recipe: str, replaced: str) -> bool:
    return made != recipe and made.startswith(replaced)


def derived(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[DerivedField, ...]]:
    """What was derived from the present text of each of these memories that exists."""
    found: dict[str, list[DerivedField]] = {}
    for at in range(0, len(ids), _CHUNK):
        some = ids[at : at + _CHUNK]
        rows = db.execute(
            "SELECT m.id, d.field, d.value, d.model, d.prompt, d.scores, d.made"
            " FROM memories m LEFT JOIN derived d ON d.memory = m.key AND d.version = m.version"
            f" WHERE m.id IN ({','.join('?' for _ in some)}) ORDER BY d.field",
            some,
        )
        for memory, name, value, model, prompt, scores, made in rows:
            of_it = found.setdefault(memory, [])
            if name is not None:
                read = msgspec.json.decode
                of_it.append(DerivedField(name, read(value), model, prompt, read(scores), made))
    return {memory: tuple(_without_gone(db, fields)) for memory, fields in found.items()}


def _without_gone(db: sqlite3.Connection, fields: Sequence[DerivedField]) -> Iterator[DerivedField]:
    """The fields, without links to memories that are no more."""
    for each in fields:
        if each.name == "links" and isinstance(each.value, list):
            known = [link for link in each.value if _exists(db, link["id"])]
            if known:
                yield evolve(each, value=known)
        else:
            yield each


def _exists(db: sqlite3.Connection, id: str) -> bool:
    return db.execute("SELECT 1 FROM memories WHERE id = ?", (id,)).fetchone() is not None


def _park(db: sqlite3.Connection, memory: int, problem: str) -> None:
    db.execute(
        "UPDATE jobs SET state = 'parked', lease = '', problem = ? WHERE memory = ?",
        (problem, memory),
    )
