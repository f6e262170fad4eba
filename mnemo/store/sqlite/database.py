"""The database file in the hands of its threads: one that writes, a few that read."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.schema import open_reader, open_writer, transaction
from mnemo.store.sqlite.threads import Threads

T = TypeVar("T")


@frozen
class _Write(Generic[T]):
    """A write that waits for its turn."""

    work: Callable[[sqlite3.Connection], T]
    applied: Callable[[T], object] | None
    answer: Deferred[T]


class Database:
    """
    Group commit on one writer thread, and read-only connections for the readers.

    Writes queue on the reactor thread. One hop takes all that wait, runs each in a savepoint
    of one transaction, and answers them in order after its commit: many writers at once share
    one wait for the disk. What one of them raises is undone and fails that one alone.
    """

    _log = Logger()

    def __init__(self, path: Path, threads: Threads) -> None:
        self.path = path
        self._threads = threads
        self._writer: sqlite3.Connection | None = None
        # Each is used by one thread at a time; the last one used has the warmest cache.
        self._readers: list[sqlite3.Connection] = []
        self._waiting: list[_Write[Any]] = []
        self._writing = False
        self._open = False
        self._written: Deferred[None] | None = None

    def start(self) -> Deferred[None]:
        """Open or create the file, and bring it to the newest schema."""

        def opened(writer: sqlite3.Connection) -> None:
            self._writer = writer
            self._open = True

        pool = self._threads.pools.writer
        return self._threads.run(pool, lambda: open_writer(self.path)).addCallback(opened)

    def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        applied: Callable[[T], object] | None = None,
    ) -> Deferred[T]:
        """
        What C{work} returns, once it is durable.

        @param work: called on the writer thread, inside a transaction
        @param applied: called on the reactor thread with what C{work} returned, after the
            commit and before the answer, even where nobody waits for the answer any more
        @raise StoreError: where the database cannot take it
        """
        if not self._open:
            return fail(StoreError("the store is closed"))
        write = _Write(work, applied, Deferred())
        self._waiting.append(write)
        if not self._writing:
            self._next_batch()
        return write.answer

    def read(self, work: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """
        What C{work} returns, called on a reader thread with a connection that cannot write.

        @raise StoreError: where the database cannot be read
        """
        if not self._open:
            return fail(StoreError("the store is closed"))
        return self._threads.run(self._threads.pools.readers, lambda: self.read_here(work))

    def read_here(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same on the thread that calls it: one of the store's own."""
        try:
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = open_reader(self.path)
            try:
                return work(connection)
            finally:
                self._readers.append(connection)
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def checkpoint(self) -> Deferred[None]:
        """Move the log into the file and empty it: no text that was removed is left in it."""
        return self._threads.run(self._threads.pools.writer, self._checkpoint)

    async def stop(self) -> None:
        """Finish every write and read that was asked for, checkpoint, close."""
        if not self._open:
            return
        self._open = False
        if self._writing:
            self._written = Deferred()
            await self._written
        await self._threads.drained()
        await self._threads.run(self._threads.pools.writer, self._close)

    # -- on the reactor thread

    def _next_batch(self) -> None:
        batch, self._waiting = self._waiting, []
        self._writing = True
        done = self._threads.run(self._threads.pools.writer, lambda: self._commit(batch))
        done.addCallback(self._answer, batch)

    def _answer(self, results: list[Any], batch: list[_Write[Any]]) -> None:
        for write, result in zip(batch, results, strict=True):
            if write.applied is not None and not isinstance(result, Failure):
                with self._log.failuresHandled("a durable write could not be applied"):
                    write.applied(result)
            write.answer.callback(result)
        self._writing = False
        if self._waiting:
            self._next_batch()
        elif self._written is not None:
            self._written.callback(None)

    # -- on the store's threads

    def _commit(self, batch: list[_Write[Any]]) -> list[Any]:
        assert self._writer is not None
        try:
            with transaction(self._writer):
                return [self._attempt(self._writer, write.work) for write in batch]
        except Exception as error:
            return [Failure(self._explained(error)) for _ in batch]

    def _attempt(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
    ) -> T | Failure:
        connection.execute("SAVEPOINT attempt")
        result: T | Failure
        try:
            result = work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise
            connection.execute("ROLLBACK TO attempt")
            result = Failure(self._explained(error))
        connection.execute("RELEASE attempt")
        return result

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error):
            return StoreError(f"{self.path}: {error}")
        if isinstance(error, UnicodeEncodeError):
            return StoreError(f"this text is no valid Unicode: {error.reason}")
        return error

    def _checkpoint(self) -> None:
        assert self._writer is not None
        try:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _close(self) -> None:
        assert self._writer is not None
        for reader in self._readers:
            reader.close()
        try:
            self._checkpoint()
        finally:
            self._writer.close()
