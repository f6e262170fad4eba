"""
What mnemonic keeps in SQLite.

C{memories} hold a paraphrase, C{raw_memories} the words: of a memory that was never amended the
words are taken. Episodes, patterns and abstractions come as memories of their own, linked to
those they were made of. Recalls come with how they were judged. Vectors are made again.
"""

import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any, get_args

from mnemo.memory.salience import clamp
from mnemo.store.exchange import ImportedLink
from mnemo.store.records import Relation, Version
from mnemo.transfer.systems.records import (
    Asked,
    Bad,
    Foreign,
    Quality,
    Record,
    columns,
    index,
    moment,
    paragraphs,
    relation,
    rows,
    type_of,
    words,
)

NAME = "mnemonic"

TABLES = (
    "memories",
    "raw_memories",
    "episodes",
    "patterns",
    "abstractions",
    "associations",
    "retrieval_feedback",
)

_DERIVED: tuple[tuple[str, str, str, Relation], ...] = (
    ("episodes", "memory_ids", "summary", "part_of"),
    ("patterns", "evidence_ids", "description", "reinforces"),
    ("abstractions", "source_memory_ids", "description", "reinforces"),
)
"""Tables of what was made of memories, where their ids and the words stand, and the relation."""


def is_it(db: sqlite3.Connection) -> bool:
    """Whether this is such a database."""
    return "raw_id" in columns(db, "memories") and bool(columns(db, "raw_memories"))


def records(db: sqlite3.Connection) -> Iterator[Record]:
    """All that it holds."""
    raws = index(db, "raw_memories", "id")
    amended: dict[Any, list[dict[str, Any]]] = {}
    for row in rows(db, "memory_amendments"):
        amended.setdefault(row.get("memory_id"), []).append(row)
    concepts = index(db, "concept_sets", "memory_id")
    used = set()
    for row in rows(db, "memories"):
        used.add(row.get("raw_id"))
        raw = raws.get(row.get("raw_id"), {})
        yield _checked("memories", row, partial(_memory, row, raw, amended, concepts))
    for row in raws.values():
        if row["id"] not in used:
            yield _checked("raw_memories", row, partial(_raw, row))
    for table, ids, text, how in _DERIVED:
        for row in rows(db, table):
            yield _checked(table, row, partial(_derived, table, row, text))
            yield from _links(table, row, ids, how)
    for row in rows(db, "retrieval_feedback"):
        yield _checked("retrieval_feedback", row, partial(_asked, row))
    for row in rows(db, "associations"):
        yield ImportedLink(
            _key("memories", row.get("source_id")),
            _key("memories", row.get("target_id")),
            relation(row.get("relation_type")),
        )


def _checked(table: str, row: dict[str, Any], made: Any) -> Record:
    try:
        record: Record = made()
    except (ValueError, TypeError, KeyError) as error:
        return Bad(f"{table} {str(row.get('id') or row.get('query_id'))[:80]}", str(error))
    return record


def _memory(
    row: dict[str, Any],
    raw: dict[str, Any],
    amended: dict[Any, list[dict[str, Any]]],
    concepts: dict[Any, Any],
) -> Foreign:
    created = moment(row.get("timestamp") or row.get("created_at"))
    updated = moment(row.get("updated_at") or created)
    original, current = raw.get("content") or "", row.get("content") or ""
    changes = amended.get(row["id"], [])
    earlier: tuple[Version, ...] = ()
    if changes:
        text, earlier = current, _earlier(original, current, changes, created, updated)
    else:
        text, updated = original or current, created
    sets = concepts.get(row["id"], {})
    topics = words(sets.get("topics")) + words(sets.get("entities"))
    is_archived = row.get("state") in ("archived", "merged")
    return Foreign(
        key=_key("memories", row["id"]),
        text=text,
        created=created,
        type=type_of(row.get("type") or raw.get("type")),
        source=row.get("source") or raw.get("source") or NAME,
        project=row.get("project") or raw.get("project") or "",
        session=row.get("session_id") or raw.get("session_id") or "",
        salience=clamp(float(row.get("salience") or 0.0)),
        updated=updated,
        archived=moment(row.get("updated_at") or created) if is_archived else None,
        concepts=tuple(dict.fromkeys(words(row.get("concepts")) + topics)),
        earlier=earlier,
    )


def _earlier(
    original: str,
    current: str,
    changes: list[dict[str, Any]],
    created: float,
    updated: float,
) -> tuple[Version, ...]:
    """The words that a memory had, from the first to those before the last change."""
    changes = sorted(changes, key=lambda each: moment(each.get("created_at") or updated))
    said = [(created, original or changes[0].get("old_content") or "")]
    for change, following in pairwise(changes):
        # What one change made is what the next one found.
        text = change.get("new_content") or following.get("old_content") or ""
        said.append((moment(change.get("created_at") or updated), text))
    said.append((updated, current))
    kept = [
        each
        for number, each in enumerate(said)
        if each[1].strip() and (not number or each[1] != said[number - 1][1])
    ]
    return tuple(
        Version(number, text, since, until)
        for number, ((since, text), (until, _)) in enumerate(pairwise(kept), 1)
    )


def _raw(row: dict[str, Any]) -> Foreign:
    """Words of which no memory was ever made."""
    return Foreign(
        key=_key("raw_memories", row["id"]),
        text=row.get("content") or "",
        created=moment(row.get("timestamp") or row.get("created_at")),
        type=type_of(row.get("type")),
        source=row.get("source") or NAME,
        project=row.get("project") or "",
        session=row.get("session_id") or "",
        salience=clamp(float(row.get("initial_salience") or 0.0)),
    )


def _derived(table: str, row: dict[str, Any], text: str) -> Foreign:
    when = row.get("start") or row.get("start_time") or row.get("created_at")
    is_archived = row.get("state") == "archived"
    created = moment(when)
    return Foreign(
        key=_key(table, row["id"]),
        text=paragraphs(row.get("title"), row.get(text), row.get("narrative")),
        created=created,
        type="general" if table == "episodes" else "insight",
        source=f"{NAME} {table.removesuffix('s')}",
        project=row.get("project") or "",
        archived=created if is_archived else None,
        concepts=words(row.get("concepts")),
    )


def _asked(row: dict[str, Any]) -> Asked:
    found = words(row.get("retrieved_memory_ids"))
    quality = row.get("feedback")
    return Asked(
        key=_key("retrieval_feedback", row["query_id"]),
        text=row.get("query_text") or "",
        project="",
        at=moment(row.get("created_at")),
        returned=tuple(_key("memories", each) for each in found),
        quality=quality if quality in get_args(Quality) else None,
    )


def _links(table: str, row: dict[str, Any], ids: str, how: Relation) -> Iterator[ImportedLink]:
    try:
        members = words(row.get(ids))
    except ValueError:
        return
    for member in members:
        yield ImportedLink(_key("memories", member), _key(table, row.get("id")), how)


def _key(table: str, id: object) -> str:
    return f"{NAME}:{table}:{id}"
