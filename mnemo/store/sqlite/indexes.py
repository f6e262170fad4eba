"""What memories are found by: the columns and both search legs, in step with the database."""

import sqlite3
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mnemo.store.index.analyser import terms
from mnemo.store.index.columns import Columns
from mnemo.store.index.fresh import Said
from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite import changes, sentinel, succession
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.memories import Noted
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.threads import Reactor, Threads
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.sqlite.vectors import Model


class Indexes:
    """
    What a write changed is in the database first, then in the columns and both search legs,
    and only then is the write answered.

    @ivar texts: what is searched for words
    @ivar vectors: what is searched for vectors, by the model in use
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        database: Database,
        threads: Threads,
        reactor: Reactor,
        exact_limit: int,
    ) -> None:
        """
        @param directory: where the files of the legs lie
        @param exact_limit: up to how many vectors within a filter are compared one by one
        """
        self._database = database
        self.columns = columns = Columns()
        self.texts = TextLeg(directory / "text", columns, database, threads, reactor)
        self._vector_leg = partial(
            VectorLeg, directory / "vectors", columns, exact_limit, database, threads, reactor
        )
        self.vectors = self._vector_leg()
        # By the model that follows, while it is made ready to take over.
        self._next_vectors: VectorLeg | None = None
        self._started = False

    # -- their life

    async def start(self, model: Model) -> None:
        """Load or rebuild them. Words can be searched as soon as this returns."""
        self._started = True
        self.columns.put(sentinel.MEMORY)
        self.vectors.await_all(model)
        self._reading = Deferred.fromCoroutine(self._read_all())
        await self.texts.start()

    async def _read_all(self) -> None:
        """
        Read the columns and the vectors of all memories. However many there are, words are
        searched meanwhile.
        """
        self.columns.await_all()
        try:
            self.columns.adopt(await self._database.read(self._all_columns))
        except Exception as error:
            if self._started:
                self._log.failure("the memories could not be read")
                self.vectors.problem = f"vector search is down: {error}"
            return
        if self._started:
            await self.vectors.load(self.vectors.model)

    def _all_columns(self, db: sqlite3.Connection) -> Columns:
        """The columns of all memories, read while others may change."""
        return Columns.of(sentinel.MEMORY, takewhile(lambda _: self._started, changes.rows(db)))

    async def stop(self) -> None:
        """Write out what is pending."""
        self._started = False
        legs: tuple[VectorLeg | TextLeg, ...] = (*self._vector_legs(), self.texts)
        for leg in legs:
            with self._log.failuresHandled("{leg} did not stop well", leg=type(leg).__name__):
                await leg.stop()

    # -- what is written

    def change(self, work: Callable[[sqlite3.Connection], list[Noted]]) -> Deferred[list[Noted]]:
        """Write, then bring columns and legs in step with what memories were changed."""
        words: dict[int, Said] = {}

        def changed(db: sqlite3.Connection) -> list[Noted]:
            notes = work(db)
            words.update((noted.change, Said.of(terms(noted.memory.text))) for noted in notes)
            return notes

        def applied(notes: list[Noted]) -> None:
            for noted in notes:
                memory = noted.memory
                self.columns.put(memory)
                self.texts.changed(memory.key, words[noted.change], noted.change)
                if memory.version > 1 and not memory.embedded:
                    for leg in self._vector_legs():
                        leg.remove(memory.key)

        return self._database.write(changed, applied)

    def remove(self, work: Callable[[sqlite3.Connection], list[Noted]]) -> Deferred[list[Noted]]:
        """Write, then let columns and legs forget what memories were removed."""

        def removed(notes: list[Noted]) -> None:
            for noted in notes:
                key = noted.memory.key
                self.texts.removed(key, noted.change)
                for leg in self._vector_legs():
                    leg.remove(key)
                self.columns.remove(key)
            self.vectors.build()

        return self._database.write(work, removed)

    # -- by which model's vectors

    async def change_over(self, wanted: Model) -> None:
        """
        Search the vectors of another model from now on.

        @raise StoreError: where they cannot be searched, or another change has not ended
        """
        if self._next_vectors is not None:
            raise StoreError("the model is being changed already")
        self._next_vectors = leg = self._vector_leg(waits=True)
        try:
            await leg.load(wanted, succession.after)
            if leg.problem:
                raise StoreError(leg.problem)
            await self._database.write(
                lambda db: succession.use_model(db, wanted), lambda _: self._succeed(leg)
            )
        except BaseException:
            self._next_vectors = None
            await leg.stop()
            raise

    def _succeed(self, leg: VectorLeg) -> None:
        """Search C{leg}; the files are its own when the one before has left them."""
        former, self.vectors, self._next_vectors = self.vectors, leg, None
        left = Deferred.fromCoroutine(former.stop()).addCallback(lambda _: leg.begin())
        left.addErrback(lambda failure: self._log.failure("vectors were not left well", failure))

    def _vector_legs(self) -> list[VectorLeg]:
        """All that have vectors of memories."""
        return [leg for leg in (self.vectors, self._next_vectors) if leg is not None]
