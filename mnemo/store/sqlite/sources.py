"""Where memories came from: files that were read, imported records, and what is never read."""

import sqlite3
from collections.abc import Iterator, Sequence

from mnemo.store.exchange import (
    Chunk,
    ExclusionLine,
    FileRead,
    Imported,
    ImportedLink,
    Piece,
)
from mnemo.store.records import NewMemory, Version
from mnemo.store.sqlite import memories
from mnemo.store.sqlite.memories import WHOLE, Noted, memory_of

# -- files


def files(db: sqlite3.Connection, project: str, folder: str) -> dict[str, str]:
    """The hashes of the files that were read from a folder, by their paths."""
    inside = folder.rstrip("/") + "/"
    rows = db.execute(
        "SELECT path, hash FROM files WHERE project = ? AND substr(path, 1, ?) = ? ORDER BY path",
        (project, len(inside), inside),
    )
    return dict(rows.fetchall())


def chunks(db: sqlite3.Connection, project: str, path: str) -> list[Chunk]:
    """The pieces of a file as they are kept, in their order."""
    rows = db.execute(
        "SELECT m.id, c.hash FROM chunks c JOIN files f ON f.key = c.file"
        " JOIN memories m ON m.key = c.memory WHERE f.project = ? AND f.path = ?"
        " ORDER BY c.position",
        (project, path),
    )
    return [Chunk(*row) for row in rows]


def read(db: sqlite3.Connection, file: FileRead) -> list[Noted]:
    """Keep what was read of a file. The memories of pieces that it has no more are forgotten."""
    before = {chunk.id for chunk in chunks(db, file.project, file.path)}
    db.execute(
        "INSERT INTO files (project, path, hash, taken) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (project, path) DO UPDATE SET hash = excluded.hash, taken = excluded.taken",
        (file.project, file.path, file.hash, file.at),
    )
    (key,) = db.execute(
        "SELECT key FROM files WHERE project = ? AND path = ?", (file.project, file.path)
    ).fetchone()
    noted = [
        each
        for position, piece in enumerate(file.pieces)
        for each in _keep(db, key, position, piece, file.at)
    ]
    left = {_id(piece.memory) for piece in file.pieces}
    return noted + _forget(db, sorted(before - left), file.at)


def gone(db: sqlite3.Connection, project: str, path: str, now: float) -> list[Noted]:
    """Forget the memories of a file, and the file."""
    return _forget(db, [chunk.id for chunk in chunks(db, project, path)], now)


def _keep(
    db: sqlite3.Connection, file: int, position: int, piece: Piece, now: float
) -> Iterator[Noted]:
    if isinstance(piece.memory, NewMemory):
        noted = memories.add(db, piece.memory)
        db.execute(
            "INSERT INTO chunks VALUES (?, ?, ?, ?)",
            (noted.memory.key, file, position, piece.hash),
        )
        yield noted
        return
    db.execute(
        "UPDATE chunks SET position = ?, hash = ?"
        " WHERE memory = (SELECT key FROM memories WHERE id = ?)",
        (position, piece.hash, piece.memory),
    )
    if piece.text is not None:
        yield memories.amend(db, piece.memory, piece.text, now)


def _id(memory: NewMemory | str) -> str:
    return memory if isinstance(memory, str) else memory.id


def _forget(db: sqlite3.Connection, ids: Sequence[str], now: float) -> list[Noted]:
    """Forget pieces of files. Who restores one gets a memory that belongs to no file."""
    db.executemany(
        "DELETE FROM chunks WHERE memory = (SELECT key FROM memories WHERE id = ?)",
        ((each,) for each in ids),
    )
    return memories.archive(db, ids, True, now)


# -- what is never read


def exclude(db: sqlite3.Connection, pattern: str, now: float) -> bool:
    """Keep an exclusion. C{False} where it was there already."""
    added = db.execute("INSERT OR IGNORE INTO exclusions VALUES (?, ?)", (pattern, now))
    return added.rowcount == 1


def include(db: sqlite3.Connection, pattern: str) -> bool:
    """Lift an exclusion. C{False} where there was none."""
    return db.execute("DELETE FROM exclusions WHERE pattern = ?", (pattern,)).rowcount == 1


def exclusions(db: sqlite3.Connection) -> list[ExclusionLine]:
    """All exclusions, oldest first."""
    rows = db.execute("SELECT pattern, added FROM exclusions ORDER BY added, pattern")
    return [ExclusionLine(*row) for row in rows]


# -- imported records


def imported(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """The ids of what was imported under these keys, by its key."""
    rows = memories.rows_in(
        db,
        "SELECT i.key, m.id FROM imports i JOIN memories m ON m.key = i.memory WHERE i.key IN",
        keys,
    )
    return dict(rows)


def add_imports(db: sqlite3.Connection, batch: Sequence[Imported]) -> list[Noted]:
    """Keep those whose key is new."""
    added = []
    for each in batch:
        if _imported(db, each.key) is None:
            key = insert(db, each.memory, each.updated, each.archived, each.versions)
            remember_key(db, each.key, key)
            added.append(key)
    return [noted(db, key) for key in added]


def link_imports(db: sqlite3.Connection, links: Sequence[ImportedLink]) -> list[ImportedLink]:
    """Link imported memories. Answers the links that lead from or to nothing."""
    loose = []
    for link in links:
        source, target = _imported(db, link.source), _imported(db, link.target)
        if source is None or target is None:
            loose.append(link)
        elif source != target:
            db.execute(
                "INSERT OR IGNORE INTO links VALUES (?, ?, ?)", (source, target, link.relation)
            )
    return loose


def insert(
    db: sqlite3.Connection,
    new: NewMemory,
    updated: float,
    archived: float | None,
    versions: Sequence[Version],
) -> int:
    """Insert a memory that has a past. Answers its key."""
    key = memories.add(db, new).memory.key
    db.executemany(
        "INSERT INTO versions (memory, version, since, until, text) VALUES (?, ?, ?, ?, ?)",
        ((key, each.version, each.since, each.until, each.text) for each in versions),
    )
    db.execute(
        "UPDATE memories SET version = ?, updated = ?, archived = ? WHERE key = ?",
        (len(versions) + 1, updated, archived, key),
    )
    return key


def remember_key(db: sqlite3.Connection, import_key: str, key: int) -> None:
    """Keep under which key a memory was imported."""
    db.execute("INSERT OR IGNORE INTO imports VALUES (?, ?)", (import_key, key))


def noted(db: sqlite3.Connection, key: int) -> Noted:
    """A memory as it is now."""
    row = db.execute(f"SELECT change, {WHOLE} FROM memories WHERE key = ?", (key,)).fetchone()
    return Noted(memory_of(row[1:]), row[0])


def _imported(db: sqlite3.Connection, key: str) -> int | None:
    row = db.execute("SELECT memory FROM imports WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None
