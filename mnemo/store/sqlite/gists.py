"""Which memories a gist is of, as rows. A gist is a memory itself, and its originals stay."""

import sqlite3
from collections.abc import Sequence

from mnemo.store.records import Memory
from mnemo.store.sqlite import memories, studies
from mnemo.store.sqlite.memories import Noted
from mnemo.store.studies import Study
from mnemo.store.understanding import FoundGist


def keep(
    db: sqlite3.Connection, asked: Sequence[Study], found: Sequence[FoundGist], now: float
) -> list[Noted] | None:
    """Keep gists and end their jobs. C{None} where the caller has to undo it."""
    notes = []
    for each in found:
        if not studies.unchanged(db, each.read):
            return None
        new = each.memory
        kept = memories.get(db, [new.id])
        if kept:
            # It was of memories that were forgotten, and are back.
            notes += memories.archive(db, [new.id], False, now)
        else:
            notes.append(memories.add(db, new))
            # It is as old as its originals, and was not there when they were alone.
            span = (notes[-1].memory.key, new.created, now)
            db.execute("INSERT INTO absences VALUES (?, ?, ?)", span)
        gist = notes[-1].memory
        keys = [key for key, _ in each.read]
        for original in memories.by_key(db, keys).values():
            memories.link(db, original.id, gist.id, "part_of")
        db.executemany(
            "INSERT OR REPLACE INTO gists VALUES (?, ?, 0)", [(key, gist.key) for key in keys]
        )
    return notes if studies.end(db, asked) else None


def drop(db: sqlite3.Connection, ids: Sequence[str], now: float) -> list[Noted]:
    """
    Forget the gists of memories that are amended or forgotten: they say what these said. What
    is left of them is looked at again.
    """
    made = of(db, ids, dropped=False)
    for gist in made:
        db.execute(
            "INSERT OR REPLACE INTO studies (work, subject)"
            " SELECT 'gists', memory FROM gists WHERE gist = ?",
            (gist.key,),
        )
        db.execute("UPDATE gists SET dropped = 1 WHERE gist = ?", (gist.key,))
    return memories.archive(db, [each.id for each in made if not each.archived], True, now)


def of(db: sqlite3.Connection, ids: Sequence[str], dropped: bool = True) -> list[Memory]:
    """
    The gists of these memories.

    @param dropped: whether those are among them that were forgotten by L{drop}
    """
    rows = memories.rows_in(
        db,
        "SELECT gist FROM gists JOIN memories m ON m.key = memory"
        f" WHERE dropped <= {int(dropped)} AND m.id IN",
        ids,
    )
    return list(memories.by_key(db, list({row[0] for row in rows})).values())
