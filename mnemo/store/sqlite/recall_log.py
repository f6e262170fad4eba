"""Recalls on their way into the database."""

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.store.records import QueryRow
from mnemo.store.sqlite import recalls
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.threads import Reactor

_WRITE_SECONDS = 1.0
"""How long a recall waits for others to be written with it."""


class RecallLog:
    """Holds what recalls returned until it is written, many at once, off their path."""

    _log = Logger()

    def __init__(self, database: Database, reactor: Reactor) -> None:
        self._database = database
        self._reactor = reactor
        self._waiting: dict[str, QueryRow] = {}
        self._timer: IDelayedCall | None = None
        self._stopped = False

    def record(self, query: QueryRow) -> None:
        """Take in a recall."""
        self._waiting[query.id] = query
        if len(self._waiting) > recalls.KEPT:
            del self._waiting[next(iter(self._waiting))]
        if self._timer is None and not self._stopped:
            self._timer = self._reactor.callLater(_WRITE_SECONDS, self._due)

    def find(self, id: str) -> Deferred[QueryRow | None]:
        """A recall, written or not."""
        if id in self._waiting:
            return succeed(self._waiting[id])
        return self._database.read(lambda db: recalls.query(db, id))

    def lately(self, since: float, limit: int, project: str | None) -> Deferred[list[QueryRow]]:
        """What was asked, written or not, newest first."""

        def with_waiting(written: list[QueryRow]) -> list[QueryRow]:
            found = {each.id: each for each in written}
            for each in self._waiting.values():
                if each.kind == "recall" and each.at >= since and project in (None, each.project):
                    found[each.id] = each
            return sorted(found.values(), key=lambda each: -each.at)[:limit]

        return self._database.read(
            lambda db: recalls.lately(db, since, limit, project)
        ).addCallback(with_waiting)

    def of_session(self, session: str) -> Deferred[list[QueryRow]]:
        """All that a session has been shown, written or not, oldest first."""

        def with_waiting(written: list[QueryRow]) -> list[QueryRow]:
            found = {each.id: each for each in written}
            for each in self._waiting.values():
                if each.session == session:
                    found[each.id] = each
            return list(found.values())

        return self._database.read(lambda db: recalls.of_session(db, session)).addCallback(
            with_waiting
        )

    def forget(self, project: str) -> Deferred[None]:
        """Drop the recalls within a project, written or not."""
        for query in [each for each in self._waiting.values() if each.project == project]:
            del self._waiting[query.id]
        return self._database.write(lambda db: recalls.forget(db, project))

    def let_go(self, gone: frozenset[str]) -> None:
        """Memories were removed for good: nothing of them may be written any more."""
        for query in list(self._waiting.values()):
            self._waiting[query.id] = recalls.without(query, gone)

    def flush(self) -> Deferred[None]:
        """Write what waits."""
        return self._write()

    def stop(self) -> Deferred[None]:
        """Write what waits; what comes later is dropped."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._write()

    def _due(self) -> None:
        self._timer = None
        self._write()

    def _write(self) -> Deferred[None]:
        batch = tuple(self._waiting.values())
        if not batch:
            return succeed(None)

        def written(_: None) -> None:
            for query in batch:
                self._waiting.pop(query.id, None)

        def failed(failure: Failure) -> None:
            # They wait for the next recall, and go with it.
            self._log.failure("{many} recalls could not be kept", failure, many=len(batch))

        return self._database.write(lambda db: recalls.record(db, batch)).addCallbacks(
            written, failed
        )
