"""Vectors of memories, as rows of half-precision numbers."""

import sqlite3
from collections.abc import Sequence

import numpy as np
from attrs import frozen

from mnemo.store.interfaces import StoreError
from mnemo.store.vectors import Unembedded, Vector

_SIZE = 2
"""Bytes of a number."""


@frozen
class Model:
    """
    The model whose vectors are searched.

    @ivar name: C{""} before the first
    @ivar dimensions: the length of its vectors; 0 before the first
    """

    name: str = ""
    dimensions: int = 0


def model(db: sqlite3.Connection) -> Model:
    """The model in use."""
    state = dict(db.execute("SELECT name, value FROM state"))
    return Model(state["model"], state["dimensions"])


def use_model(db: sqlite3.Connection, wanted: Model) -> None:
    """Say which model is in use."""
    if model(db) == wanted:
        return
    db.execute("UPDATE state SET value = ? WHERE name = 'model'", (wanted.name,))
    db.execute("UPDATE state SET value = ? WHERE name = 'dimensions'", (wanted.dimensions,))
    # Vectors of another model stay until theirs replace them: going back costs nothing.
    db.execute(
        # A row is written anew even where nothing in it changes.
        "UPDATE memories SET embedded = NOT embedded WHERE embedded != EXISTS (SELECT 1"
        " FROM vectors v WHERE v.memory = memories.key AND v.version = memories.version"
        " AND v.model = ? AND length(v.vector) = ?)",
        (wanted.name, _SIZE * wanted.dimensions),
    )


def unembedded(db: sqlite3.Connection, limit: int) -> list[Unembedded]:
    """Memories without a vector of the model in use, oldest first."""
    rows = db.execute(
        "SELECT key, version, text FROM memories WHERE embedded = 0 ORDER BY key LIMIT ?", (limit,)
    )
    return [Unembedded(*row) for row in rows]


def backlog(db: sqlite3.Connection) -> int:
    """How many memories have no vector of the model in use."""
    (count,) = db.execute("SELECT count(*) FROM memories WHERE embedded = 0").fetchone()
    return int(count)


def put(
    db: sqlite3.Connection, made: Sequence[tuple[Unembedded, Vector]]
) -> list[tuple[int, Vector]]:
    """
    Keep vectors of the model in use. Answers keys and vectors of those that were kept.

    @raise StoreError: for a vector that is not as long as the model's, or is not finite
    """
    used = model(db)
    kept = []
    for memory, vector in made:
        blob = packed(used, vector)
        current = db.execute(
            "UPDATE memories SET embedded = 1 WHERE key = ? AND version = ?",
            (memory.key, memory.version),
        )
        if current.rowcount:
            db.execute(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                (memory.key, memory.version, used.name, blob),
            )
            kept.append((memory.key, vector))
    return kept


def packed(by: Model, vector: Vector) -> bytes:
    """
    A vector as it is kept.

    @raise StoreError: where it is not as long as those of the model, or is not finite
    """
    if vector.shape != (by.dimensions,) or not np.isfinite(vector).all():
        raise StoreError(
            f"a vector for {by.name or 'no model'} must be {by.dimensions} finite numbers"
        )
    return vector.astype(np.float16).tobytes()


def after(
    db: sqlite3.Connection, used: Model, key: int, limit: int, table: str = "vectors"
) -> list[tuple[int, Vector]]:
    """The vectors by one model of the first C{limit} memories behind C{key} that have one."""
    rows = db.execute(
        f"SELECT memory, vector FROM {table}"
        " WHERE memory > ? AND model = ? AND length(vector) = ? ORDER BY memory LIMIT ?",
        (key, used.name, _SIZE * used.dimensions, limit),
    )
    return [(at, _vector(blob)) for at, blob in rows]


def of(db: sqlite3.Connection, used: Model, keys: Sequence[int]) -> dict[int, Vector]:
    """The vectors by one model of those of these memories that have one."""
    rows = db.execute(
        f"SELECT memory, vector FROM vectors WHERE memory IN ({','.join('?' * len(keys))})"
        " AND model = ? AND length(vector) = ?",
        (*keys, used.name, _SIZE * used.dimensions),
    )
    return {key: _vector(blob) for key, blob in rows}


def sample(db: sqlite3.Connection, used: Model, count: int) -> list[Vector]:
    """Up to C{count} vectors by one model of memories that are not archived, far apart."""
    (newest,) = db.execute("SELECT max(memory) FROM vectors").fetchone()
    found = (
        db.execute(
            "SELECT vector FROM vectors JOIN memories ON key = memory WHERE memory >= ?"
            " AND archived IS NULL AND model = ? AND length(vector) = ? ORDER BY memory LIMIT 1",
            (number * (newest or 0) // count, used.name, _SIZE * used.dimensions),
        ).fetchone()
        for number in range(count)
    )
    return [_vector(row[0]) for row in found if row]


def _vector(blob: bytes) -> Vector:
    return np.frombuffer(blob, np.float16).astype(np.float32)
