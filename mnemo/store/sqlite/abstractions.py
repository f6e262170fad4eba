"""What is abstracted from patterns, as rows."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec.json
import numpy as np

from mnemo.store.sqlite import studies
from mnemo.store.sqlite.filters import marks
from mnemo.store.sqlite.memories import rows_in
from mnemo.store.sqlite.patterns import EVIDENCE, among, evidence, patterns, put
from mnemo.store.studies import Study
from mnemo.store.understanding import Abstraction, FoundAbstraction, Kin

MEMBERS: Final = 12
"""Of how many memories a pattern is what is abstracted from it made."""

_ABSTRACTION: Final = (
    "SELECT a.key, a.id, a.project, a.level, a.title, a.statement, a.model, a.scores, a.basis,"
    " a.made, a.dismissed IS NOT NULL FROM abstractions a"
)


def kin(db: sqlite3.Connection, study: Study, alike: float, limit: int) -> Kin | None:
    """A pattern and those that are like it."""
    row = db.execute(
        "SELECT project, model, centroid FROM patterns"
        " WHERE key = ? AND title != '' AND dismissed IS NULL AND centroid IS NOT NULL",
        (study.subject,),
    ).fetchone()
    if row is None:
        return None
    project, model, blob = row
    own = np.frombuffer(blob, np.float32)
    near = []
    for key, other in db.execute(
        "SELECT key, centroid FROM patterns WHERE project = ? AND model = ? AND title != ''"
        " AND dismissed IS NULL AND centroid IS NOT NULL",
        (project, model),
    ):
        cosine = float(own @ np.frombuffer(other, np.float32))
        if key == study.subject or cosine >= alike:
            near.append((key != study.subject, -cosine, key))
    keys = [key for *_, key in sorted(near)[:limit]]
    there = {each.key: each for each in patterns(db, project, (), False)}
    shown = tuple(there[key] for key in keys if key in there)
    if not shown or shown[0].key != study.subject:
        return None
    rows = db.execute(
        f"{_ABSTRACTION} WHERE a.key IN"
        f" (SELECT abstraction FROM abstracted WHERE pattern IN {marks(keys)})",
        keys,
    ).fetchall()
    of = {row[0]: _patterns_of(db, row[0]) for row in rows}
    made = tuple((_abstraction(db, row), frozenset(of[row[0]])) for row in rows)
    members = {each.key: tuple(evidence(db, [each.key], MEMBERS)) for each in shown}
    return Kin(shown, made, members)


def state(db: sqlite3.Connection, study: Study, found: FoundAbstraction | None, now: float) -> bool:
    """Keep an abstraction and end its job. C{False} where the caller has to undo it."""
    if found is not None:
        if not studies.unchanged(db, found.read):
            return False
        key = put(
            db,
            "abstractions",
            found.key,
            {"id": found.id, "project": found.project},
            {
                "level": found.level,
                "title": found.title,
                "statement": found.statement,
                "model": found.model,
                "prompt": found.prompt,
                "scores": msgspec.json.encode(found.scores).decode(),
                "basis": found.basis,
                "made": now,
            },
        )
        # What a pattern is abstracted into stays so, whatever is found near it later.
        db.executemany(
            "INSERT OR IGNORE INTO abstracted SELECT key, ? FROM patterns WHERE key = ?",
            [(key, pattern) for pattern in found.patterns],
        )
    return studies.end(db, [study])


def abstractions(
    db: sqlite3.Connection, project: str | None, ids: Sequence[str], dismissed: bool
) -> list[Abstraction]:
    """Abstractions that can be shown, the newest first."""
    where, values = among("a", project, ids, dismissed)
    rows = db.execute(
        f"{_ABSTRACTION} WHERE a.statement != ''{where} ORDER BY a.made DESC, a.key DESC", values
    )
    return [_abstraction(db, row) for row in rows.fetchall()]


def stated(db: sqlite3.Connection, ids: Sequence[str]) -> list[Abstraction]:
    """The abstractions of patterns."""
    rows = rows_in(
        db,
        "SELECT DISTINCT a.id FROM patterns p JOIN abstracted b ON b.pattern = p.key"
        " JOIN abstractions a ON a.key = b.abstraction WHERE p.id IN",
        ids,
    )
    named = [row[0] for row in rows]
    return abstractions(db, None, named, False) if named else []


def _abstraction(db: sqlite3.Connection, row: Sequence[Any]) -> Abstraction:
    key, name, project, level, title, statement, model, scores, basis, made, dismissed = row
    of = _patterns_of(db, key)
    named = db.execute(f"SELECT id FROM patterns WHERE key IN {marks(of)} ORDER BY key", of)
    return Abstraction(
        key,
        name,
        project,
        level,
        title,
        statement,
        model,
        msgspec.json.decode(str(scores)),
        basis,
        made,
        bool(dismissed),
        tuple(row[0] for row in named),
        tuple(evidence(db, of, EVIDENCE)),
    )


def _patterns_of(db: sqlite3.Connection, abstraction: object) -> list[int]:
    rows = db.execute(
        "SELECT pattern FROM abstracted WHERE abstraction = ? ORDER BY pattern", (abstraction,)
    )
    return [row[0] for row in rows]
