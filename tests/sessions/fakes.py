"""A store of sessions in memory, which can be told to fail or to keep its answers back."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from mnemo.store.interfaces import StoreError
from mnemo.store.sessions import ISessionRows, SessionRow, SessionSummary

T = TypeVar("T")


@implementer(ISessionRows)
@define
class FakeSessionStore:
    """
    The session part of a store; C{tests.sessions.contract} keeps it to what the real one does.

    @ivar rows: every session by its id
    @ivar memories: when the memories of each session were made
    @ivar touches: what each L{touch} was given
    @ivar broken: while true, every call fails and does nothing
    @ivar forgetful: while true, every call is done and fails all the same
    @ivar held: while a list, calls wait in it for L{release}
    """

    rows: dict[str, SessionRow] = field(factory=dict)
    memories: dict[str, list[float]] = field(factory=dict)
    touches: list[Mapping[str, float]] = field(factory=list)
    broken: bool = False
    forgetful: bool = False
    held: list[Callable[[], object]] | None = None

    def remember(self, session: str, created: float) -> None:
        """Let a session have made a memory."""
        self.memories.setdefault(session, []).append(created)

    def release(self) -> None:
        """Do what was held, in order, and hold nothing more."""
        held, self.held = self.held or [], None
        for call in held:
            call()

    def save(self, row: SessionRow) -> Deferred[None]:
        def save() -> None:
            self.rows[row.id] = row

        return self._answer(save)

    def touch(self, active: Mapping[str, float]) -> Deferred[None]:
        def touch() -> None:
            self.touches.append(dict(active))
            for name in active.keys() & self.rows.keys():
                self.rows[name] = evolve(self.rows[name], active=active[name])

        return self._answer(touch)

    def set_subscriptions(self, id: str, uris: frozenset[str]) -> Deferred[None]:
        def subscribe() -> None:
            if id in self.rows:
                self.rows[id] = evolve(self.rows[id], subscriptions=uris)

        return self._answer(subscribe)

    def end(self, id: str, ended: float, reason: str) -> Deferred[SessionRow | None]:
        def end() -> SessionRow | None:
            row = self.rows.get(id)
            if row is None or row.ended is not None:
                return None
            count = len(self.memories.get(id, ()))
            self.rows[id] = evolve(row, ended=ended, reason=reason, memories=count)
            return self.rows[id]

        return self._answer(end)

    def live(self) -> Deferred[list[SessionRow]]:
        return self._answer(lambda: [row for row in self.rows.values() if row.ended is None])

    def find(self, id: str) -> Deferred[SessionRow | None]:
        return self._answer(lambda: self.rows.get(id))

    def summaries(
        self, since: float, limit: int, project: str | None
    ) -> Deferred[list[SessionSummary]]:
        def summaries() -> list[SessionSummary]:
            latest = sorted(self.rows.values(), key=lambda row: -row.active)
            wanted = [
                row for row in latest if row.active >= since and project in (None, row.project)
            ]
            return [self._summary(row) for row in wanted[:limit]]

        return self._answer(summaries)

    def _summary(self, row: SessionRow) -> SessionSummary:
        made = self.memories.get(row.id, [])
        return SessionSummary(row, len(made), min(made, default=None), max(made, default=None))

    def _answer(self, work: Callable[[], T]) -> Deferred[T]:
        if self.held is not None:
            answer: Deferred[T] = Deferred()
            self.held.append(lambda: self._answer(work).chainDeferred(answer))
            return answer
        if self.broken:
            return fail(StoreError("the disk is full"))
        outcome = work()
        return fail(StoreError("the answer was lost")) if self.forgetful else succeed(outcome)
