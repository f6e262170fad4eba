"""
Vectors by the model that is to be used, made beside those by the one that is.

They lie in C{next_vectors}, a table like C{vectors}. At the change-over the two change places, so
that it takes no longer for many memories, and what the earlier model has made is there still,
should somebody go back to it. No trigger and no view may name one of them: it would follow.
"""

import sqlite3
from collections.abc import Sequence
from functools import partial

from mnemo.store.sqlite import vectors
from mnemo.store.sqlite.vectors import Model
from mnemo.store.vectors import Unembedded, Vector

after = partial(vectors.after, table="next_vectors")
"""As L{vectors.after}, of the vectors that were made beside."""


def missing(db: sqlite3.Connection, model: str, behind: int, limit: int) -> list[Unembedded]:
    """The first C{limit} memories behind the key C{behind} without a vector of C{model}."""
    rows = db.execute(
        "SELECT key, version, text FROM memories m WHERE key > ? AND NOT EXISTS"
        " (SELECT 1 FROM next_vectors n WHERE n.memory = m.key AND n.version = m.version"
        " AND n.model = ?) ORDER BY key LIMIT ?",
        (behind, model, limit),
    )
    return [Unembedded(*row) for row in rows]


def put(db: sqlite3.Connection, following: Model, made: Sequence[tuple[Unembedded, Vector]]) -> int:
    """
    Keep vectors of the model that follows, but none of what has changed or gone meanwhile.

    @return: how many were kept
    @raise StoreError: for a vector that is not as long as the model's, or is not finite
    """
    kept = 0
    for memory, vector in made:
        blob = vectors.packed(following, vector)
        kept += db.execute(
            "INSERT OR REPLACE INTO next_vectors SELECT key, version, ?, ? FROM memories"
            " WHERE key = ? AND version = ?",
            (following.name, blob, memory.key, memory.version),
        ).rowcount
    return kept


def made(db: sqlite3.Connection, model: str, table: str = "next_vectors") -> int:
    """How many vectors of C{model} there are beside those in use."""
    (count,) = db.execute(f"SELECT count(*) FROM {table} WHERE model = ?", (model,)).fetchone()
    return int(count)


def use_model(db: sqlite3.Connection, wanted: Model) -> None:
    """Say which model is in use, and use what was made by it beside."""
    if vectors.model(db) == wanted:
        return
    if made(db, wanted.name) > made(db, wanted.name, "vectors"):
        for name, becomes in (
            ("vectors", "former_vectors"),
            ("next_vectors", "vectors"),
            ("former_vectors", "next_vectors"),
        ):
            db.execute(f"ALTER TABLE {name} RENAME TO {becomes}")
    vectors.use_model(db, wanted)
