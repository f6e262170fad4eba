"""Everything that is kept, as lines that another store can take in."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec.json
from attrs import define, evolve, field, frozen

from mnemo.store.exchange import (
    Absence,
    CarriedIn,
    CoachingLine,
    ExclusionLine,
    FileLine,
    GistLine,
    Judged,
    Kind,
    Line,
    LinkLine,
    MemoryLine,
    Page,
    Place,
)
from mnemo.store.records import NewMemory, QueryRow
from mnemo.store.sessions import SessionRow
from mnemo.store.sqlite import jobs, memories, recalls, sessions, sources
from mnemo.store.sqlite.memories import Noted

_strings = msgspec.json.Decoder(tuple[str, ...]).decode


@frozen
class _Source:
    """
    How the lines of one kind are read.

    @ivar select: the keys, then whatever C{line} needs; C{:project} is the project or C{NULL}
    @ivar keys: how many of the columns are the key, in whose order the rows are
    @ivar first: a key before every other
    """

    select: str
    keys: tuple[str, ...]
    first: Place
    line: Callable[[sqlite3.Connection, Sequence[Any]], Line]


def page(
    db: sqlite3.Connection, kind: Kind, project: str | None, after: Place | None, limit: int
) -> Page:
    """Some lines of a kind."""
    source = _SOURCES[kind]
    keys = ", ".join(source.keys)
    start = after or source.first
    marks = ", ".join(f":after{number}" for number in range(len(start)))
    rows = db.execute(
        f"SELECT {keys}, {source.select} AND ({keys}) > ({marks}) ORDER BY {keys} LIMIT :limit",
        {
            "project": project,
            "limit": limit,
            **{f"after{number}": each for number, each in enumerate(start)},
        },
    ).fetchall()
    lines = tuple(source.line(db, row[len(source.keys) :]) for row in rows)
    last = tuple(rows[-1][: len(source.keys)]) if len(rows) == limit else None
    return Page(lines, last)


def count(db: sqlite3.Connection, project: str | None) -> int:
    """How many lines there are."""
    total = 0
    for source in _SOURCES.values():
        rest = source.select.partition(" FROM ")[2]
        (some,) = db.execute(f"SELECT count(*) FROM {rest}", {"project": project}).fetchone()
        total += some
    return total


# -- out


def _whole(make: Callable[..., Line]) -> Callable[[sqlite3.Connection, Sequence[Any]], Line]:
    """For lines that are their rows."""
    return lambda db, row: make(*row)


def _session(db: sqlite3.Connection, row: Sequence[Any]) -> Line:
    found = sessions.session(db, row[0])
    assert found is not None
    return found


def _memory(db: sqlite3.Connection, row: Sequence[Any]) -> Line:
    key, of, *fields, archived, concepts = row
    absent = db.execute("SELECT since, until FROM absences WHERE memory = ? ORDER BY rowid", (key,))
    judged = db.execute(
        "SELECT query, quality, at FROM feedback WHERE memory = ? ORDER BY query", (key,)
    )
    imported = db.execute("SELECT key FROM imports WHERE memory = ? ORDER BY key", (key,))
    values = [
        of,
        *fields,
        archived,
        _strings(concepts),
        tuple(memories.versions(db, of)),
        tuple(Absence(*each) for each in absent),
        tuple(Judged(*each) for each in judged),
        tuple(each for (each,) in imported),
    ]
    return MemoryLine(*values)


def _gist(db: sqlite3.Connection, row: Sequence[Any]) -> Line:
    memory, gist, dropped = row
    return GistLine(memory, gist, bool(dropped))


def _query(db: sqlite3.Connection, row: Sequence[Any]) -> Line:
    found = recalls.query(db, row[0])
    assert found is not None
    return found


def _file(db: sqlite3.Connection, row: Sequence[Any]) -> Line:
    values = [*row, tuple(sources.chunks(db, *row[:2]))]
    return FileLine(*values)


_SOURCES: Mapping[Kind, _Source] = {
    "exclusion": _Source(
        "pattern, added FROM exclusions WHERE :project IS NULL",
        ("pattern",),
        ("",),
        _whole(ExclusionLine),
    ),
    "session": _Source(
        "id FROM sessions WHERE (:project IS NULL OR project = :project"
        " OR id IN (SELECT session FROM memories WHERE project = :project))",
        ("id",),
        ("",),
        _session,
    ),
    "memory": _Source(
        "key, id, version, text, type, source, project, session, salience, fades, created,"
        " updated, archived, concepts FROM memories"
        " WHERE (:project IS NULL OR project = :project)",
        ("key",),
        (0,),
        _memory,
    ),
    "link": _Source(
        "s.id, t.id, l.relation FROM links l JOIN memories s ON s.key = l.source"
        " JOIN memories t ON t.key = l.target WHERE (:project IS NULL"
        " OR s.project = :project AND t.project = :project)",
        ("l.source", "l.target", "l.relation"),
        (0, 0, ""),
        _whole(LinkLine),
    ),
    "gist": _Source(
        "m.id, g.id, dropped FROM gists JOIN memories m ON m.key = memory"
        " JOIN memories g ON g.key = gist WHERE (:project IS NULL"
        " OR m.project = :project AND g.project = :project)",
        ("memory", "gist"),
        (0, 0),
        _gist,
    ),
    "query": _Source(
        "id FROM queries WHERE (:project IS NULL OR project = :project)", ("number",), (0,), _query
    ),
    "file": _Source(
        "project, path, hash, taken FROM files WHERE (:project IS NULL OR project = :project)",
        ("project", "path"),
        ("", ""),
        _file,
    ),
    "coaching": _Source(
        "value FROM state WHERE name = 'coaching' AND value != '' AND :project IS NULL",
        ("name",),
        ("",),
        _whole(CoachingLine),
    ),
}


# -- in


@define
class _Taken:
    """What came of the lines so far: the keys of new memories, new links, and what is wrong."""

    keys: list[int] = field(factory=list)
    links: int = 0
    problems: dict[int, str] = field(factory=dict)


def carry_in(db: sqlite3.Connection, lines: Sequence[Line]) -> tuple[list[Noted], CarriedIn]:
    """Keep what is new among lines. Answers the new memories too."""
    taken = _Taken()
    for position, line in enumerate(lines):
        _take(db, line, position, taken)
    notes = [sources.noted(db, key) for key in taken.keys]
    made = tuple(each.memory for each in notes)
    return notes, CarriedIn(made, taken.links, taken.problems)


def _take(db: sqlite3.Connection, line: Line, position: int, taken: _Taken) -> None:
    match line:
        case ExclusionLine(pattern, added):
            sources.exclude(db, pattern, added)
        case SessionRow():
            if sessions.session(db, line.id) is None:
                sessions.save(db, line)
        case MemoryLine():
            if not memories.get(db, [line.id]):
                taken.keys.append(_take_memory(db, line))
        case QueryRow():
            if recalls.query(db, line.id) is None:
                recalls.record(db, [line])
        case LinkLine():
            _take_link(db, line, position, taken)
        case GistLine():
            _take_gist(db, line)
        case CoachingLine(document):
            if not jobs.coaching(db):
                jobs.use_coaching(db, document)
        case FileLine():
            _take_file(db, line)


def _take_memory(db: sqlite3.Connection, line: MemoryLine) -> int:
    new = NewMemory(
        id=line.id,
        text=line.text,
        type=line.type,
        source=line.source,
        project=line.project,
        session=line.session,
        salience=line.salience,
        fades=line.fades,
        created=line.created,
        concepts=line.concepts,
    )
    ordered = sorted(line.versions, key=lambda each: each.version)
    past = [evolve(each, version=number) for number, each in enumerate(ordered, 1)]
    key = sources.insert(db, new, line.updated, line.archived, past)
    db.executemany(
        "INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?)",
        ((each.query, key, each.quality, each.at) for each in line.feedback),
    )
    # The table has noted by itself that it was forgotten, and knows nothing of earlier times.
    db.execute("DELETE FROM absences WHERE memory = ?", (key,))
    db.executemany(
        "INSERT INTO absences VALUES (?, ?, ?)",
        ((key, each.since, each.until) for each in line.absences),
    )
    for import_key in line.import_keys:
        sources.remember_key(db, import_key, key)
    return key


def _take_link(db: sqlite3.Connection, line: LinkLine, position: int, taken: _Taken) -> None:
    ends = _keys(db, line.source, line.target)
    if not ends.keys() >= {line.source, line.target}:
        taken.problems[position] = f"it links {line.source} and {line.target}; one is not there"
        return
    made = db.execute(
        "INSERT OR IGNORE INTO links VALUES (?, ?, ?)",
        (ends[line.source], ends[line.target], line.relation),
    )
    taken.links += made.rowcount


def _take_gist(db: sqlite3.Connection, line: GistLine) -> None:
    keys = _keys(db, line.memory, line.gist)
    if keys.keys() >= {line.memory, line.gist}:
        pair = (keys[line.memory], keys[line.gist], line.dropped)
        db.execute("INSERT OR IGNORE INTO gists VALUES (?, ?, ?)", pair)


def _take_file(db: sqlite3.Connection, line: FileLine) -> None:
    made = db.execute(
        "INSERT OR IGNORE INTO files (project, path, hash, taken) VALUES (?, ?, ?, ?)",
        (line.project, line.path, line.hash, line.taken),
    )
    if not made.rowcount:
        return
    keys = _keys(db, *(each.id for each in line.chunks))
    db.executemany(
        "INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?)",
        (
            (keys[each.id], made.lastrowid, position, each.hash)
            for position, each in enumerate(line.chunks)
            if each.id in keys
        ),
    )


def _keys(db: sqlite3.Connection, *ids: str) -> dict[str, int]:
    return {each.id: each.key for each in memories.get(db, ids)}
