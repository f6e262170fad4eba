"""
The handoffs that sessions did not leave, drafted from their memories, as rows.

A row is there for each project in which a session that has ended remembered something, made in the
transaction that ends it. It is claimed with a lease, as L{mnemo.store.sqlite.jobs} are. Triggers
empty it and let it wait again whenever one of these memories comes, changes or goes, a handoff of
the session among them: so nothing stands in a draft that its memories do not say any more, and who
was making it from what was has lost the lease.
"""

import sqlite3
from typing import Final

import msgspec.json
from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.drafts import Draft, DraftClaim, IDrafts
from mnemo.store.records import Memory
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.memories import WHOLE, memory_of

TRIES: Final = 5
"""How often it is tried to make a draft."""

_read_ids = msgspec.json.Decoder(tuple[str, ...]).decode

_OF_IT = "session = ? AND project = ? AND archived IS NULL"
# What was read from files is in the files: nobody has to be told of it.
_TOLD = f"{_OF_IT} AND type != 'handoff' AND key NOT IN (SELECT memory FROM chunks)"


@implementer(IDrafts)
@define(eq=False)
class DraftQueue:
    """The drafts of a database."""

    _database: Database

    def claim(self, lease: str, now: float, until: float, limit: int) -> Deferred[list[DraftClaim]]:
        """Take drafts that are to be made."""
        return self._database.write(lambda db: claim(db, lease, now, until, limit))

    def material(self, claim: DraftClaim, limit: int) -> Deferred[list[Memory]]:
        """The memories that a draft is to be made of."""
        return self._database.read(lambda db: material(db, claim, limit))

    def finish(self, claim: DraftClaim, draft: Draft | None, now: float) -> Deferred[bool]:
        """Keep a draft, or that there is none."""
        return self._database.write(lambda db: finish(db, claim, draft, now))

    def give_back(self, claim: DraftClaim, due: float, failed: bool) -> Deferred[None]:
        """Let go of a claim."""
        return self._database.write(lambda db: give_back(db, claim, due, failed))

    def latest(self, project: str | None) -> Deferred[Draft | None]:
        """The draft with the newest memories."""
        return self._database.read(lambda db: latest(db, project))

    def waiting(self) -> Deferred[int]:
        """How many are to be made."""
        return self._database.read(waiting)


def wait(db: sqlite3.Connection, session: str) -> None:
    """A session has ended: let a draft wait for each project in which it remembered something."""
    db.execute(
        "INSERT OR IGNORE INTO drafts (session, project)"
        " SELECT DISTINCT session, project FROM memories WHERE session = ?",
        (session,),
    )


def claim(
    db: sqlite3.Connection, lease: str, now: float, until: float, limit: int
) -> list[DraftClaim]:
    """Take up to C{limit} drafts that are to be made; they are due again at C{until}."""
    due = db.execute(
        "SELECT session, project, tries FROM drafts WHERE state = 'waiting' AND due <= ?"
        " ORDER BY due, session, project LIMIT ?",
        (now, limit),
    ).fetchall()
    taken = []
    for session, project, tries in due:
        if tries >= TRIES:
            _done(db, session, project)
            continue
        db.execute(
            "UPDATE drafts SET lease = ?, due = ?, tries = tries + 1"
            " WHERE session = ? AND project = ?",
            (lease, until, session, project),
        )
        taken.append(DraftClaim(lease, session, project, tries + 1))
    return taken


def material(db: sqlite3.Connection, claim: DraftClaim, limit: int) -> list[Memory]:
    """The newest memories that a draft is to be made of, oldest first."""
    where = (claim.session, claim.project)
    left = db.execute(f"SELECT 1 FROM memories WHERE {_OF_IT} AND type = 'handoff'", where)
    if left.fetchone():
        return []
    rows = db.execute(
        f"SELECT {WHOLE} FROM memories WHERE {_TOLD} ORDER BY created DESC, key DESC LIMIT ?",
        (*where, limit),
    )
    return [memory_of(row) for row in rows][::-1]


def finish(db: sqlite3.Connection, claim: DraftClaim, draft: Draft | None, now: float) -> bool:
    """Keep a draft, or that there is none. C{False} where the lease is no longer held."""
    held = db.execute(
        "UPDATE drafts SET state = 'done', lease = '', tries = 0 WHERE session = ? AND project = ?"
        " AND lease = ? AND state = 'waiting'",
        (claim.session, claim.project, claim.lease),
    )
    if held.rowcount and draft is not None:
        db.execute(
            "UPDATE drafts SET at = ?, made = ?, model = ?, prompt = ?, sources = ?, text = ?"
            " WHERE session = ? AND project = ?",
            (
                draft.at,
                now,
                draft.model,
                draft.prompt,
                msgspec.json.encode(draft.sources).decode(),
                draft.text,
                claim.session,
                claim.project,
            ),
        )
    return bool(held.rowcount)


def give_back(db: sqlite3.Connection, claim: DraftClaim, due: float, failed: bool) -> None:
    """Let go of a claim that is still held."""
    db.execute(
        "UPDATE drafts SET due = ?, lease = '', tries = tries - ?"
        " WHERE session = ? AND project = ? AND lease = ? AND state = 'waiting'",
        (due, 0 if failed else 1, claim.session, claim.project, claim.lease),
    )


def latest(db: sqlite3.Connection, project: str | None) -> Draft | None:
    """The draft with the newest memories, of a project or of all."""
    row = db.execute(
        "SELECT session, project, text, sources, at, model, prompt FROM drafts"
        " WHERE text != '' AND (?1 IS NULL OR project = ?1) ORDER BY at DESC, session LIMIT 1",
        (project,),
    ).fetchone()
    if row is None:
        return None
    fields = [*row[:3], _read_ids(row[3]), *row[4:]]
    return Draft(*fields)


def waiting(db: sqlite3.Connection) -> int:
    """How many are to be made."""
    (count,) = db.execute("SELECT count(*) FROM drafts WHERE state = 'waiting'").fetchone()
    return int(count)


def _done(db: sqlite3.Connection, session: str, project: str) -> None:
    """Give up."""
    db.execute(
        "UPDATE drafts SET state = 'done', lease = '' WHERE session = ? AND project = ?",
        (session, project),
    )
