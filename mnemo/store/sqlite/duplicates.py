"""Keeping a memory only where it is not there already, and letting one replace another."""

import sqlite3
from collections.abc import Sequence

from attrs import frozen

from mnemo.store.records import Memory, NewMemory
from mnemo.store.sqlite import gists, memories
from mnemo.store.sqlite.digest import digest
from mnemo.store.sqlite.memories import Noted


@frozen
class Outcome:
    """
    What came of a memory that was to be kept.

    @ivar memory: it, or the one that has its text already
    @ivar duplicate: whether that one was there
    @ivar notes: the memories that were changed by it
    """

    memory: Memory
    duplicate: bool
    notes: tuple[Noted, ...]


def keep(db: sqlite3.Connection, new: NewMemory, supersedes: str) -> Outcome:
    """
    Insert a memory, or add its links and concepts to the one that has its text already.

    @param supersedes: the id of the memory that it replaces, which is forgotten; C{""} for none
    @raise UnknownMemory: where a link leads to nothing, or nothing has that id
    """
    held = _held(db, new)
    if held is None:
        noted = memories.add(db, new)
        notes = [noted]
        key = noted.memory.key
    else:
        key = held
        notes = _added_to(db, key, new)
    if supersedes:
        notes += _supersede(db, key, supersedes, new.created)
    memory = memories.by_key(db, [key])[key]
    return Outcome(memory, held is not None, tuple(notes))


def _held(db: sqlite3.Connection, new: NewMemory) -> int | None:
    """
    The memory of the same project that has the same text, where it says no less.

    A handoff is a moment and not a fact: the same one twice is two. And a decision is more than
    the same words of no type.
    """
    if new.type == "handoff":
        return None
    row = db.execute(
        "SELECT key FROM memories WHERE project = ? AND digest = ? AND archived IS NULL"
        " AND (type = ? OR ? = 'general' AND type != 'handoff')"
        " ORDER BY type = ? DESC, key LIMIT 1",
        (new.project, digest(new.text), new.type, new.type, new.type),
    ).fetchone()
    return row[0] if row else None


def _added_to(db: sqlite3.Connection, key: int, new: NewMemory) -> list[Noted]:
    memory = memories.by_key(db, [key])[key]
    for other, relation in new.links:
        if other != memory.id:
            memories.link(db, memory.id, other, relation)
    concepts = tuple(dict.fromkeys((*memory.concepts, *new.concepts)))
    if concepts == memory.concepts:
        return []
    return [memories.set_concepts(db, memory.id, concepts)]


def _supersede(db: sqlite3.Connection, key: int, old: str, now: float) -> Sequence[Noted]:
    memory = memories.by_key(db, [key])[key]
    if memory.id == old:
        return ()
    memories.link(db, memory.id, old, "supersedes")
    return [*memories.archive(db, [old], True, now), *gists.drop(db, [old], now)]
