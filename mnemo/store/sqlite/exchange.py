"""The ways into and out of the store beside C{add}."""

import sqlite3
from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.exchange import (
    CarriedIn,
    Chunk,
    ExclusionLine,
    FileRead,
    IExchange,
    Imported,
    ImportedLink,
    Kind,
    Line,
    Page,
    Place,
)
from mnemo.store.records import Memory
from mnemo.store.sqlite import carriage, sources
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.memories import Noted
from mnemo.store.sqlite.recall_log import RecallLog

Change = Callable[[Callable[[sqlite3.Connection], list[Noted]]], Deferred[list[Noted]]]
"""Writes, and brings columns and legs in step with the memories that it answers."""


@implementer(IExchange)
@frozen
class Exchange:
    """
    @ivar _recalls: may hold recalls that are not in the database yet
    """

    _database: Database
    _change: Change
    _recalls: RecallLog

    def files(self, project: str, folder: str) -> Deferred[dict[str, str]]:
        """The files that were read from a folder."""
        return self._database.read(lambda db: sources.files(db, project, folder))

    def chunks(self, project: str, path: str) -> Deferred[list[Chunk]]:
        """The pieces of a file."""
        return self._database.read(lambda db: sources.chunks(db, project, path))

    def read(self, file: FileRead) -> Deferred[list[Memory]]:
        """Keep what was read of a file."""
        return self._change(lambda db: sources.read(db, file)).addCallback(_memories)

    def gone(self, project: str, path: str, now: float) -> Deferred[list[Memory]]:
        """Forget what was read of a file."""
        changed = self._change(lambda db: sources.gone(db, project, path, now))
        return changed.addCallback(_memories)

    def exclude(self, pattern: str, now: float) -> Deferred[bool]:
        """Keep an exclusion."""
        return self._database.write(lambda db: sources.exclude(db, pattern, now))

    def include(self, pattern: str) -> Deferred[bool]:
        """Lift an exclusion."""
        return self._database.write(lambda db: sources.include(db, pattern))

    def exclusions(self) -> Deferred[list[ExclusionLine]]:
        """All exclusions."""
        return self._database.read(sources.exclusions)

    def imported(self, keys: Sequence[str]) -> Deferred[dict[str, str]]:
        """The ids of what was imported under these keys."""
        return self._database.read(lambda db: sources.imported(db, keys))

    def add_imports(self, batch: Sequence[Imported]) -> Deferred[list[Memory]]:
        """Keep those whose key is new."""
        return self._change(lambda db: sources.add_imports(db, batch)).addCallback(_memories)

    def link_imports(self, links: Sequence[ImportedLink]) -> Deferred[list[ImportedLink]]:
        """Link imported memories."""
        return self._database.write(lambda db: sources.link_imports(db, links))

    def count(self, project: str | None) -> Deferred[int]:
        """How many lines there are."""
        return self._database.read(lambda db: carriage.count(db, project))

    def page(
        self, kind: Kind, project: str | None, after: Place | None, limit: int
    ) -> Deferred[Page]:
        """Some lines of a kind."""
        return Deferred.fromCoroutine(self._page(kind, project, after, limit))

    async def _page(self, kind: Kind, project: str | None, after: Place | None, limit: int) -> Page:
        await self._recalls.flush()
        return await self._database.read(lambda db: carriage.page(db, kind, project, after, limit))

    def carry_in(self, lines: Sequence[Line]) -> Deferred[CarriedIn]:
        """Keep what is new among lines."""
        carried: list[CarriedIn] = []

        def work(db: sqlite3.Connection) -> list[Noted]:
            notes, outcome = carriage.carry_in(db, lines)
            carried.append(outcome)
            return notes

        return self._change(work).addCallback(lambda _: carried[-1])


def _memories(notes: list[Noted]) -> list[Memory]:
    return [noted.memory for noted in notes]
