"""The text leg of a search, and how its index is kept in step with the database."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.store.index.analyser import terms
from mnemo.store.index.columns import Columns
from mnemo.store.index.fresh import FreshRows, Said, idf
from mnemo.store.index.text import Document, IndexBroken, TextIndex, Weights, Words
from mnemo.store.interfaces import StoreError
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from mnemo.store.sqlite import changes, sentinel
from mnemo.store.sqlite.changes import Changed
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.threads import Reactor, Threads

_COMMIT_SECONDS = 0.5
"""How long after a change the index is told."""

_COMMIT_ROWS = 2_000
"""How many changes do not wait for that; also how many one commit takes."""

_RETRY_SECONDS = 30.0
"""When an index that could not be made is tried again."""


class TextLeg:
    """
    The text index, and beside it the rows that it does not have yet.

    The index knows up to which change of the database it is complete. From there it is brought
    up to date in pieces that are read from the database: after some writes, after a start, and
    from nothing where it was deleted or is damaged. Searches go on meanwhile.

    L{search}, L{rarities}, L{holding} and L{test} are called on any thread, everything else on
    the reactor thread.

    @ivar problem: empty, or one line that says why a memory may not be found by its words
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        columns: Columns,
        database: Database,
        threads: Threads,
        reactor: Reactor,
    ) -> None:
        self.problem = ""
        self._directory = directory
        self._columns = columns
        self._database = database
        self._threads = threads
        self._reactor = reactor
        self._fresh = FreshRows()
        self._index: TextIndex | None = None
        self._complete = 0
        self._behind = 0
        self._timer: IDelayedCall | None = None
        self._working: Deferred[None] | None = None
        self._stopping = False

    # -- its life

    async def start(self) -> None:
        """Open the index and add a first piece of what it lacks; the rest in the background."""
        try:
            await self._open(anew=False)
            await self._add_piece()
        except Exception as error:
            self._broke(error)
        else:
            self._work()

    async def stop(self) -> None:
        """Let it end what it does, tell the index what waits, close it."""
        self._stopping = True
        self._cancel_timer()
        if self._working is not None:
            await self._working
        index = self._index
        if index is not None:
            with self._log.failuresHandled("the text index could not be closed"):
                if len(self._fresh):
                    await self._add_piece()
                self.problem = "text search is closed"
                await self._threads.run(self._threads.pools.text, index.close)

    # -- what the database has now

    def changed(self, key: int, said: Said, change: int) -> None:
        """A memory says C{said} since C{change}."""
        self._fresh.put(key, said, change)
        self._work_soon()

    def removed(self, key: int, change: int) -> None:
        """A memory is gone since C{change}."""
        self._fresh.remove(key, change)
        self._work_soon()

    # -- searching

    def search(self, asked: Sequence[str], wanted: Filter, limit: int) -> dict[int, float]:
        """The best C{limit} keys within the filter with their BM25 scores, best first."""
        index = self._index
        weights, indexed = _NO_WEIGHTS, []
        try:
            if index is not None:
                weights = index.weights(asked)
            fresh = self._fresh.search(asked, self._columns, wanted, limit, weights)
            if index is not None:
                indexed = index.search(asked, wanted, limit, fresh.hidden)
        except Exception as error:
            self._reactor.callFromThread(self._failed, index, error)
            fresh = self._fresh.search(asked, self._columns, wanted, limit, weights)
        best = sorted((*fresh.hits, *indexed), key=lambda hit: -hit[1])
        return dict(best[:limit])

    def rarities(self, asked: Sequence[str]) -> dict[str, float]:
        """The idf of each term; empty where it cannot be told."""
        index = self._index
        try:
            weights = _NO_WEIGHTS if index is None else index.weights(asked)
        except Exception as error:
            self._reactor.callFromThread(self._failed, index, error)
            return {}
        documents, holders = self._fresh.holders(asked)
        return {
            term: idf(
                weights.documents + documents, holders[term] + weights.frequencies.get(term, 0)
            )
            for term in asked
        }

    def holding(
        self, words: Sequence[Words], keys: Collection[int], wanted: Filter
    ) -> dict[int, int]:
        """What each of C{keys} holds of C{words}: see L{TextIndex.holding}."""
        held = self._fresh.holding(words, keys)
        index = self._index
        if index is None:
            return held
        others = [key for key in keys if key not in held]
        try:
            return held | index.holding(words, others, wanted.state == "archived")
        except Exception as error:
            self._reactor.callFromThread(self._failed, index, error)
            return held

    def test(self, now: float) -> str:
        """Look for the sentinel. Empty where it was found, else one line."""
        index = self._index
        if index is None:
            return self.problem
        try:
            found = index.search((sentinel.TERM,), Filter(now=now), 1)
            if [key for key, _ in found] != [sentinel.KEY]:
                raise IndexBroken("the text index does not find its sentinel")
        except Exception as error:
            self._reactor.callFromThread(self._failed, index, error)
            return str(error)
        return ""

    # -- keeping in step

    def _work_soon(self) -> None:
        if self._working is not None or self._index is None or self._stopping:
            return
        if len(self._fresh) >= _COMMIT_ROWS:
            self._work()
        elif self._timer is None:
            self._timer = self._reactor.callLater(_COMMIT_SECONDS, self._work)

    def _work(self) -> None:
        self._cancel_timer()
        self._working = Deferred()
        Deferred.fromCoroutine(self._bring_up_to_date()).addCallback(self._rest, self._working)

    def _rest(self, _: None, worked: Deferred[None]) -> None:
        self._working = None
        worked.callback(None)
        if len(self._fresh):
            self._work_soon()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _try_later(self, seconds: float) -> None:
        self._cancel_timer()
        if not self._stopping:
            self._timer = self._reactor.callLater(seconds, self._work)

    async def _bring_up_to_date(self) -> None:
        try:
            if self._index is None:
                await self._open(anew=True)
            while not self._stopping and await self._add_piece():
                pass
            if not self._stopping:
                await self._scrub()
        except Exception as error:
            if self._stopping:
                self._log.info("the text index is left as it is: {error}", error=error)
            elif isinstance(error, StoreError):
                self._log.failure("the text index could not be brought up to date")
                self._try_later(_RETRY_SECONDS)
            else:
                self._broke(error)

    async def _open(self, anew: bool) -> None:
        numbers = await self._database.read(changes.change_numbers)
        index, at = await self._threads.run(
            self._threads.pools.text, lambda: self._opened(numbers, anew)
        )
        self._index, self._complete = index, at
        self._say_behind(await self._database.read(lambda db: changes.count_changed(db, at)))

    async def _add_piece(self) -> bool:
        """Add what changed next. Answers whether there may be more."""
        index, at = self._index, self._complete
        assert index is not None
        changed = await self._database.read(lambda db: changes.changed_since(db, at, _COMMIT_ROWS))
        if changed.change != at:
            await self._threads.run(self._threads.pools.text, lambda: _commit(index, changed))
        self._complete = changed.change
        self._fresh.settled(changed.change)
        # Those behind what was missing came since, and are fresh: a search finds them already.
        self._say_behind(max(self._behind - changed.count, 0) if changed.more else 0)
        return changed.more

    async def _scrub(self) -> None:
        """
        Make the index anew where memories were purged: it keeps their words until then.
        """
        index, change = self._index, self._complete
        if index is None or await self._database.read(changes.is_scrubbed):
            return
        await self._threads.run(
            self._threads.pools.text, lambda: index.rebuild(self._documents(), change)
        )
        await self._database.write(lambda db: changes.scrubbed(db, change))

    def _say_behind(self, behind: int) -> None:
        self._behind = behind
        self.problem = ""
        if behind:
            self.problem = f"text search is being rebuilt, {behind:,} memories to go"

    def _failed(self, index: TextIndex | None, error: Exception) -> None:
        """A search met an error; one on an index that was replaced meanwhile says nothing."""
        if index is None or index is not self._index or self._stopping:
            return
        if self._working is None:
            self._broke(error)
        else:
            # What is at work with it meets the same error, or mends it.
            self.problem = f"text search failed: {error}"

    def _broke(self, error: Exception) -> None:
        """Give the index up and make it anew: at once where it was in order until now."""
        self._log.failure("the text index is made anew", Failure(error))
        delay = _RETRY_SECONDS if self.problem else 0.0
        self.problem = f"text search is being rebuilt: {error}"
        self._behind = 0
        index, self._index = self._index, None
        if index is not None:
            closed = self._threads.run(self._threads.pools.text, index.close)
            closed.addErrback(lambda failure: self._log.failure("not closed", failure))
        self._try_later(delay)

    # -- on the text thread

    def _opened(self, numbers: range, anew: bool) -> tuple[TextIndex, int]:
        """The index and the change up to which it is complete."""
        if anew:
            shutil.rmtree(self._directory, ignore_errors=True)
        index = TextIndex(self._directory)
        complete = index.open()
        # One that is new, or was made of a database that is no longer here, begins empty.
        if complete not in numbers:
            complete = numbers.start
            index.rebuild([sentinel.DOCUMENT], complete)
        return index, complete

    def _documents(self) -> Iterator[Document]:
        yield sentinel.DOCUMENT
        at = sentinel.KEY
        while piece := self._read_here(at):
            yield from map(_document, piece)
            at = piece[-1].key
            if self._stopping:
                raise StoreError("the store is being closed")

    def _read_here(self, key: int) -> list[Memory]:
        return self._database.read_here(lambda db: changes.after(db, key, _COMMIT_ROWS))


_NO_WEIGHTS = Weights(documents=0, average_length=0.0, frequencies={})


def _commit(index: TextIndex, changed: Changed) -> None:
    documents = [_document(memory) for memory in changed.memories]
    index.commit(documents, changed.removed, changed.change)


def _document(memory: Memory) -> Document:
    return Document(memory, terms(memory.text))
