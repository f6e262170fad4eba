"""The default store: one SQLite file, and two indexes beside it that can always be remade."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.store.index.analyser import terms
from mnemo.store.index.columns import Columns
from mnemo.store.interfaces import IExchange, IJobs, IStore, StoreError, Vector
from mnemo.store.records import (
    Candidate,
    Filter,
    Found,
    Kept,
    Likeness,
    Link,
    Memory,
    NewMemory,
    ProjectRow,
    QueryRow,
    Relation,
    SessionRow,
    SessionSummary,
    Statistics,
    TaskRow,
    Uncompared,
    Unembedded,
    Version,
)
from mnemo.store.sqlite import (
    changes,
    duplicates,
    likenesses,
    memories,
    recalls,
    sentinel,
    sessions,
    tasks,
    vectors,
)
from mnemo.store.sqlite.as_of import search_as_of
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.duplicates import Outcome
from mnemo.store.sqlite.exchange import Exchange
from mnemo.store.sqlite.job_queue import JobQueue
from mnemo.store.sqlite.memories import Noted
from mnemo.store.sqlite.recall_log import RecallLog
from mnemo.store.sqlite.search import search
from mnemo.store.sqlite.statistics import statistics
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.threads import Pools, Reactor, Threads
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.sqlite.vectors import Model


@implementer(IStore)
class SqliteStore:
    """
    What a write changed is in the database first, then in the columns and both search legs,
    and only then is the write answered.

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
        self._indexes = directory / "index"
        self._threads = threads = Threads(reactor, pools)
        self._database = database = Database(directory / "memory.sqlite3", threads)
        self._columns = columns = Columns()
        self._texts = TextLeg(self._indexes / "text", columns, database, threads, reactor)
        self._vectors = VectorLeg(
            self._indexes / "vectors", columns, exact_limit, database, threads, reactor
        )
        self._recalls = recall_log = RecallLog(database, reactor)
        self.jobs: IJobs = JobQueue(database)
        self.exchange: IExchange = Exchange(database, self._change, recall_log)
        self._started = False

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
            model = await self._database.read(self._load_columns)
        except BaseException:
            await self._database.stop()
            await self._threads.stop()
            raise
        self._started = True
        await self._vectors.load(model)
        await self._texts.start()

    def stop(self) -> Deferred[None]:
        """Write out what is pending, checkpoint, close. Nothing may be called afterwards."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        started, self._started = self._started, False
        if not started:
            return
        for part in (self._texts, self._vectors, self._recalls, self._database, self._threads):
            with self._log.failuresHandled("{part} did not stop well", part=type(part).__name__):
                await part.stop()

    # -- memories

    def add(self, new: NewMemory) -> Deferred[Memory]:
        """Keep a new memory."""
        return self._change(lambda db: [memories.add(db, new)]).addCallback(_only)

    def keep(self, new: NewMemory, supersedes: str = "") -> Deferred[Kept]:
        """Keep a memory, unless its project has its text already."""
        outcomes: list[Outcome] = []

        def kept(db: sqlite3.Connection) -> list[Noted]:
            outcomes.append(duplicates.keep(db, new, supersedes))
            return list(outcomes[0].notes)

        return self._change(kept).addCallback(
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
        return self._change(lambda db: [memories.amend(db, id, text, now)]).addCallback(_only)

    def versions(self, id: str) -> Deferred[list[Version]]:
        """The earlier texts of a memory."""
        return self._database.read(lambda db: memories.versions(db, id))

    def archive(self, ids: Sequence[str], archived: bool, now: float) -> Deferred[list[str]]:
        """Forget, or restore."""
        changed = self._change(lambda db: memories.archive(db, ids, archived, now))
        return changed.addCallback(_ids)

    def purge(self, ids: Sequence[str]) -> Deferred[list[str]]:
        """Remove memories and all that belongs to them for good."""
        return Deferred.fromCoroutine(self._purge(ids))

    async def _purge(self, ids: Sequence[str]) -> list[str]:
        gone = await self._database.write(lambda db: memories.purge(db, ids), self._gone)
        if gone:
            await self._database.checkpoint()
        return [noted.memory.id for noted in gone]

    def set_salience(self, changes: Mapping[str, tuple[float, float]]) -> Deferred[None]:
        """Set salience and C{fades} of each id."""
        changed = self._change(lambda db: memories.set_salience(db, changes))
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
        self, text: str, vector: Vector | None, wanted: Filter, limit: int
    ) -> Deferred[Found]:
        """The best C{limit} of each leg within the filter."""
        fits = vector is None or vector.shape == (self.dimensions,)
        used = vector if fits else None

        def found(candidates: tuple[Candidate, ...]) -> Found:
            problems = [self._texts.problem]
            if used is not None:
                problems.append(self._vectors.problem)
            if not fits:
                problems.append(f"vectors of {self.dimensions} numbers are searched, not of others")
            return Found(candidates, tuple(filter(None, problems)))

        searched = search if wanted.as_of is None else search_as_of
        return self._database.read(
            lambda db: searched(
                db, self._columns, self._texts, self._vectors, text, used, wanted, limit
            )
        ).addCallback(found)

    # -- vectors

    def use_model(self, model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched."""
        wanted = Model(model, dimensions)

        def used(_: object) -> None:
            if wanted != self._vectors.model:
                self._vectors.load(wanted)

        return self._database.write(lambda db: vectors.use_model(db, wanted), used)

    def unembedded(self, limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use."""
        return self._database.read(lambda db: vectors.unembedded(db, limit))

    def put_vectors(self, made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors."""

        def kept(those: list[tuple[int, Vector]]) -> None:
            for key, vector in those:
                self._vectors.put(key, vector)
            self._vectors.build()

        return self._database.write(lambda db: vectors.put(db, made), kept).addCallback(
            lambda _: None
        )

    # -- recalls and feedback

    def record_query(self, query: QueryRow) -> None:
        """Remember what a recall returned."""
        self._recalls.record(query)

    def query(self, id: str) -> Deferred[QueryRow | None]:
        """A recall that was recorded."""
        return self._recalls.find(id)

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

    # -- sessions

    def save_session(self, row: SessionRow) -> Deferred[None]:
        """Insert or replace a session."""
        return self._database.write(lambda db: sessions.save(db, row))

    def touch_sessions(self, active: Mapping[str, float]) -> Deferred[None]:
        """Set when each session was last active."""
        return self._database.write(lambda db: sessions.touch(db, active))

    def set_subscriptions(self, id: str, uris: frozenset[str]) -> Deferred[None]:
        """Set the URIs of the resources whose changes a session is told of."""
        return self._database.write(lambda db: sessions.set_subscriptions(db, id, uris))

    def end_session(self, id: str, ended: float, reason: str) -> Deferred[SessionRow | None]:
        """Mark a live session ended."""
        return self._database.write(lambda db: sessions.end(db, id, ended, reason))

    def live_sessions(self) -> Deferred[list[SessionRow]]:
        """Every session that has not ended."""
        return self._database.read(sessions.live)

    def session(self, id: str) -> Deferred[SessionRow | None]:
        """A session, live or ended."""
        return self._database.read(lambda db: sessions.session(db, id))

    def list_sessions(
        self, since: float, limit: int, project: str | None
    ) -> Deferred[list[SessionSummary]]:
        """Sessions that were active at or after C{since}."""
        return self._database.read(lambda db: sessions.summaries(db, since, limit, project))

    # -- tasks

    def add_task(self, row: TaskRow, limit: int) -> Deferred[bool]:
        """Keep a new task, if its principal may have one more."""
        return self._database.write(lambda db: tasks.add(db, row, limit))

    def save_task(self, row: TaskRow) -> Deferred[None]:
        """Replace a task that is kept."""
        return self._database.write(lambda db: tasks.save(db, row))

    def task(self, id: str) -> Deferred[TaskRow | None]:
        """A task, expired or not."""
        return self._database.read(lambda db: tasks.task(db, id))

    def remove_task(self, id: str) -> Deferred[None]:
        """Remove a task, if it is there."""
        return self._database.write(lambda db: tasks.remove(db, id))

    def fail_tasks(self, message: str, outcome: str, now: float) -> Deferred[int]:
        """Let every task fail that has not ended, and remove those that expired."""
        return self._database.write(lambda db: tasks.fail(db, message, outcome, now))

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

    # -- the parts of it

    def _change(self, work: Callable[[sqlite3.Connection], list[Noted]]) -> Deferred[list[Noted]]:
        """Write, then bring columns and legs in step with what memories were changed."""
        words: dict[int, list[str]] = {}

        def changed(db: sqlite3.Connection) -> list[Noted]:
            notes = work(db)
            words.update((noted.change, terms(noted.memory.text)) for noted in notes)
            return notes

        def applied(notes: list[Noted]) -> None:
            for noted in notes:
                memory = noted.memory
                self._columns.put(memory)
                self._texts.changed(memory.key, words[noted.change], noted.change)
                if memory.version > 1 and not memory.embedded:
                    self._vectors.remove(memory.key)

        return self._database.write(changed, applied)

    def _gone(self, notes: list[Noted]) -> None:
        for noted in notes:
            key = noted.memory.key
            self._texts.removed(key, noted.change)
            self._vectors.remove(key)
            self._columns.remove(key)
        self._vectors.build()

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._directory} cannot be made: {error.strerror}") from error

    def _load_columns(self, db: sqlite3.Connection) -> Model:
        """Fill the columns, which nobody reads yet. Answers the model in use."""
        self._columns.put(sentinel.MEMORY)
        for memory in changes.without_text(db):
            self._columns.put(memory)
        return vectors.model(db)


def _only(notes: list[Noted]) -> Memory:
    return notes[0].memory


def _ids(notes: list[Noted]) -> list[str]:
    return [noted.memory.id for noted in notes]
