"""The default store: one SQLite file, and two indexes beside it that can always be remade."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.store.index.analyser import terms
from mnemo.store.index.columns import Columns
from mnemo.store.index.fresh import Said
from mnemo.store.interfaces import (
    Choose,
    IDrafts,
    IExchange,
    IJobs,
    IStore,
    IUnderstanding,
    StoreError,
    Vector,
)
from mnemo.store.records import (
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
    gists,
    likenesses,
    memories,
    recalls,
    sentinel,
    sessions,
    succession,
    tasks,
    vectors,
)
from mnemo.store.sqlite.as_of import search_as_of
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.draft_queue import DraftQueue
from mnemo.store.sqlite.duplicates import Outcome
from mnemo.store.sqlite.exchange import Exchange
from mnemo.store.sqlite.job_queue import JobQueue
from mnemo.store.sqlite.memories import Noted
from mnemo.store.sqlite.recall_log import RecallLog
from mnemo.store.sqlite.search import Worded, read_ahead, search
from mnemo.store.sqlite.statistics import statistics
from mnemo.store.sqlite.text_leg import TextLeg
from mnemo.store.sqlite.threads import Pools, Reactor, Threads
from mnemo.store.sqlite.understanding import Understanding
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.sqlite.vectors import Model

Asking = Vector | Deferred[Vector | None] | None

HEAD_START: Final = 0.001
"""
Seconds by which the vector of a query is ahead of the search of its words: both want the
interpreter to begin, and the vector takes longer.
"""
"""A query's embedding, or none, or what will fire with it."""


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
        self._exact_limit, self._reactor = exact_limit, reactor
        self._texts = TextLeg(self._indexes / "text", columns, database, threads, reactor)
        self._vectors = self._vector_leg()
        # By the model that follows, while it is made ready to take over.
        self._next_vectors: VectorLeg | None = None
        self._recalls = recall_log = RecallLog(database, reactor)
        self.jobs: IJobs = JobQueue(database)
        self.drafts: IDrafts = DraftQueue(database)
        self.exchange: IExchange = Exchange(database, self._change, recall_log)
        self.understanding: IUnderstanding = Understanding(
            database, lambda: self._vectors, self._change
        )
        self._started = False

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
        self._columns.put(sentinel.MEMORY)
        self._vectors.await_all(model)
        self._reading = Deferred.fromCoroutine(self._read_all())
        await self._texts.start()

    async def _read_all(self) -> None:
        """
        Read the columns and the vectors of all memories. However many there are, words are
        searched meanwhile.
        """
        self._columns.await_all()
        try:
            self._columns.adopt(await self._database.read(self._all_columns))
        except Exception as error:
            if self._started:
                self._log.failure("the memories could not be read")
                self._vectors.problem = f"vector search is down: {error}"
            return
        if self._started:
            await self._vectors.load(self._vectors.model)

    def stop(self) -> Deferred[None]:
        """Write out what is pending, checkpoint, close. Nothing may be called afterwards."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        started, self._started = self._started, False
        if not started:
            return
        parts: tuple[VectorLeg | TextLeg | RecallLog | Database | Threads, ...] = (
            *self._legs(),
            self._texts,
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
        return self._change(
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

        return self._change(changed).addCallback(lambda notes: [n for n in _ids(notes) if n in ids])

    def purge(self, ids: Sequence[str]) -> Deferred[list[str]]:
        """Remove memories and all that belongs to them for good."""
        return Deferred.fromCoroutine(self._purge(ids))

    async def _purge(self, ids: Sequence[str]) -> list[str]:
        def purged(db: sqlite3.Connection) -> list[Noted]:
            notes = memories.purge(db, [*ids, *(gist.id for gist in gists.of(db, ids))])
            recalls.let_go(db, frozenset(_ids(notes)))
            return notes

        self._recalls.let_go(frozenset(ids))
        gone = await self._database.write(purged, self._gone)
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
        self,
        text: str,
        vector: Asking,
        wanted: Filter,
        limit: int,
        choose: Choose | None = None,
    ) -> Deferred[Found]:
        """The best C{limit} of each leg within the filter."""
        if isinstance(vector, Deferred):
            return Deferred.fromCoroutine(self._search_ahead(text, vector, wanted, limit, choose))
        return self._search(text, vector, wanted, limit, choose, self._vectors)

    async def _search_ahead(
        self,
        text: str,
        vector: Deferred[Vector | None],
        wanted: Filter,
        limit: int,
        choose: Choose | None,
    ) -> Found:
        """Search the words while the vector is made."""
        if wanted.as_of is None:
            await self._head_start(vector)
        if vector.called or wanted.as_of is not None:
            return await self._search(text, await vector, wanted, limit, choose, self._vectors)
        reading = self._database.read(
            lambda db: read_ahead(db, self._columns, self._texts, text, wanted, limit)
        )
        try:
            made = await vector
            # To the end the same one, should the model be changed meanwhile.
            leg = self._vectors
        except BaseException:
            reading.addErrback(lambda _: None)
            raise
        return await self._search(text, made, wanted, limit, choose, leg, await reading)

    def _head_start(self, vector: Deferred[Vector | None]) -> Deferred[None]:
        """Fires when the vector has been begun, or is there."""

        def given_up(_: object) -> None:
            timer.cancel()
            vector.addErrback(lambda failure: None)
            vector.cancel()

        begun: Deferred[None] = Deferred(given_up)
        timer = self._reactor.callLater(HEAD_START, begun.callback, None)

        def there(made: Any) -> Any:
            if timer.active():
                timer.cancel()
                begun.callback(None)
            return made

        vector.addBoth(there)
        return begun

    def _search(
        self,
        text: str,
        vector: Vector | None,
        wanted: Filter,
        limit: int,
        choose: Choose | None,
        leg: VectorLeg,
        worded: Worded | None = None,
    ) -> Deferred[Found]:
        dimensions = leg.model.dimensions
        fits = vector is None or vector.shape == (dimensions,)
        used = vector if fits else None

        parts = (self._columns, self._texts, leg, text, used, wanted, limit)

        def searched(db: sqlite3.Connection) -> Found:
            if wanted.as_of is not None:
                candidates = search_as_of(db, *parts)
            else:
                candidates = search(db, *parts, worded)
            chosen = () if choose is None else choose(candidates)
            if not chosen or wanted.as_of is not None:
                return Found(candidates)
            return Found(candidates, differing=likenesses.differing(db, chosen))

        def found(there: Found) -> Found:
            problems = [self._texts.problem]
            if used is not None:
                problems.append(leg.problem)
            if not fits:
                problems.append(f"vectors of {dimensions} numbers are searched, not of others")
            return evolve(there, problems=tuple(filter(None, problems)))

        return self._database.read(searched).addCallback(found)

    # -- vectors

    def use_model(self, model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched."""
        wanted = Model(model, dimensions)

        def used(_: object) -> None:
            if wanted != self._vectors.model:
                self._vectors.load(wanted)

        return self._database.write(lambda db: succession.use_model(db, wanted), used)

    def unembedded(self, limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use."""
        return self._database.read(lambda db: vectors.unembedded(db, limit))

    def backlog(self) -> Deferred[int]:
        """How many memories have no vector of the model in use."""
        return self._database.read(vectors.backlog)

    def put_vectors(self, made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors."""

        def kept(those: list[tuple[int, Vector]]) -> None:
            for key, vector in those:
                self._vectors.put(key, vector)
            self._vectors.build()

        return self._database.write(lambda db: vectors.put(db, made), kept).addCallback(
            lambda _: None
        )

    # -- vectors by the model that follows

    def unembedded_by(self, model: str, behind: int, limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of another model than the one in use."""
        return self._database.read(lambda db: succession.missing(db, model, behind, limit))

    def embedded_by(self, model: str) -> Deferred[int]:
        """How many memories have a vector of another model."""
        return self._database.read(lambda db: succession.made(db, model))

    def put_vectors_by(
        self, model: str, dimensions: int, made: Sequence[tuple[Unembedded, Vector]]
    ) -> Deferred[int]:
        """Keep vectors of another model than the one in use."""
        following = Model(model, dimensions)
        return self._database.write(lambda db: succession.put(db, following, made))

    def change_over(self, model: str, dimensions: int) -> Deferred[None]:
        """Search the vectors of another model from now on."""
        changed: Deferred[None] = Deferred()
        # Whoever waits no longer does not undo half of it.
        changing = Deferred.fromCoroutine(self._change_over(Model(model, dimensions)))
        changing.addCallbacks(changed.callback, changed.errback)
        return changed

    async def _change_over(self, wanted: Model) -> None:
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
        former, self._vectors, self._next_vectors = self._vectors, leg, None
        left = Deferred.fromCoroutine(former.stop()).addCallback(lambda _: leg.begin())
        left.addErrback(lambda failure: self._log.failure("vectors were not left well", failure))

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
        words: dict[int, Said] = {}

        def changed(db: sqlite3.Connection) -> list[Noted]:
            notes = work(db)
            words.update((noted.change, Said.of(terms(noted.memory.text))) for noted in notes)
            return notes

        def applied(notes: list[Noted]) -> None:
            for noted in notes:
                memory = noted.memory
                self._columns.put(memory)
                self._texts.changed(memory.key, words[noted.change], noted.change)
                if memory.version > 1 and not memory.embedded:
                    for leg in self._legs():
                        leg.remove(memory.key)

        return self._database.write(changed, applied)

    def _gone(self, notes: list[Noted]) -> None:
        for noted in notes:
            key = noted.memory.key
            self._texts.removed(key, noted.change)
            for leg in self._legs():
                leg.remove(key)
            self._columns.remove(key)
        self._vectors.build()

    def _vector_leg(self, *, waits: bool = False) -> VectorLeg:
        return VectorLeg(
            self._indexes / "vectors",
            self._columns,
            self._exact_limit,
            self._database,
            self._threads,
            self._reactor,
            waits=waits,
        )

    def _legs(self) -> list[VectorLeg]:
        """All that have vectors of memories."""
        return [leg for leg in (self._vectors, self._next_vectors) if leg is not None]

    def _make_directory(self) -> None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._directory} cannot be made: {error.strerror}") from error

    def _all_columns(self, db: sqlite3.Connection) -> Columns:
        """The columns of all memories, read while others may change."""
        return Columns.of(sentinel.MEMORY, takewhile(lambda _: self._started, changes.rows(db)))


def _only(notes: list[Noted]) -> Memory:
    return notes[0].memory


def _ids(notes: list[Noted]) -> list[str]:
    return [noted.memory.id for noted in notes]
