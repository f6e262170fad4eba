"""What mcp-memory-service keeps in SQLite: memories by the hash of their words, and a graph."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

from mnemo.memory.salience import clamp
from mnemo.store.exchange import ImportedLink
from mnemo.transfer.systems.records import (
    Bad,
    Foreign,
    Record,
    columns,
    moment,
    relation,
    rows,
    type_of,
    words,
)

NAME = "mcp-memory-service"

TABLES = ("memories", "memory_graph")

_PROJECT = "project:"
"""How a tag begins that names a project."""


def is_it(db: sqlite3.Connection) -> bool:
    """Whether this is such a database."""
    return {"content_hash", "memory_type", "tags"} <= columns(db, "memories")


def records(db: sqlite3.Connection) -> Iterator[Record]:
    """All that it holds."""
    for row in rows(db, "memories"):
        try:
            yield _memory(row)
        except (ValueError, TypeError) as error:
            yield Bad(f"memories {str(row.get('content_hash'))[:80]}", str(error))
    for row in rows(db, "memory_graph"):
        word = row.get("relationship_type") or ""
        yield ImportedLink(_key(row["source_hash"]), _key(row["target_hash"]), relation(word))


def _memory(row: dict[str, Any]) -> Foreign:
    details = _details(row.get("metadata"))
    tags = words(row.get("tags"))
    named = [tag.removeprefix(_PROJECT) for tag in tags if tag.startswith(_PROJECT)]
    deleted = row.get("deleted_at")
    quality = details.get("quality_score")
    created = moment(row.get("created_at") or row.get("created_at_iso"))
    return Foreign(
        key=_key(row.get("content_hash")),
        text=row.get("content") or "",
        created=created,
        type=type_of(row.get("memory_type")),
        source=NAME,
        project=str(details.get("project") or (named[0] if named else "")),
        session=str(details.get("session_id") or ""),
        salience=clamp(float(quality)) if isinstance(quality, int | float) else None,
        archived=moment(deleted) if deleted else None,
        concepts=tags,
    )


def _details(value: object) -> dict[str, Any]:
    try:
        found = json.loads(str(value or "{}"))
    except (ValueError, RecursionError):
        raise ValueError("its metadata is no JSON") from None
    return found if isinstance(found, dict) else {}


def _key(content_hash: object) -> str:
    return f"{NAME}:{content_hash}"
