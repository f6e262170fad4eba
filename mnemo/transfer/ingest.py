"""Reading the files of a folder into memory, again and again."""

import hashlib
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path, PurePosixPath

from attrs import define, field, frozen
from twisted.internet.defer import DeferredLock

from mnemo.memory.ids import MEMORY
from mnemo.memory.memories import Memories
from mnemo.memory.projects import place_of
from mnemo.memory.salience import INITIAL, fades
from mnemo.memory.secrets import find_secrets, without_private
from mnemo.store.exchange import FileRead, Piece
from mnemo.store.records import NewMemory
from mnemo.transfer.chunks import Part, of_pages, split
from mnemo.transfer.pdf import pages_of
from mnemo.transfer.thread import InThread, Told
from mnemo.transfer.walk import CannotRead, Exclusions, Skipped, Walked, read_inside, walk

SOURCE = "ingest"
"""The source of memories that come from files."""

LONGEST_TEXT = 512 << 10
"""Bytes of a text file that is read: what is longer is data, and takes too long to keep at once."""

LONGEST_PDF = 64 << 20

_HASH = 32
"""Hexadecimal digits of a hash that are kept: 128 bits."""


class NotAFolder(Exception):
    """There is nothing to read. Its text is one line for the user."""


@define
class Ingested:
    """
    What came of reading a folder.

    @ivar base: what the paths are relative to
    @ivar new: files read for the first time
    @ivar changed: files that were read before and are other now
    @ivar unchanged: files that are as they were
    @ivar gone: files that were read before and are not there, or not wanted, any more
    @ivar added: memories that were made
    @ivar amended: memories that have a new version
    @ivar forgotten: memories of what is not there any more
    """

    base: str
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    added: int = 0
    amended: int = 0
    forgotten: int = 0
    skipped: list[Skipped] = field(factory=list)


@frozen
class _Read:
    """A file and its parts, each with the hash of its words."""

    hash: str
    parts: tuple[tuple[str, Part], ...]


@frozen
class _Folder:
    """A folder and what it lies in: the paths of its files are relative to C{base}."""

    base: Path
    folder: Path


@define(eq=False)
class Ingesting:
    """
    Reads folders, one at a time. A file is kept whole or not at all, so that whatever is broken
    off goes on where it was when it is begun again.

    @ivar _home: mnemo's own folder, which is not read: exports hold what was forgotten since
    """

    _memories: Memories
    _home: Path
    _in_thread: InThread
    _lock: DeferredLock = field(factory=DeferredLock, init=False)

    async def ingest(self, folder: str, project: str, dry_run: bool, told: Told) -> Ingested:
        """
        Read what is new or has changed in a folder, and forget what is gone.

        @param told: told how many files are done, of how many, and which is next
        @raise NotAFolder: it is none
        """
        async with self._lock:
            return await self._ingest(folder, project, dry_run, told)

    async def _ingest(self, folder: str, project: str, dry_run: bool, told: Told) -> Ingested:
        exchange = self._memories.store.exchange
        excluded = Exclusions.of(each.pattern for each in await exchange.exclusions())
        place, walked = await self._in_thread(partial(_look, folder, excluded, self._home))
        known = await exchange.files(project, str(place.folder))
        result = Ingested(str(place.base), skipped=list(walked.skipped))
        seen: set[str] = set()
        for number, path in enumerate(walked.files):
            told(number, len(walked.files), path)
            whole = str(place.base / path)
            found = await self._in_thread(partial(_read, place.base, path))
            if isinstance(found, Skipped):
                result.skipped.append(found)
                continue
            seen.add(whole)
            await self._take(project, whole, path, found, known.get(whole), dry_run, result)
        for path in _gone(known, seen, place.base, result.skipped):
            result.gone += 1
            if not dry_run:
                await self._forget(project, path, result)
        return result

    async def _take(
        self,
        project: str,
        whole: str,
        path: str,
        found: _Read,
        known: str | None,
        dry_run: bool,
        result: Ingested,
    ) -> None:
        if known == found.hash:
            result.unchanged += 1
            return
        if known is None:
            result.new += 1
        else:
            result.changed += 1
        pieces = await self._pieces(project, whole, path, found.parts)
        added = sum(isinstance(piece.memory, NewMemory) for piece in pieces)
        if dry_run:
            result.added += added
            return
        now = self._memories.clock.seconds()
        changed = await self._memories.store.exchange.read(
            FileRead(project, whole, found.hash, now, tuple(pieces))
        )
        for memory in changed:
            if not memory.archived:
                self._memories.vectoriser.written()
        result.added += added
        result.amended += sum(piece.text is not None for piece in pieces)
        result.forgotten += len(changed) - added - sum(piece.text is not None for piece in pieces)
        self._memories.changes.changed(changed)

    async def _forget(self, project: str, path: str, result: Ingested) -> None:
        now = self._memories.clock.seconds()
        gone = await self._memories.store.exchange.gone(project, path, now)
        result.forgotten += len(gone)
        self._memories.changes.changed(gone)

    async def _pieces(
        self, project: str, whole: str, path: str, parts: Sequence[tuple[str, Part]]
    ) -> list[Piece]:
        """The parts of a file, each with the memory that had it before where there is one."""
        store = self._memories.store
        before = await store.exchange.chunks(project, whole)
        texts = {each.id: each.text for each in await store.get([each.id for each in before])}
        old, new = [each.hash for each in before], [each for each, _ in parts]
        pairs = await self._in_thread(partial(_pairs, old, new)) if old else {}
        pieces = []
        for number, (made, part) in enumerate(parts):
            text = _text(path, part)
            if number in pairs:
                known = before[pairs[number]].id
                pieces.append(Piece(made, known, None if texts[known] == text else text))
            else:
                pieces.append(Piece(made, self._memory(text, path, project)))
        return pieces

    def _memory(self, text: str, path: str, project: str) -> NewMemory:
        now = self._memories.clock.seconds()
        salience = INITIAL["general"]
        return NewMemory(
            id=self._memories.make_id(MEMORY),
            text=text,
            type="general",
            source=SOURCE,
            project=project,
            session="",
            salience=salience,
            fades=fades("general", salience, now),
            created=now,
            concepts=(path,),
        )


# -- on a thread


def _look(asked: str, excluded: Exclusions, home: Path) -> tuple[_Folder, Walked]:
    folder = Path(asked).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise NotAFolder(f"{asked[:200]!r} is not the absolute path of a folder")
    folder, home = folder.resolve(), home.resolve()
    if folder.is_relative_to(home):
        raise NotAFolder(f"{asked[:200]!r} is mnemo's own, and is not read")
    root = place_of(str(folder)).root
    base = folder if root is None or not folder.is_relative_to(root) else root
    return _Folder(base, folder), walk(base, folder, excluded, home)


def _read(base: Path, path: str) -> _Read | Skipped:
    """A file in parts, or why it has none."""
    if find_secrets(path):
        return Skipped(path, "its name holds a secret")
    is_pdf = PurePosixPath(path).suffix.lower() == ".pdf"
    try:
        content = read_inside(base, path, LONGEST_PDF if is_pdf else LONGEST_TEXT)
    except CannotRead as problem:
        lasting = not str(problem).startswith("it cannot be read")
        return Skipped(path, str(problem), lasting)
    try:
        pages = pages_of(content) if is_pdf else [_decoded(content)]
    except CannotRead as problem:
        return Skipped(path, str(problem))
    public = [without_private(page) for page in pages]
    # Before they are cut: half a secret looks like none.
    for number, page in enumerate(public, 1):
        if secrets := find_secrets(page):
            line = page.count("\n", 0, secrets[0].start) + 1
            place = f"page={number}" if is_pdf else f"L{line}"
            return Skipped(path, f"it holds a secret ({secrets[0].kind}) at {place}")
    parts = of_pages(public) if is_pdf else split(path, public[0])
    if not parts:
        return Skipped(path, "it is empty")
    return _Read(_hash(content), tuple((_hash(part.words.encode()), part) for part in parts))


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise CannotRead("it is no text")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise CannotRead("it is no UTF-8 text") from None


# -- pure


def _text(path: str, part: Part) -> str:
    """What is remembered of a part: where it stands, what it stands under, its words."""
    head = f"{path}#{part.where}"
    return f"{head}\n{part.under}\n\n{part.words}" if part.under else f"{head}\n\n{part.words}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_HASH]


def _pairs(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    """Which piece now is which before: those that are equal, and those in the place of another."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    pairs: dict[int, int] = {}
    for tag, old, old_end, new, new_end in matcher.get_opcodes():
        if tag in ("equal", "replace"):
            pairs.update(zip(range(new, new_end), range(old, old_end), strict=False))
    return pairs


def _gone(
    known: dict[str, str], seen: set[str], base: Path, skipped: Sequence[Skipped]
) -> list[str]:
    """Files that were read before and are not there now; of what cannot be looked at no word."""
    unsure = [str(base / each.path) for each in skipped if not each.lasting]
    return [
        path
        for path in known
        if path not in seen
        and not any(path == each or path.startswith(each.rstrip("/") + "/") for each in unsure)
    ]
