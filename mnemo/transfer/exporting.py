"""Writing everything that is kept, or all of a project, into files."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from attrs import define, frozen

from mnemo.memory.memories import Memories
from mnemo.memory.moments import iso
from mnemo.store.exchange import KINDS, Kind, Line, MemoryLine, Page, Place
from mnemo.store.records import Link, Memory, Version
from mnemo.transfer import lines, mirror
from mnemo.transfer.names import check_name, name_of, slug
from mnemo.transfer.thread import InThread, Told

Form = Literal["jsonl", "markdown"]

AT_ONCE = 200
"""How many lines are read by one look into the store."""

EXPORTS = "exports"
"""The folder in a home into which exports are written."""


class CannotExport(Exception):
    """The export cannot be written. Its text is one line for the user."""


@frozen
class Exported:
    """
    What was written.

    @ivar path: the file, or the folder of a mirror
    @ivar lines: how many lines of JSON, or files
    """

    path: Path
    memories: int
    lines: int


@define(eq=False)
class Exporting:
    """
    Writes exports below one folder and nowhere else. One that is broken off leaves nothing.

    @ivar home: where the folder L{EXPORTS} lies, made where it is missing
    """

    _memories: Memories
    home: Path
    _in_thread: InThread

    async def export(self, project: str | None, form: Form, name: str, told: Told) -> Exported:
        """
        Write an export.

        @param project: C{None} for everything
        @param name: what it is called; C{""} for the project and the time
        @raise mnemo.transfer.names.BadName: the name leads elsewhere
        @raise CannotExport: there is one of that name, or the disk refuses
        """
        now = self._memories.clock.seconds()
        stamp = iso(now).replace(":", "").replace("-", "")
        called = check_name(name or f"{slug(project or '') or 'all'}-{stamp}")
        target = self.home / EXPORTS / (called + (".jsonl" if form == "jsonl" else ""))
        draft = target.with_name(f".{target.name}.part")
        try:
            await self._in_thread(partial(_prepare, self.home / EXPORTS, target, draft))
            write = self._lines if form == "jsonl" else self._mirror
            done, memories = await write(draft, project, told)
            await self._in_thread(partial(os.replace, draft, target))
        except BaseException as error:
            # Who is cancelled has no time to wait for it.
            self._in_thread(partial(_remove, draft))
            if isinstance(error, OSError):
                raise CannotExport(f"{target} cannot be written: {error.strerror}") from error
            raise
        return Exported(target, memories, done)

    async def holding(self, ids: Collection[str]) -> list[Path]:
        """The files of earlier exports that hold one of these memories."""
        return await self._in_thread(partial(_holding, self.home / EXPORTS, frozenset(ids)))

    async def _lines(self, draft: Path, project: str | None, told: Told) -> tuple[int, int]:
        exchange = self._memories.store.exchange
        total = await exchange.count(project)
        await self._in_thread(partial(_append, draft, [lines.header(project)]))
        done = memories = 0
        for kind in KINDS:
            after: Place | None = None
            while True:
                page: Page = await exchange.page(kind, project, after, AT_ONCE)
                await self._in_thread(partial(_append_lines, draft, kind, page.lines))
                done += len(page.lines)
                memories += len(page.lines) if kind == "memory" else 0
                told(done, max(total, done + 1), f"{done:,} lines written")
                after = page.after
                if after is None:
                    break
        return done, memories

    async def _mirror(self, draft: Path, project: str | None, told: Told) -> tuple[int, int]:
        done = 0
        total = await self._memories.store.exchange.count(project)
        await self._in_thread(partial(draft.mkdir, mode=0o700))
        async for batch in self._batches(project):
            pages = await self._pages(batch)
            await self._in_thread(partial(_write_all, draft, pages))
            done += len(pages)
            told(done, max(total, done + 1), f"{done:,} memories written")
        return done, done

    async def _batches(self, project: str | None) -> AsyncIterator[list[Memory]]:
        store = self._memories.store
        after: Place | None = None
        while True:
            page = await store.exchange.page("memory", project, after, AT_ONCE)
            ids = [line.id for line in page.lines if isinstance(line, MemoryLine)]
            yield await store.get(ids)
            after = page.after
            if after is None:
                return

    async def _pages(self, batch: Sequence[Memory]) -> list[Callable[[], tuple[str, str]]]:
        """What makes the name and the text of the file of each of some memories."""
        store = self._memories.store
        now = self._memories.clock.seconds()
        links = await store.links([memory.id for memory in batch])
        others = {link.id for each in links.values() for link in each}
        names = {memory.id: name_of(memory) for memory in await store.get(sorted(others))}
        pages: list[Callable[[], tuple[str, str]]] = []
        for memory in batch:
            earlier = await store.versions(memory.id) if memory.version > 1 else []
            pages.append(partial(_page, memory, now, earlier, links.get(memory.id, ()), names))
        return pages


_BLOCK = 1 << 16
"""Bytes of an export that are looked at in one go: other threads need not wait longer."""

_ids_in = re.compile(rb'"id":"([^"]{1,200})"').finditer
_OVERLAP = 256


# -- on a thread


def _prepare(root: Path, target: Path, draft: Path) -> None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise CannotExport(f"{target} leads out of {root}")
    if target.exists() or target.is_symlink():
        raise CannotExport(f"{target} is there already; name it otherwise")
    _remove(draft)


def _append(path: Path, written: Sequence[bytes]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with open(handle, "ab") as file:
        file.writelines(written)


def _append_lines(path: Path, kind: Kind, page: Sequence[Line]) -> None:
    _append(path, [lines.written(kind, line) for line in page])


def _page(
    memory: Memory,
    now: float,
    earlier: Sequence[Version],
    links: Sequence[Link],
    names: Mapping[str, str],
) -> tuple[str, str]:
    return name_of(memory), mirror.page(memory, now, earlier, links, names)


def _write_all(root: Path, pages: Sequence[Callable[[], tuple[str, str]]]) -> None:
    for made in pages:
        name, text = made()
        path = root / f"{name}.md"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _holding(root: Path, ids: frozenset[str]) -> list[Path]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    encoded = frozenset(each.encode() for each in ids)
    return [path for path in files if _named(path, ids) or _has_one(path, encoded)]


def _named(path: Path, ids: frozenset[str]) -> bool:
    """Whether the page of a mirror is of one of them."""
    return path.suffix == ".md" and path.stem.rpartition("-")[2] in ids


def _has_one(path: Path, ids: frozenset[bytes]) -> bool:
    if path.suffix != ".jsonl":
        return False
    with path.open("rb") as file:
        before = b""
        while block := file.read(_BLOCK):
            if any(found[1] in ids for found in _ids_in(before + block)):
                return True
            before = block[-_OVERLAP:]
    return False


def _remove(draft: Path) -> None:
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft)
    else:
        draft.unlink(missing_ok=True)
