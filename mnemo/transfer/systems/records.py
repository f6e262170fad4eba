"""What is read out of another system's store, and reading what such stores have in common."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from attrs import frozen

from mnemo.store.exchange import ImportedLink
from mnemo.store.records import Relation, Type, Version


@frozen
class Foreign:
    """
    A memory of another system.

    @ivar key: what it is known by for ever, beginning with the name of its system
    @ivar salience: 0 to 1, or C{None} for what its type begins with
    @ivar updated: when its text became what it is, or C{None} for C{created}
    @ivar archived: when it was forgotten, or C{None}
    @ivar earlier: the texts it had before, oldest first
    """

    key: str
    text: str
    created: float
    type: Type = "general"
    source: str = ""
    project: str = ""
    session: str = ""
    salience: float | None = None
    updated: float | None = None
    archived: float | None = None
    concepts: tuple[str, ...] = ()
    earlier: tuple[Version, ...] = ()


Quality = Literal["helpful", "partial", "irrelevant"]


@frozen
class Asked:
    """
    A recall of another system.

    @ivar key: what it is known by for ever
    @ivar returned: the keys of the memories that it found
    @ivar quality: how they were judged, or C{None}
    """

    key: str
    text: str
    project: str
    at: float
    returned: tuple[str, ...]
    quality: Quality | None


@frozen
class Bad:
    """A record that cannot be taken: where it stands, and why, in a few words."""

    where: str
    why: str


Record = Foreign | ImportedLink | Asked | Bad


class Unreadable(Exception):
    """There is nothing to import. Its text is one line for the user."""


class _Unfit(ValueError):
    """A value that cannot be read, in a few words."""


RELATIONS: Final[Mapping[str, Relation]] = {
    "similar": "similar",
    "caused_by": "caused_by",
    "causes": "caused_by",
    "part_of": "part_of",
    "contains": "part_of",
    "contradicts": "contradicts",
    "contrasts_with": "contradicts",
    "temporal": "temporal",
    "follows": "temporal",
    "reinforces": "reinforces",
    "supports": "reinforces",
}
"""What the words of other systems for a relation come to; any other is C{similar}."""

TYPES: Final[Mapping[str, Type]] = {
    "decision": "decision",
    "error": "error",
    "bug": "error",
    "bugfix": "error",
    "insight": "insight",
    "pattern": "insight",
    "principle": "insight",
    "learning": "learning",
    "discovery": "learning",
    "lesson": "learning",
    "handoff": "handoff",
}
"""Likewise for the type of a memory; any other is C{general}."""

_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})( .*)?$")
_FRACTION = re.compile(r"(\.\d{6})\d+")

_MILLISECONDS = 1e11
"""A larger number counts milliseconds: in seconds it would be the year 5138."""


def relation(word: object) -> Relation:
    """What a word for a relation comes to."""
    return RELATIONS.get(str(word).strip().lower(), "similar")


def type_of(word: object) -> Type:
    """What a word for a type comes to."""
    return TYPES.get(str(word).strip().lower(), "general")


def moment(value: object) -> float:
    """
    Seconds since the epoch: of a number of seconds or milliseconds, of RFC 3339, of a date and
    time without a zone, which is UTC, and of what Go prints.

    @raise ValueError: it is none of these
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < 1e15:
            raise _Unfit(f"{value!r} is no time")
        return float(value / 1000 if value > _MILLISECONDS else value)
    text = str(value or "").strip()
    if found := _GO_TIME.match(text):
        text = found[1] + found[2]
    try:
        read = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _Unfit(f"{text[:40]!r} is no time") from None


def words(value: object) -> tuple[str, ...]:
    """A list as such stores hold it: JSON, or separated by commas."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                raise _Unfit(f"{text[:40]!r} is no list") from None
        else:
            value = text.split(",")
    if not isinstance(value, list):
        return ()
    found = (" ".join(str(each).split())[:100] for each in value)
    return tuple(dict.fromkeys(each for each in found if each))


def paragraphs(*parts: object) -> str:
    """The parts that say something, below each other."""
    return "\n\n".join(str(part).strip() for part in parts if part and str(part).strip())


# -- SQLite


def open_database(path: Path) -> sqlite3.Connection:
    """
    A database, to be read only.

    @raise Unreadable: it is none
    """
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        # It is read page by page, on whatever thread is free: by one at a time.
        db = sqlite3.connect(address, uri=True, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise Unreadable(f"{path} is no database that can be read: {error}") from None
    return db


def columns(db: sqlite3.Connection, table: str) -> frozenset[str]:
    """The columns of a table; none where there is no such table."""
    return frozenset(row["name"] for row in db.execute(f"PRAGMA table_info({table})"))


def count(db: sqlite3.Connection, tables: Sequence[str]) -> int:
    """How many rows those of the tables have that there are."""
    total = 0
    for table in tables:
        if columns(db, table):
            total += db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return total


def rows(db: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, where it is there. A damaged one ends where it is damaged."""
    if columns(db, table):
        for row in db.execute(f"SELECT * FROM {table}"):
            yield dict(row)


def index(db: sqlite3.Connection, table: str, key: str) -> dict[Any, dict[str, Any]]:
    """The rows of a table by one of their columns."""
    return {row.get(key): row for row in rows(db, table)}
