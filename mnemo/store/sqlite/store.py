"""The default store: one SQLite file, and two indexes beside it that can always be remade."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.store.drafts import IDrafts
from mnemo.store.exchange import IExchange
from mnemo.store.interfaces import IStore, StoreError
from mnemo.store.jobs import IJobs
from mnemo.store.records import (
    Kept,
    Likeness,
    Link,
    Memory,
    NewMemory,
    ProjectRow,
    QueryRow,
    Relation,
    Statistics,
    Uncompared,
    Version,
)
from mnemo.store.search import Choose, Filter, Found
from mnemo.store.sessions import ISessionRows
from mnemo.store.sqlite import duplicates, gists, likenesses, memories, recalls, vectors
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.drafts import DraftQueue
from mnemo.store.sqlite.duplicates import Outcome
from mnemo.store.sqlite.exchange import Exchange
from mnemo.store.sqlite.indexes import Indexes
from mnemo.store.sqlite.jobs import JobQueue
from mnemo.store.sqlite.memories import Noted
from mnemo.store.sqlite.recall_log import RecallLog
from mnemo.store.sqlite.searching import Asking, Searching
from mnemo.store.sqlite.sessions import Sessions
from mnemo.store.sqlite.statistics import statistics
from mnemo.store.sqlite.studies import StudyQueue
from mnemo.store.sqlite.tasks import Tasks
from mnemo.store.sqlite.threads import Pools, Reactor, Threads
from mnemo.store.sqlite.understanding import Understanding
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.sqlite.vector_store import VectorStore
from mnemo.store.studies import IStudies
from mnemo.store.tasks import ITaskRows
from mnemo.store.understanding import IUnderstanding
from mnemo.store.vectors import IVectors


@implementer(IStore)
class SqliteStore:
    """
    Memories and recalls, and by its parts all else, in one directory.

    @param directory: where C{memory.sqlite3} and C{index} lie; made where it is missing
    @param pools: the threads to use; real ones where none are given
    @param exact_limit: up to how many vectors within a filter are compared one by one
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        reactor: Reactor,
        *,
        pools: Pools | None = None,
        exact_limit: int = 50_000,
    ) -> None:
        self._directory = directory
        self._reactor = reactor
        self._threads = threads = Threads(reactor, pools)
        self._database = database = Database(directory / "memory.sqlite3", threads)
        self._indexes = indexes = Indexes(
            directory / "index", database, threads, reactor, exact_limit
        )
        self._columns, self._texts = indexes.columns, indexes.texts
        self._searching = Searching(database, indexes)
        self._recalls = RecallLog(database, reactor)
        self.jobs: IJobs = JobQueue(database)
        self.drafts: IDrafts = DraftQueue(database)
        self.exchange: IExchange = Exchange(database, indexes.change, self._recalls)
        self.sessions: ISessionRows = Sessions(database)
        self.studies: IStudies = StudyQueue(database)
        self.tasks: ITaskRows = Tasks(database)
        self.understanding: IUnderstanding = Understanding(database, indexes)
        self.vectors: IVectors = VectorStore(database, indexes)
        self._started = False

    @property
    def _vectors(self) -> VectorLeg:
        return self._indexes.vectors

    @property
    def model(self) -> str:
        """The name of the model whose vectors are searched; empty before the first."""
        return self._vectors.model.name

    @property
    def dimensions(self) -> int:
        """The length of the vectors now in use; 0 before the first."""
        return self._vectors.model.dimensions

    @property
    def memories(self) -> int:
        """How many memories there are, archived ones too."""
        # One of those in the columns is the sentinel.
        return max(0, len(self._columns) - 1)

    # -- its life

    def start(self) -> Deferred[None]:
        """
        Open or create the store, bring it to the newest schema, load or rebuild the indexes.

        @raise StoreError: where the database cannot be used; nothing is left running then
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self._threads.start()
        try:
            await self._threads.run(self._threads.pools.writer, self._make_directory)
            await self._database.start()
            model = await self._database.read(vectors.model)
        except BaseException:
            await self._database.stop()
            await self._threads.stop()
            raise
        self._started = True
        await self._indexes.start(model)

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._directory} cannot be made: {error.strerror}") from error

    def stop(self) -> Deferred[None]:
        """Write out what is pending, checkpoint, close. Nothing may be called afterwards."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        started, self._started = self._started, False
        if not started:
            return
        parts: tuple[Indexes | RecallLog | Database | Threads, ...] = (
            self._indexes,
            self._recalls,
            self._database,
            self._threads,
        )
        for part in parts:
            with self._log.failuresHandled("{part} did not stop well", part=type(part).__name__):
                await part.stop()

    # -- memories

    def add(self, new: NewMemory) -> Deferred[Memory]:
        """Keep a new memory."""
        return self._indexes.change(lambda db: [memories.add(db, new)]).addCallback(_only)

    def keep(self, new: NewMemory, supersedes: str = "") -> Deferred[Kept]:
        """Keep a memory, unless its project has its text already."""
        outcomes: list[Outcome] = []

        def kept(db: sqlite3.Connection) -> list[Noted]:
            outcomes.append(duplicates.keep(db, new, supersedes))
            return list(outcomes[0].notes)

        return self._indexes.change(kept).addCallback(
            lambda _: Kept(outcomes[0].memory, outcomes[0].duplicate)
        )

    def get(self, ids: Sequence[str]) -> Deferred[list[Memory]]:
        """The memories with these ids."""
        return self._database.read(lambda db: memories.get(db, ids))

    def newest(self, wanted: Filter, limit: int) -> Deferred[list[Memory]]:
        """The newest memories that pass the filter."""
        return self._database.read(lambda db: memories.newest(db, wanted, limit))

    def amend(self, id: str, text: str, now: float) -> Deferred[Memory]:
        """Replace a memory's text by a new version."""
        return self._indexes.change(
            lambda db: [memories.amend(db, id, text, now), *gists.drop(db, [id], now)]
        ).addCallback(_only)

    def versions(self, id: str) -> Deferred[list[Version]]:
        """The earlier texts of a memory."""
        return self._database.read(lambda db: memories.versions(db, id))

    def archive(self, ids: Sequence[str], archived: bool, now: float) -> Deferred[list[str]]:
        """Forget, or restore."""

        def changed(db: sqlite3.Connection) -> list[Noted]:
            return [
                *memories.archive(db, ids, archived, now),
                *gists.drop(db, ids if archived else (), now),
            ]

        return self._indexes.change(changed).addCallback(
            lambda notes: [n for n in _ids(notes) if n in ids]
        )

    def purge(self, ids: Sequence[str]) -> Deferred[list[str]]:
        """Remove memories and all that belongs to them for good."""
        return Deferred.fromCoroutine(self._purge(ids))

    async def _purge(self, ids: Sequence[str]) -> list[str]:
        def purged(db: sqlite3.Connection) -> list[Noted]:
            notes = memories.purge(db, [*ids, *(gist.id for gist in gists.of(db, ids))])
            recalls.let_go(db, frozenset(_ids(notes)))
            return notes

        self._recalls.let_go(frozenset(ids))
        gone = await self._indexes.remove(purged)
        if gone:
            await self._database.checkpoint()
        return [noted.memory.id for noted in gone]

    def set_salience(self, changes: Mapping[str, tuple[float, float]]) -> Deferred[None]:
        """Set salience and C{fades} of each id."""
        changed = self._indexes.change(lambda db: memories.set_salience(db, changes))
        return changed.addCallback(lambda _: None)

    def links(self, ids: Sequence[str]) -> Deferred[dict[str, list[Link]]]:
        """The links of each memory."""
        return self._database.read(lambda db: memories.links(db, ids))

    def link(self, source: str, target: str, relation: Relation) -> Deferred[None]:
        """Relate a memory to another."""
        return self._database.write(lambda db: memories.link(db, source, target, relation))

    def uncompared(self, limit: int, near: int, now: float) -> Deferred[list[Uncompared]]:
        """Memories that were not compared with their neighbours yet."""
        return self._database.read(
            lambda db: likenesses.uncompared(db, self._vectors, limit, near, now)
        )

    def settle(self, made: Sequence[Likeness]) -> Deferred[None]:
        """Keep what comparing brought."""
        return self._database.write(lambda db: likenesses.settle(db, made))

    def differing(self, ids: Sequence[str]) -> Deferred[dict[str, list[Memory]]]:
        """For each of these memories those that differ from it."""
        return self._database.read(lambda db: likenesses.differing(db, ids))

    def projects(self) -> Deferred[list[ProjectRow]]:
        """The projects that have memories."""
        return self._database.read(memories.projects)

    def memory_ids(self, project: str) -> Deferred[list[str]]:
        """The ids of all memories of a project."""
        return self._database.read(lambda db: memories.ids_of(db, project))

    # -- searching

    def search(
        self,
        text: str,
        vector: Asking,
        wanted: Filter,
        limit: int,
        choose: Choose | None = None,
    ) -> Deferred[Found]:
        """The best C{limit} of each leg within the filter."""
        return self._searching.search(text, vector, wanted, limit, choose)

    # -- recalls and feedback

    def record_query(self, query: QueryRow) -> None:
        """Remember what a recall returned."""
        self._recalls.record(query)

    def query(self, id: str) -> Deferred[QueryRow | None]:
        """A recall that was recorded."""
        return self._recalls.find(id)

    def queries_since(
        self, since: float, limit: int, project: str | None
    ) -> Deferred[list[QueryRow]]:
        """What was asked lately."""
        return self._recalls.lately(since, limit, project)

    def queries_of(self, session: str) -> Deferred[list[QueryRow]]:
        """All that a session has been shown."""
        return self._recalls.of_session(session)

    def suppressed(self, ids: Sequence[str]) -> Deferred[set[str]]:
        """Which memories no search brings any more."""

        def found(db: sqlite3.Connection) -> set[str]:
            keys = {memory.key: memory.id for memory in memories.get(db, ids)}
            return {keys[key] for key in recalls.suppressed(db, list(keys))}

        return self._database.read(found)

    def forget_queries(self, project: str) -> Deferred[None]:
        """Remove the recalls within a project for good."""
        return Deferred.fromCoroutine(self._forget_queries(project))

    async def _forget_queries(self, project: str) -> None:
        await self._recalls.forget(project)
        await self._database.checkpoint()

    def record_feedback(
        self,
        query: str,
        ids: Sequence[str],
        quality: Literal["helpful", "partial", "irrelevant"],
        at: float,
    ) -> Deferred[dict[str, str | None]]:
        """Keep a judgement of each memory within a query."""
        return self._database.write(lambda db: recalls.judge(db, query, ids, quality, at))

    # -- itself

    def statistics(self, now: float) -> Deferred[Statistics]:
        """Counts, made anew."""
        return self._database.read(lambda db: statistics(db, now))

    def self_test(self, now: float) -> Deferred[dict[str, str]]:
        """Look for the sentinel by each search leg."""

        def tested(found: dict[str, str]) -> dict[str, str]:
            # A leg that is being rebuilt finds its sentinel, and not all else.
            return {
                "text": found["text"] or self._texts.problem,
                "vector": found["vector"] or self._vectors.problem,
            }

        return self._database.read(
            lambda db: {"text": self._texts.test(now), "vector": self._vectors.test(db, now)}
        ).addCallback(tested)


def _only(notes: list[Noted]) -> Memory:
    return notes[0].memory


def _ids(notes: list[Noted]) -> list[str]:
    return [noted.memory.id for noted in notes]
