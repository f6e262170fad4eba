"""
Writing what a model could be trained on: texts, what was derived from them and how well, how they
were corrected, and how they were judged as answers.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import define, evolve, field, frozen
from twisted.internet.defer import DeferredLock

from mnemo.memory.memories import Memories
from mnemo.memory.secrets import hidden
from mnemo.store.exchange import MemoryLine, Page, Place
from mnemo.store.jobs import DerivedField
from mnemo.transfer.thread import InThread, Told

FOLDER: Final = "training"
"""The folder in a home where the set lies."""

NAME: Final = "training-set.jsonl"

AT_ONCE: Final = 100
"""How many memories are read by one look into the store."""

_RULES: Final = "extractive"

_encode = msgspec.json.Encoder(order="deterministic").encode

Derivations = Mapping[str, Sequence[DerivedField]]
"""What was derived from memories, by their ids."""

Questions = Mapping[str, str]
"""What was asked, by the ids of the recalls."""


class CannotWrite(Exception):
    """The set cannot be written. Its text is one line for the user."""


@frozen
class TrainingSet:
    """
    What was written.

    @ivar examples: memories, a line each
    @ivar derived: those from which something was derived
    @ivar by_model: those from which a language model derived it
    @ivar corrections: earlier texts of them
    @ivar judgements: how often they were judged
    @ivar forgotten: memories that were left out
    """

    path: Path
    examples: int = 0
    derived: int = 0
    by_model: int = 0
    corrections: int = 0
    judgements: int = 0
    forgotten: int = 0


@define(eq=False)
class Training:
    """
    Writes the set, always into the same file: of the same memories the same bytes.

    @ivar path: the file
    """

    _memories: Memories
    _home: Path
    _in_thread: InThread
    _lock: DeferredLock = field(factory=DeferredLock, init=False)

    @property
    def path(self) -> Path:
        """Where the set lies, once it was written."""
        return self._home / FOLDER / NAME

    async def write(self, told: Told) -> TrainingSet:
        """
        Write it, in place of what was written before. One that is broken off leaves that.

        @raise CannotWrite: the disk refuses
        """
        async with self._lock:
            draft = self.path.with_name(f".{NAME}.part")
            try:
                await self._in_thread(partial(_begin, draft))
                written = await self._write(draft, told)
                await self._in_thread(partial(_finish, draft, self.path))
            except BaseException as error:
                self._in_thread(partial(draft.unlink, missing_ok=True))
                if isinstance(error, OSError):
                    raise CannotWrite(f"{self.path}: {error.strerror}") from error
                raise
            return written

    async def discard(self) -> None:
        """
        Remove the set, if there is one: what was removed for good must not stand in it.

        @raise CannotWrite: the disk refuses
        """
        async with self._lock:
            try:
                await self._in_thread(partial(self.path.unlink, missing_ok=True))
            except OSError as error:
                raise CannotWrite(f"{self.path} cannot be removed: {error.strerror}") from error

    async def _write(self, draft: Path, told: Told) -> TrainingSet:
        store = self._memories.store
        result = TrainingSet(self.path)
        total = await store.exchange.count(None)
        after: Place | None = None
        done = 0
        while True:
            page: Page = await store.exchange.page("memory", None, after, AT_ONCE)
            lines = [line for line in page.lines if isinstance(line, MemoryLine)]
            known = [line for line in lines if line.archived is None]
            derived = await store.jobs.derived([line.id for line in known])
            asked = await self._questions(known)
            write = partial(_append, draft, known, derived, asked)
            result = _counted(result, known, derived, len(lines) - len(known))
            await self._in_thread(write)
            done += len(lines)
            told(done, max(total, done + 1), f"{result.examples:,} examples written")
            after = page.after
            if after is None:
                return result

    async def _questions(self, lines: Sequence[MemoryLine]) -> Questions:
        ids = dict.fromkeys(each.query for line in lines for each in line.feedback)
        rows = [await self._memories.store.query(each) for each in ids]
        return {row.id: row.text for row in rows if row is not None}


def _counted(
    so_far: TrainingSet, lines: Sequence[MemoryLine], derived: Derivations, forgotten: int
) -> TrainingSet:
    made = [derived[line.id] for line in lines if derived.get(line.id)]
    return evolve(
        so_far,
        examples=so_far.examples + len(lines),
        derived=so_far.derived + len(made),
        by_model=so_far.by_model + sum(fields[0].model != _RULES for fields in made),
        corrections=so_far.corrections + sum(len(line.versions) for line in lines),
        judgements=so_far.judgements + sum(len(line.feedback) for line in lines),
        forgotten=so_far.forgotten + forgotten,
    )


# -- on a thread


def _begin(draft: Path) -> None:
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))


def _append(
    draft: Path, lines: Sequence[MemoryLine], derived: Derivations, asked: Questions
) -> None:
    with draft.open("ab") as file:
        file.writelines(_written(lines, derived, asked))


def _finish(draft: Path, path: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


# -- pure


def _written(
    lines: Sequence[MemoryLine], derived: Derivations, asked: Questions
) -> Iterator[bytes]:
    for line in lines:
        yield _encode(_example(line, derived.get(line.id, ()), asked)) + b"\n"


def _example(line: MemoryLine, derived: Sequence[DerivedField], asked: Questions) -> dict[str, Any]:
    """
    A line of the set.

    Secrets are taken out before anything is stored; but an export of another time may have
    brought in what is one by the patterns of today.
    """
    safe = hidden(line.text)
    return {
        "id": line.id,
        "text": safe.text,
        "type": line.type,
        "project": line.project,
        "source": line.source,
        "salience": line.salience,
        "concepts": list(line.concepts),
        "corrections": [hidden(each.text).text for each in line.versions],
        "feedback": [
            {"query": hidden(asked.get(each.query, "")).text, "quality": each.quality}
            for each in line.feedback
        ],
        "derived": {
            each.name: {
                "value": each.value,
                "model": each.model,
                "prompt": each.prompt,
                "scores": dict(each.scores),
            }
            for each in (derived if safe.text == line.text else ())
        },
    }
