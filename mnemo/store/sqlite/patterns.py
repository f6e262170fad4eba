"""Patterns and what is abstracted from them, as rows."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec.json
import numpy as np
from attrs import evolve

from mnemo.store.records import Filter, Memory
from mnemo.store.sqlite import memories, studies, vectors
from mnemo.store.sqlite.memories import rows_in
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.understanding import (
    GIST_SOURCE,
    Abstraction,
    Around,
    FoundAbstraction,
    FoundPattern,
    Kin,
    Known,
    Node,
    Pattern,
    Study,
    Vector,
)

EVIDENCE: Final = 10
"""How many memories of the evidence are named, the newest."""

MEMBERS: Final = 12
"""Of how many memories a pattern is what is abstracted from it made."""

_OCCASION: Final = (
    "CASE WHEN m.session != '' THEN m.session ELSE CAST(m.created / 86400 AS INTEGER) END"
)
_PATTERN: Final = (
    "SELECT p.key, p.id, p.project, p.kind, p.title, p.said,"
    " coalesce((SELECT id FROM memories s WHERE s.key = p.source), ''), count(*),"
    f" count(DISTINCT {_OCCASION}), min(m.created), max(m.created), p.dismissed IS NOT NULL"
    " FROM patterns p JOIN evidence e ON e.pattern = p.key"
    " JOIN memories m ON m.key = e.memory AND m.archived IS NULL WHERE "
)
_ABSTRACTION: Final = (
    "SELECT a.key, a.id, a.project, a.level, a.title, a.statement, a.model, a.scores, a.basis,"
    " a.made, a.dismissed IS NOT NULL FROM abstractions a WHERE "
)


def around(
    db: sqlite3.Connection, leg: VectorLeg, asked: Sequence[Study], near: int, now: float
) -> Around:
    """The memories of some jobs, their neighbours, and the patterns and gists of these."""
    keys = [each.subject for each in asked]
    known = memories.by_key(db, keys)
    of_key = vectors.of(db, leg.model, keys)
    there = tuple(key for key in keys if key in known and key in of_key)
    beside: set[int] = set()
    for key in there:
        wanted = Filter(now=now, project=known[key].project)
        beside.update(leg.search(of_key[key], wanted, near + 1))
    others = list(beside.difference(there))
    known |= memories.by_key(db, others)
    of_key |= vectors.of(db, leg.model, others)
    nodes = {}
    for key in (*there, *others):
        memory = known.get(key)
        if memory is None or memory.archived or key not in of_key or _stands_alone(memory):
            continue
        nodes[key] = Node(
            key,
            memory.id,
            memory.version,
            memory.project,
            memory.session,
            memory.type,
            memory.salience,
            memory.fades,
            memory.created,
            of_key[key],
        )
    projects = {node.project for node in nodes.values()}
    of_patterns = "pattern FROM evidence WHERE"
    of_gists = "gist FROM gists WHERE dropped = 0 AND"
    held = of_gists if asked and asked[0].work == "gists" else of_patterns
    holds = dict(rows_in(db, f"SELECT memory, {held} memory IN", list(nodes)))
    return Around(
        nodes,
        holds,
        tuple(_known(db, projects, leg.model.name)),
    )


def _stands_alone(memory: Memory) -> bool:
    return memory.type == "handoff" or memory.source == GIST_SOURCE


def _known(db: sqlite3.Connection, projects: Iterable[str], model: str) -> Iterable[Known]:
    for key, project, count, made_by, centroid, dismissed in rows_in(
        db,
        "SELECT p.key, p.project, (SELECT count(*) FROM evidence e WHERE e.pattern = p.key),"
        " p.model, p.centroid, p.dismissed IS NOT NULL FROM patterns p WHERE p.project IN",
        tuple(projects),
    ):
        usable = centroid is not None and made_by == model
        vector = np.frombuffer(centroid, np.float32) if usable else None
        yield Known(key, project, count, vector, bool(dismissed))


def keep(
    db: sqlite3.Connection, asked: Sequence[Study], found: Sequence[FoundPattern], now: float
) -> bool:
    """Keep patterns and end their jobs. C{False} where the caller has to undo it."""
    model = vectors.model(db).name
    for each in found:
        if not studies.unchanged(db, each.read):
            return False
        values = (each.kind, each.title, each.said, each.source, model, _blob(each.centroid))
        key = each.key
        if key is None:
            key = db.execute(
                "INSERT INTO patterns (id, project, made, kind, title, said, source, model,"
                " centroid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (each.id, each.project, now, *values),
            ).lastrowid
        else:
            db.execute(
                "UPDATE patterns SET kind = ?, title = ?, said = ?, source = ?, model = ?,"
                " centroid = ? WHERE key = ?",
                (*values, key),
            )
        # What is evidence of one pattern stays so.
        db.executemany(
            "INSERT OR IGNORE INTO evidence VALUES (?, ?)", [(one, key) for one in each.adds]
        )
        db.execute("INSERT OR REPLACE INTO studies (work, subject) VALUES ('insights', ?)", (key,))
    return studies.end(db, asked)


def patterns(
    db: sqlite3.Connection, project: str | None, ids: Sequence[str], dismissed: bool
) -> list[Pattern]:
    """Patterns that can be shown."""
    terms, values = ["p.title != ''"], list[object]()
    if project is not None:
        terms.append("p.project = ?")
        values.append(project)
    if ids:
        terms.append(f"p.id IN ({','.join('?' * len(ids))})")
        values += ids
    if not dismissed:
        terms.append("p.dismissed IS NULL")
    rows = db.execute(f"{_PATTERN}{' AND '.join(terms)} GROUP BY p.key", values)
    return [evolve(Pattern(*row), dismissed=bool(row[-1])) for row in rows.fetchall()]


def about(db: sqlite3.Connection, ids: Sequence[str]) -> list[Pattern]:
    """The patterns that memories are evidence of."""
    rows = rows_in(
        db,
        "SELECT DISTINCT p.id FROM memories m JOIN evidence e ON e.memory = m.key"
        " JOIN patterns p ON p.key = e.pattern WHERE p.dismissed IS NULL AND m.id IN",
        ids,
    )
    named = [row[0] for row in rows]
    return patterns(db, None, named, False) if named else []


def evidence(db: sqlite3.Connection, of: Sequence[int], limit: int) -> list[str]:
    """The ids of the newest memories behind some patterns that are not forgotten."""
    marks = ",".join("?" * len(of))
    rows = db.execute(
        "SELECT m.id FROM evidence e JOIN memories m ON m.key = e.memory"
        f" WHERE e.pattern IN ({marks}) AND m.archived IS NULL"
        " ORDER BY m.created DESC, m.key DESC LIMIT ?",
        (*of, limit),
    )
    return [row[0] for row in rows]


def dismiss(db: sqlite3.Connection, table: str, id: str, now: float) -> bool:
    """Mark a row as dismissed; when it was first counts."""
    done = db.execute(
        f"UPDATE {table} SET dismissed = coalesce(dismissed, ?) WHERE id = ?", (now, id)
    )
    return bool(done.rowcount)


# -- abstractions


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
    marks = ",".join("?" * len(keys))
    rows = db.execute(
        f"{_ABSTRACTION}a.key IN (SELECT abstraction FROM abstracted WHERE pattern IN ({marks}))",
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
        values = (
            found.level,
            found.title,
            found.statement,
            found.model,
            found.prompt,
            msgspec.json.encode(found.scores).decode(),
            found.basis,
            now,
        )
        key = found.key
        if key is None:
            key = db.execute(
                "INSERT INTO abstractions (id, project, level, title, statement, model, prompt,"
                " scores, basis, made) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (found.id, found.project, *values),
            ).lastrowid
        else:
            db.execute(
                "UPDATE abstractions SET level = ?, title = ?, statement = ?, model = ?,"
                " prompt = ?, scores = ?, basis = ?, made = ? WHERE key = ?",
                (*values, key),
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
    terms, values = ["a.statement != ''"], list[object]()
    if project is not None:
        terms.append("a.project = ?")
        values.append(project)
    if ids:
        terms.append(f"a.id IN ({','.join('?' * len(ids))})")
        values += ids
    if not dismissed:
        terms.append("a.dismissed IS NULL")
    rows = db.execute(
        f"{_ABSTRACTION}{' AND '.join(terms)} ORDER BY a.made DESC, a.key DESC", values
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
    marks = ",".join("?" * len(of))
    named = db.execute(f"SELECT id FROM patterns WHERE key IN ({marks}) ORDER BY key", of)
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


def _blob(vector: Vector) -> bytes:
    return vector.astype(np.float32).tobytes()
