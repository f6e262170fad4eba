"""What claude-mem keeps in SQLite: observations, summaries of sessions, and the user's prompts."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from mnemo.store.exchange import ImportedLink
from mnemo.transfer.systems.records import (
    Bad,
    Foreign,
    Record,
    columns,
    index,
    moment,
    paragraphs,
    rows,
    type_of,
    words,
)

NAME = "claude-mem"

TABLES = ("observations", "session_summaries", "user_prompts")

_SUMMARY = (
    ("request", "Request"),
    ("investigated", "Investigated"),
    ("learned", "Learned"),
    ("completed", "Completed"),
    ("next_steps", "Next steps"),
    ("notes", "Notes"),
)


def is_it(db: sqlite3.Connection) -> bool:
    """Whether this is such a database."""
    return bool(columns(db, "sdk_sessions")) and "narrative" in columns(db, "observations")


def records(db: sqlite3.Connection) -> Iterator[Record]:
    """All that it holds."""
    sessions = index(db, "sdk_sessions", "content_session_id")
    for row in rows(db, "observations"):
        yield _checked("observations", row, _observation)
    summaries = defaultdict(list)
    for row in rows(db, "session_summaries"):
        summaries[row.get("memory_session_id")].append(_key("session_summaries", row))
        yield _checked("session_summaries", row, _summary)
    for row in rows(db, "user_prompts"):
        yield _checked("user_prompts", row, partial(_prompt, sessions))
    for row in rows(db, "observations"):
        for summary in summaries[row.get("memory_session_id")]:
            yield ImportedLink(_key("observations", row), summary, "part_of")


def _checked(table: str, row: dict[str, Any], made: Any) -> Record:
    try:
        record: Record = made(row)
    except (ValueError, TypeError) as error:
        return Bad(f"{table} {row.get('id')}", str(error))
    return record


def _observation(row: dict[str, Any]) -> Foreign:
    facts = "\n".join(f"- {fact}" for fact in _sentences(row.get("facts")))
    return Foreign(
        key=_key("observations", row),
        text=paragraphs(
            row.get("title"), row.get("subtitle"), row.get("text"), row.get("narrative"), facts
        ),
        created=_when(row),
        type=type_of(row.get("type")),
        source=NAME,
        project=row.get("merged_into_project") or row.get("project") or "",
        session=row.get("memory_session_id") or "",
        concepts=words(row.get("concepts"))
        + words(row.get("files_read"))
        + words(row.get("files_modified")),
    )


def _summary(row: dict[str, Any]) -> Foreign:
    said = (f"{title}: {row[name]}" for name, title in _SUMMARY if row.get(name))
    return Foreign(
        key=_key("session_summaries", row),
        text=paragraphs(*said),
        created=_when(row),
        type="handoff",
        source=NAME,
        project=row.get("merged_into_project") or row.get("project") or "",
        session=row.get("memory_session_id") or "",
    )


def _prompt(sessions: dict[Any, Any], row: dict[str, Any]) -> Foreign:
    session = sessions.get(row.get("content_session_id"), {})
    return Foreign(
        key=_key("user_prompts", row),
        text=row.get("prompt_text") or "",
        created=_when(row),
        source=f"{NAME} prompt",
        project=session.get("project") or "",
        session=session.get("memory_session_id") or row.get("content_session_id") or "",
    )


def _sentences(value: object) -> tuple[str, ...]:
    """The sentences of a list, whole."""
    if not isinstance(value, str) or not value.strip():
        return ()
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return (value,)
    return tuple(map(str, found)) if isinstance(found, list) else (value,)


def _when(row: dict[str, Any]) -> float:
    return moment(row.get("created_at_epoch") or row.get("created_at"))


def _key(table: str, row: dict[str, Any]) -> str:
    return f"{NAME}:{table}:{row.get('id')}"
