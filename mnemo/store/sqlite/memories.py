"""Memories, their versions and their links, as rows."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec.json
from attrs import frozen

from mnemo.store.interfaces import StoreError, UnknownMemory
from mnemo.store.records import Link, Memory, NewMemory, ProjectRow, Relation, Version
from mnemo.store.search import Filter
from mnemo.store.sqlite.filters import condition, marks

_FIELDS = (
    "key, id, version, {text}, type, source, project, session, salience, fades,"
    " created, updated, archived IS NOT NULL, embedded, concepts"
)
WHOLE = _FIELDS.format(text="text")
WITHOUT_TEXT = _FIELDS.format(text="''")
"""The columns of which L{memory_of} makes a memory, with or without its text."""

_CHUNK = 500
"""How many values one IN list holds."""

read_concepts = msgspec.json.Decoder(tuple[str, ...]).decode


@frozen
class Noted:
    """A memory as a write has left it, and the number of that change."""

    memory: Memory
    change: int


# -- writing


def add(db: sqlite3.Connection, new: NewMemory) -> Noted:
    """
    Insert a memory and its links.

    @raise UnknownMemory: where a link leads to nothing
    @raise StoreError: where the id is taken
    """
    if _key(db, new.id) is not None:
        raise StoreError(f"there is a memory with the id {new.id!r} already")
    cursor = db.execute(
        "INSERT INTO memories (id, version, type, source, project, session, salience, fades,"
        " created, updated, concepts, change, text, digest)"
        " VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, digest(?))",
        (
            new.id,
            new.type,
            new.source,
            new.project,
            new.session,
            new.salience,
            new.fades,
            new.created,
            new.created,
            msgspec.json.encode(new.concepts).decode(),
            _next_change(db),
            new.text,
            new.text,
        ),
    )
    for other, relation in new.links:
        db.execute(
            "INSERT OR IGNORE INTO links VALUES (?, ?, ?)",
            (cursor.lastrowid, _known_key(db, other), relation),
        )
    return _noted(db, new.id)


def amend(db: sqlite3.Connection, id: str, text: str, now: float) -> Noted:
    """
    Make a new version of a memory's text; the vectors of the old one go.

    @raise UnknownMemory: where there is no such memory
    """
    key = _known_key(db, id)
    db.execute(
        "INSERT INTO versions (memory, version, since, until, text)"
        " SELECT key, version, updated, ?, text FROM memories WHERE key = ?",
        (now, key),
    )
    db.execute(
        "UPDATE memories SET version = version + 1, text = ?, digest = digest(?), updated = ?,"
        " embedded = 0, compared = 0, change = ? WHERE key = ?",
        (text, text, now, _next_change(db), key),
    )
    for table in ("vectors", "next_vectors"):
        db.execute(f"DELETE FROM {table} WHERE memory = ?", (key,))
    return _noted(db, id)


def archive(db: sqlite3.Connection, ids: Sequence[str], archived: bool, now: float) -> list[Noted]:
    """Mark memories as forgotten, or no longer so. Unknown ids are passed over."""
    known = [each for each in dict.fromkeys(ids) if _key(db, each) is not None]
    for each in known:
        if not archived:
            # That one was forgotten is noted by the table itself.
            db.execute(
                "UPDATE absences SET until = ? WHERE until IS NULL"
                " AND memory = (SELECT key FROM memories WHERE id = ?)",
                (now, each),
            )
        db.execute(
            "UPDATE memories SET archived = CASE WHEN ?1 THEN coalesce(archived, ?2) END,"
            " change = ?3 WHERE id = ?4",
            (archived, now, _next_change(db), each),
        )
    return [_noted(db, each) for each in known]


def purge(db: sqlite3.Connection, ids: Sequence[str]) -> list[Noted]:
    """
    Delete memories with all that belongs to them. Unknown ids are passed over.

    Answers them as they were, each with the number of its removal.
    """
    gone = []
    for memory in get(db, tuple(dict.fromkeys(ids))):
        change = _next_change(db)
        db.execute("DELETE FROM memories WHERE key = ?", (memory.key,))
        db.execute("INSERT INTO removed VALUES (?, ?)", (change, memory.key))
        gone.append(Noted(memory, change))
    return gone


def link(db: sqlite3.Connection, source: str, target: str, relation: Relation) -> None:
    """
    Relate a memory to another. The same link again changes nothing.

    @raise UnknownMemory: where one of them is not there
    """
    ends = (_known_key(db, source), _known_key(db, target))
    db.execute("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", (*ends, relation))


def set_concepts(db: sqlite3.Connection, id: str, concepts: Sequence[str]) -> Noted:
    """File a memory that is there under these concepts."""
    db.execute(
        "UPDATE memories SET concepts = ?, change = ? WHERE id = ?",
        (msgspec.json.encode(concepts).decode(), _next_change(db), id),
    )
    return _noted(db, id)


def set_salience(db: sqlite3.Connection, changes: Mapping[str, tuple[float, float]]) -> list[Noted]:
    """Set salience and C{fades} of each id. Unknown ids are passed over."""
    known = [each for each in changes if _key(db, each) is not None]
    for each in known:
        db.execute(
            "UPDATE memories SET salience = ?, fades = ?, change = ? WHERE id = ?",
            (*changes[each], _next_change(db), each),
        )
    return [_noted(db, each) for each in known]


# -- reading


def get(db: sqlite3.Connection, ids: Sequence[str]) -> list[Memory]:
    """The memories with these ids, in this order; unknown ids are left out."""
    rows = rows_in(db, f"SELECT {WHOLE} FROM memories WHERE id IN", ids)
    found = {memory.id: memory for memory in map(memory_of, rows)}
    return [found[each] for each in ids if each in found]


def by_key(db: sqlite3.Connection, keys: Sequence[int]) -> dict[int, Memory]:
    """The memories with these keys."""
    rows = rows_in(db, f"SELECT {WHOLE} FROM memories WHERE key IN", keys)
    return {memory.key: memory for memory in map(memory_of, rows)}


def newest(db: sqlite3.Connection, wanted: Filter, limit: int) -> list[Memory]:
    """The newest memories that pass the filter, newest first."""
    where, values = condition(wanted)
    rows = db.execute(
        f"SELECT {WHOLE} FROM memories WHERE {where} ORDER BY created DESC, key DESC LIMIT ?",
        (*values, limit),
    )
    return [memory_of(row) for row in rows]


def oldest_derived(db: sqlite3.Connection, wanted: Filter, limit: int) -> list[Memory]:
    """The oldest that pass the filter and from whose present text something was derived."""
    where, values = condition(wanted)
    rows = db.execute(
        f"SELECT {WHOLE} FROM memories WHERE {where} AND EXISTS (SELECT 1 FROM derived d"
        " WHERE d.memory = key AND d.version = memories.version) ORDER BY created, key LIMIT ?",
        (*values, limit),
    )
    return [memory_of(row) for row in rows]


def projects(db: sqlite3.Connection) -> list[ProjectRow]:
    """The projects that have memories, the one with the newest first."""
    rows = db.execute(
        "SELECT project, count(*), max(created) FROM memories"
        " WHERE archived IS NULL AND project != '' GROUP BY project ORDER BY 3 DESC, 1"
    )
    return [ProjectRow(*row) for row in rows]


def ids_of(db: sqlite3.Connection, project: str) -> list[str]:
    """The ids of all memories of a project, oldest first."""
    rows = db.execute("SELECT id FROM memories WHERE project = ? ORDER BY created, key", (project,))
    return [row[0] for row in rows]


def versions(db: sqlite3.Connection, id: str) -> list[Version]:
    """The earlier texts of a memory, oldest first."""
    rows = db.execute(
        "SELECT v.version, v.text, v.since, v.until FROM versions v"
        " JOIN memories m ON m.key = v.memory WHERE m.id = ? ORDER BY v.version",
        (id,),
    )
    return [Version(*row) for row in rows]


def links(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[Link]]:
    """The links of each of these memories that exists, in both directions."""
    keys = {memory.key: memory.id for memory in get(db, ids)}
    found: dict[str, list[Link]] = {each: [] for each in keys.values()}
    for table in ("links", "likenesses"):
        for ours, theirs, outgoing in (("source", "target", True), ("target", "source", False)):
            rows = rows_in(
                db,
                f"SELECT l.{ours}, m.id, l.relation FROM {table} l"
                f" JOIN memories m ON m.key = l.{theirs} WHERE l.{ours} IN",
                tuple(keys),
            )
            for key, other, relation in rows:
                found[keys[key]].append(Link(other, relation, outgoing))
    return found


# -- the parts of it


def memory_of(row: Sequence[Any]) -> Memory:
    """The memory in a row of these columns."""
    fields = [*row[:12], bool(row[12]), bool(row[13]), read_concepts(row[14])]
    return Memory(*fields)


def _noted(db: sqlite3.Connection, id: str) -> Noted:
    row = db.execute(f"SELECT change, {WHOLE} FROM memories WHERE id = ?", (id,)).fetchone()
    return Noted(memory_of(row[1:]), row[0])


def _key(db: sqlite3.Connection, id: str) -> int | None:
    row = db.execute("SELECT key FROM memories WHERE id = ?", (id,)).fetchone()
    return row[0] if row else None


def _known_key(db: sqlite3.Connection, id: str) -> int:
    key = _key(db, id)
    if key is None:
        raise UnknownMemory(f"there is no memory with the id {id!r}")
    return key


def _next_change(db: sqlite3.Connection) -> int:
    db.execute("UPDATE state SET value = value + 1 WHERE name = 'change'")
    (change,) = db.execute("SELECT value FROM state WHERE name = 'change'").fetchone()
    return int(change)


def rows_in(
    db: sqlite3.Connection, select: str, values: Sequence[object]
) -> Iterator[tuple[Any, ...]]:
    """The rows of C{select}, which ends in C{IN}, for as many values as there are."""
    for at in range(0, len(values), _CHUNK):
        some = values[at : at + _CHUNK]
        yield from db.execute(f"{select} {marks(some)}", some)
