"""What mem0 gives: the JSON of C{get_all}, or the SQLite file of its history."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any

from mnemo.store.records import Version
from mnemo.transfer.systems.records import Bad, Foreign, Record, columns, moment, words

NAME = "mem0"

TABLES = ("history",)


def listed(found: object) -> list[Any] | None:
    """The memories of an export, or C{None} where it is none."""
    if isinstance(found, dict):
        found = found.get("results", found.get("memories"))
    if not isinstance(found, list):
        return None
    return found if all(isinstance(each, dict) and "memory" in each for each in found[:1]) else None


def records(found: Iterable[Any]) -> Iterator[Record]:
    """The memories of an export."""
    for number, each in enumerate(found, 1):
        try:
            yield _memory(each)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            yield Bad(f"memory {number}", said)


def is_it(db: sqlite3.Connection) -> bool:
    """Whether this is the database of its history."""
    return {"memory_id", "old_memory", "new_memory", "event"} <= columns(db, "history")


def histories(db: sqlite3.Connection) -> Iterator[Record]:
    """The memories that a history tells of, with the texts they had before."""
    found = db.execute("SELECT * FROM history ORDER BY memory_id, rowid")
    for known, events in groupby(map(dict, found), lambda row: row["memory_id"]):
        try:
            yield _history(str(known), list(events))
        except (ValueError, TypeError) as error:
            yield Bad(f"history of {str(known)[:80]}", str(error))


def _memory(each: dict[str, Any]) -> Foreign:
    details = each.get("metadata") or {}
    created = moment(each["created_at"])
    updated = moment(each.get("updated_at") or created)
    return Foreign(
        key=_key(each["id"]),
        text=str(each["memory"] or ""),
        created=created,
        source=NAME,
        project=str(details.get("project") or ""),
        session=str(each.get("run_id") or ""),
        updated=max(created, updated),
        concepts=words(each.get("categories") or [])
        + words([each[name] for name in ("user_id", "agent_id") if each.get(name)]),
    )


def _history(id: str, events: list[dict[str, Any]]) -> Foreign:
    # It writes the time of creation into every event, and that of a change beside it.
    events.sort(key=lambda each: moment(each.get("updated_at") or each.get("created_at")))
    texts: list[tuple[float, str]] = []
    archived = None
    for each in events:
        at = moment(each.get("updated_at") or each.get("created_at"))
        if str(each.get("event")).upper() == "DELETE" or each.get("is_deleted"):
            archived = at
            if not texts:
                texts.append((at, str(each.get("old_memory") or "")))
        elif each.get("new_memory"):
            texts.append((at, str(each["new_memory"])))
            archived = None
    if not texts:
        raise ValueError("no event tells its text")
    earlier = tuple(
        Version(number, text, since, until)
        for number, ((since, text), (until, _)) in enumerate(pairwise(texts), 1)
    )
    created = min(moment(events[0].get("created_at") or texts[0][0]), texts[0][0])
    updated, text = texts[-1]
    return Foreign(
        _key(id),
        text,
        created,
        source=NAME,
        updated=updated if earlier else created,
        archived=archived,
        earlier=earlier,
    )


def _key(id: object) -> str:
    return f"{NAME}:{id}"
