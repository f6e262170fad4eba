"""Which system a file or folder comes from, by its own shape, and what there is in it."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, get_args

from attrs import frozen

from mnemo.transfer import lines
from mnemo.transfer.systems import (
    basic_memory,
    claude_mem,
    knowledge_graph,
    mem0,
    memory_service,
    mnemonic,
)
from mnemo.transfer.systems.records import Bad, Record, Unreadable, count, open_database

System = Literal[
    "mnemo",
    "mnemonic",
    "claude-mem",
    "mcp-memory-service",
    "basic-memory",
    "memory-server",
    "mem0",
]
"""What can be imported. C{memory-server} is the reference server of the protocol."""

SYSTEMS: Final[tuple[str, ...]] = get_args(System)

_SQLITE = b"SQLite format 3\0"

_LONGEST_JSON = 1 << 30

_LONGEST_FIRST = 1 << 24
"""Bytes of a line that says what follows it. What has no line ends is not read to find one."""


@frozen
class Found:
    """
    What there is to import.

    @ivar total: how many records, more or less
    @ivar records: read as they are asked for; mnemo's own lines are read otherwise
    """

    system: System
    total: int
    records: Iterator[Record | lines.Numbered]


def find(path: Path, expected: System | None) -> Found:
    """
    Look at what is there. Takes long: call it on a thread, like the records.

    @param expected: the system that it is from, if that is known
    @raise Unreadable: it is from none, or from another than was expected
    """
    try:
        found = _find(path)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    if found is None:
        raise Unreadable(f"{path} is from no system that is known: {', '.join(SYSTEMS)}")
    if expected is not None and found.system != expected:
        raise Unreadable(f"{path} is from {found.system}, not from {expected}")
    return found


def _find(path: Path) -> Found | None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        total = len(basic_memory.files(path))
        return Found("basic-memory", total, basic_memory.records(path)) if total else None
    # A device may have no end, and a pipe no beginning.
    if not stat.S_ISREG(mode):
        raise Unreadable(f"{path} is neither a file nor a folder")
    with path.open("rb") as file:
        head = file.read(len(_SQLITE))
    return _database(path) if head == _SQLITE else _text(path)


def _database(path: Path) -> Found | None:
    db = open_database(path)
    try:
        for module in (mnemonic, claude_mem, memory_service):
            if module.is_it(db):
                system: System = module.NAME
                return Found(system, count(db, module.TABLES), _read(db, module.records(db)))
        if mem0.is_it(db):
            return Found("mem0", count(db, mem0.TABLES), _read(db, mem0.histories(db)))
    except sqlite3.Error as error:
        db.close()
        raise Unreadable(f"{path} is a damaged database: {error}") from None
    db.close()
    return None


def _read(db: sqlite3.Connection, records: Iterator[Record]) -> Iterator[Record]:
    """Records to their end, or to where the file is damaged."""
    try:
        yield from records
    except sqlite3.Error as error:
        yield Bad("the database", f"what follows cannot be read: {error}")
    finally:
        db.close()


def _text(path: Path) -> Found | None:
    first = _first_line(path)
    if lines.is_header(first):
        return Found("mnemo", _count_lines(path), lines.read(path))
    if knowledge_graph.is_it(first):
        written = path.stat().st_mtime
        opened = knowledge_graph.records(_lines(path), written)
        return Found("memory-server", _count_lines(path), opened)
    if path.stat().st_size > _LONGEST_JSON or not _may_be_json(path):
        return None
    try:
        listed = mem0.listed(json.loads(path.read_bytes()))
    except (ValueError, RecursionError):
        return None
    return None if listed is None else Found("mem0", len(listed), mem0.records(listed))


def _first_line(path: Path) -> object:
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_FIRST):
            if line.strip():
                try:
                    return json.loads(line.decode(errors="replace"))
                except (ValueError, RecursionError):
                    return None
    return None


def _may_be_json(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1_024).removeprefix(b"\xef\xbb\xbf")
    return head.lstrip()[:1] in (b"[", b"{")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        yield from file


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
