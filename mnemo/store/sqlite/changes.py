"""What the indexes are told of the database: what has changed since they were told last."""

import sqlite3
from collections.abc import Iterator

from attrs import frozen

from mnemo.store.index.columns import Row
from mnemo.store.records import Memory
from mnemo.store.sqlite.memories import WHOLE, by_key, memory_of, read_concepts

_PIECE = 5_000
_NO_CONCEPTS = "[]"


@frozen
class Changed:
    """
    What became of memories in a span of change numbers.

    @ivar memories: those that were added or changed, as they are now, by their last change
    @ivar removed: the keys of those that are gone
    @ivar change: the end of the span
    @ivar more: whether there may be changes behind it
    """

    memories: tuple[Memory, ...]
    removed: tuple[int, ...]
    change: int
    more: bool

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.memories) + len(self.removed)


def rows(db: sqlite3.Connection) -> Iterator[list[Row]]:
    """What the columns have of every memory, some thousand at a time."""
    found = db.execute(
        "SELECT key, project, type, source, session, salience, fades, created,"
        " archived IS NOT NULL, concepts FROM memories ORDER BY key"
    )
    while piece := found.fetchmany(_PIECE):
        yield [
            (*fields, () if concepts == _NO_CONCEPTS else read_concepts(concepts))
            for *fields, concepts in piece
        ]


def after(db: sqlite3.Connection, key: int, limit: int) -> list[Memory]:
    """The first C{limit} memories behind C{key}, in the order of their keys."""
    rows = db.execute(
        f"SELECT {WHOLE} FROM memories WHERE key > ? ORDER BY key LIMIT ?", (key, limit)
    )
    return [memory_of(row) for row in rows]


def changed_since(db: sqlite3.Connection, change: int, limit: int) -> Changed:
    """What became of memories after C{change}, as far as C{limit} of them lead."""
    rows = db.execute(
        "SELECT change, key, 0 FROM memories WHERE change > ?1"
        " UNION ALL SELECT change, key, 1 FROM removed WHERE change > ?1 ORDER BY 1 LIMIT ?2",
        (change, limit),
    ).fetchall()
    found = by_key(db, [key for _, key, gone in rows if not gone])
    return Changed(
        # One that was purged since the numbers were read is told of by its later number.
        memories=tuple(found[key] for _, key, _ in rows if key in found),
        removed=tuple(key for _, key, gone in rows if gone),
        change=rows[-1][0] if rows else change,
        more=len(rows) == limit,
    )


def change_numbers(db: sqlite3.Connection) -> range:
    """Every number up to which an index of this database can be complete."""
    state = dict(db.execute("SELECT name, value FROM state WHERE name IN ('origin', 'change')"))
    return range(state["origin"], state["change"] + 1)


def is_scrubbed(db: sqlite3.Connection) -> bool:
    """Whether the indexes hold no trace of any memory that was removed."""
    (scrubbed,) = db.execute(
        "SELECT NOT EXISTS (SELECT 1 FROM removed"
        " WHERE change > (SELECT value FROM state WHERE name = 'scrubbed'))"
    ).fetchone()
    return bool(scrubbed)


def scrubbed(db: sqlite3.Connection, change: int) -> None:
    """Note that the indexes hold no trace of what was removed up to C{change}."""
    db.execute("UPDATE state SET value = ? WHERE name = 'scrubbed'", (change,))


def count_changed(db: sqlite3.Connection, change: int) -> int:
    """How many memories were added, changed or removed after C{change}."""
    (count,) = db.execute(
        "SELECT (SELECT count(*) FROM memories WHERE change > ?1)"
        " + (SELECT count(*) FROM removed WHERE change > ?1)",
        (change,),
    ).fetchone()
    return int(count)
