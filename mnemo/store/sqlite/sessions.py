"""Sessions, as rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec.json
from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.sessions import ISessionRows, SessionRow, SessionSummary
from mnemo.store.sqlite import drafts
from mnemo.store.sqlite.database import Database

_COLUMNS = (
    "id, kind, version, client, client_version, principal, project, capabilities, lookup,"
    " created, active, ended, reason, memories, subscriptions,"
    " chosen"
)


@implementer(ISessionRows)
@define(eq=False)
class Sessions:
    """The sessions of a database."""

    _database: Database

    def save(self, row: SessionRow) -> Deferred[None]:
        """Insert or replace a session."""
        return self._database.write(lambda db: save(db, row))

    def touch(self, active: Mapping[str, float]) -> Deferred[None]:
        """Set when each session was last active."""
        return self._database.write(lambda db: touch(db, active))

    def set_subscriptions(self, id: str, uris: frozenset[str]) -> Deferred[None]:
        """Set the URIs of the resources whose changes a session is told of."""
        return self._database.write(lambda db: set_subscriptions(db, id, uris))

    def end(self, id: str, ended: float, reason: str) -> Deferred[SessionRow | None]:
        """Mark a live session ended."""
        return self._database.write(lambda db: end(db, id, ended, reason))

    def live(self) -> Deferred[list[SessionRow]]:
        """Every session that has not ended."""
        return self._database.read(live)

    def find(self, id: str) -> Deferred[SessionRow | None]:
        """A session, live or ended."""
        return self._database.read(lambda db: session(db, id))

    def summaries(
        self, since: float, limit: int, project: str | None
    ) -> Deferred[list[SessionSummary]]:
        """Sessions that were active at or after C{since}."""
        return self._database.read(lambda db: summaries(db, since, limit, project))


def save(db: sqlite3.Connection, row: SessionRow) -> None:
    """Insert or replace a session."""
    db.execute(
        f"INSERT OR REPLACE INTO sessions ({_COLUMNS})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.kind,
            row.version,
            row.client,
            row.client_version,
            row.principal,
            row.project,
            msgspec.json.encode(row.capabilities).decode(),
            row.lookup,
            row.created,
            row.active,
            row.ended,
            row.reason,
            row.memories,
            _listed(row.subscriptions),
            row.chosen,
        ),
    )


def touch(db: sqlite3.Connection, active: Mapping[str, float]) -> None:
    """Set when each session was last active."""
    db.executemany(
        "UPDATE sessions SET active = ? WHERE id = ?", ((at, each) for each, at in active.items())
    )


def set_subscriptions(db: sqlite3.Connection, id: str, uris: frozenset[str]) -> None:
    """Set the URIs of the resources whose changes a session is told of."""
    db.execute("UPDATE sessions SET subscriptions = ? WHERE id = ?", (_listed(uris), id))


def end(db: sqlite3.Connection, id: str, ended: float, reason: str) -> SessionRow | None:
    """
    Mark a live session ended, count its memories, and let the drafts of its handoffs wait.
    C{None} where it is not live.
    """
    marked = db.execute(
        "UPDATE sessions SET ended = ?, reason = ?,"
        " memories = (SELECT count(*) FROM memories m WHERE m.session = sessions.id)"
        " WHERE id = ? AND ended IS NULL",
        (ended, reason, id),
    )
    if not marked.rowcount:
        return None
    drafts.wait(db, id)
    return session(db, id)


def session(db: sqlite3.Connection, id: str) -> SessionRow | None:
    """A session, live or ended."""
    row = db.execute(f"SELECT {_COLUMNS} FROM sessions WHERE id = ?", (id,)).fetchone()
    return _session(row) if row else None


def live(db: sqlite3.Connection) -> list[SessionRow]:
    """Every session that has not ended, oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM sessions WHERE ended IS NULL ORDER BY created, id")
    return [_session(row) for row in rows]


def summaries(
    db: sqlite3.Connection, since: float, limit: int, project: str | None
) -> list[SessionSummary]:
    """Sessions that were active at or after C{since}, latest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS},"
        " (SELECT count(*) FROM memories m WHERE m.session = sessions.id),"
        " (SELECT min(created) FROM memories m WHERE m.session = sessions.id),"
        " (SELECT max(created) FROM memories m WHERE m.session = sessions.id)"
        " FROM sessions WHERE active >= ?1 AND (?2 IS NULL OR project = ?2)"
        " ORDER BY active DESC, id LIMIT ?3",
        (since, project, limit),
    )
    return [SessionSummary(_session(row[:-3]), *row[-3:]) for row in rows]


def _session(row: Sequence[Any]) -> SessionRow:
    capabilities, subscriptions = msgspec.json.decode(row[7]), msgspec.json.decode(row[14])
    fields = [*row[:7], capabilities, *row[8:14], frozenset(subscriptions), bool(row[15])]
    return SessionRow(*fields)


def _listed(uris: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(uris)).decode()
