"""Who is connected: every live session, in memory and as a row that outlives the process."""

import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, Final, Literal, TypeVar

import msgspec
from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.config import SessionsConfig
from mnemo.sessions.admission import Admission
from mnemo.sessions.ending import Endings
from mnemo.sessions.interfaces import Opening, Session, SessionLimit, SessionStatistics
from mnemo.sessions.rows import row_of, session_of
from mnemo.store.sessions import ISessionRows, SessionRow

T = TypeVar("T")

CALLS_EVERYWHERE: Final = 64
"""How many calls of all sessions run at once: eight sessions' worth, far more than cores."""

LONGEST_ROUND: Final = 60.0
SHORTEST_ROUND: Final = 0.1
"""Seconds, at most and at least, between two rounds of the reaper: a tenth of the idle time."""

_AT_ONCE: Final = 100
"""How many sessions are ended before the reactor gets a turn: a millisecond or two."""


class SessionManager:
    """
    Opens, finds and ends sessions, and lets their calls run. All on the reactor thread.

    A session is idle when it has had no request, no call and no stream for C{idle_minutes}.
    Time in which no daemon ran does not count: nobody could have sent a request.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        store: ISessionRows,
        config: SessionsConfig,
        onSessionEnd: Callable[[SessionRow], None] | None = None,  # noqa: N803
    ) -> None:
        """
        @param reactor: the clock
        @param onSessionEnd: told of each session that has ended, once, with its last record;
            not of those that live on when the daemon stops
        """
        self._clock = reactor
        self._store = store
        self._limit = config.limit
        self._window = config.idle_minutes * 60
        self._admission = Admission(config.running, config.waiting, CALLS_EVERYWHERE)
        self._endings = Endings(store, onSessionEnd)
        self._live: dict[str, Session] = {}
        self._work: dict[str, Session] = {}
        # Those who wait for a session that is being made, by its id or lookup.
        self._making: dict[str, list[Deferred[Session]]] = {}
        self._started = 0.0
        self._written = 0.0
        self._rounds = LoopingCall(self._round)
        self._rounds.clock = reactor
        self._stopped: Deferred[LoopingCall] | None = None

    # -- life

    def start(self) -> Deferred[None]:
        """Take up the sessions that were live when the last daemon ended."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        rows = await self._store.live()
        # Of two with one lookup, the later is the one in use.
        for row in sorted(rows, key=lambda row: row.active):
            self._keep(session_of(row))
        self._started = self._written = self._clock.seconds()
        interval = min(max(self._window / 10, SHORTEST_ROUND), LONGEST_ROUND)
        self._stopped = self._rounds.start(interval, now=False)

    def stop(self) -> Deferred[None]:
        """Write down when each session was last active. They live on."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._stopped is not None:
            self._rounds.stop()
            await self._stopped
            self._stopped = None
            await self._retry()
            await self._write_active()

    @property
    def statistics(self) -> SessionStatistics:
        """How many sessions and calls there are now."""
        return SessionStatistics(
            len(self._live), self._admission.in_use, self._admission.waiting_everywhere()
        )

    def client_of(self, id: str) -> str:
        """Which program a live session is of; C{""} where that is not known."""
        session = self._live.get(id)
        return "" if session is None else session.opening.client

    # -- sessions

    async def open(self, opening: Opening) -> Session:
        """A new MCP session, durable when answered. Raises L{SessionLimit}."""
        return await self._make(opening, "mcp", "")

    def find(self, id: str, principal: str) -> Session | None:
        """The live session with this id that this principal opened; it counts as active now."""
        session = self._live.get(id)
        if session is None or session.opening.principal != principal:
            return None
        session.active = self._clock.seconds()
        return session

    async def work(self, opening: Opening, handle: str = "") -> Session:
        """
        The work session of a stateless client: the one named by C{handle}, else that of the
        same principal, client and project within the idle window, else a new one.
        Raises L{SessionLimit}.
        """
        named = self._live.get(handle)
        if named is not None and named.kind == "work" and self.find(handle, opening.principal):
            return named
        lookup = _lookup(opening)
        session = self._work.get(lookup)
        if session is None or self._is_idle(session):
            return await self._make(opening, "work", lookup)
        session.active = self._clock.seconds()
        return session

    async def end(self, session: Session, reason: str) -> None:
        """End a session; C{onSessionEnd} runs once."""
        if self._live.get(session.id) is not session:
            return
        del self._live[session.id]
        if self._work.get(session.lookup) is session:
            del self._work[session.lookup]
        ended = self._endings.end(session.id, self._clock.seconds(), reason)
        await _sheltered(Deferred.fromCoroutine(ended))

    async def set_project(self, session: Session, project: str) -> None:
        """Say which project a session works in, durably."""
        if project != session.project and self._live.get(session.id) is session:
            await self._store.save(evolve(row_of(session), project=project))
        session.project = project

    async def set_subscriptions(self, session: Session, uris: frozenset[str]) -> None:
        """Say of which resources a session is told, durably; C{uris} replaces what was."""
        # At once, so that who adds one to what there is never works with what was.
        changed, session.subscriptions = uris != session.subscriptions, uris
        if changed and self._live.get(session.id) is session:
            await self._store.set_subscriptions(session.id, uris)

    async def choose_project(self, session: Session, project: str) -> None:
        """Let a session work in a project until it chooses another, durably."""
        if not session.chosen and self._live.get(session.id) is session:
            row = evolve(row_of(session), project=project, chosen=True)
            await self._store.save(row)
        else:
            await self.set_project(session, project)
        session.project, session.chosen = project, True

    async def admit(self, session: Session, call: Callable[[], Awaitable[T]]) -> T:
        """
        Run C{call} when it is this session's turn. Raises L{Busy} where too many wait.
        """
        try:
            return await self._admission.admit(session, call)
        finally:
            session.active = self._clock.seconds()

    # -- making one

    def _make(
        self, opening: Opening, kind: Literal["mcp", "work"], lookup: str
    ) -> Deferred[Session]:
        """
        A new session. All who ask for the same lookup meanwhile get the same one.

        It is made even when nobody waits for it any more, since its row may be there already.
        """
        now = self._clock.seconds()
        session = Session(
            secrets.token_hex(16), kind, opening, opening.project, now, now, lookup=lookup
        )
        key = lookup or session.id
        if key not in self._making and len(self._live) + len(self._making) >= self._limit:
            raise SessionLimit(
                f"There are {self._limit} sessions, as many as may be (sessions.limit). "
                f"Try again in {LONGEST_ROUND:.0f} s, when idle ones may have ended."
            )
        answer: Deferred[Session] = Deferred()
        waiting = self._making.setdefault(key, [])
        waiting.append(answer)

        def made(outcome: Session | Failure) -> None:
            del self._making[key]
            for one in waiting:
                one.callback(outcome)

        if len(waiting) == 1:
            Deferred.fromCoroutine(self._save(session)).addBoth(made)
        return answer

    async def _save(self, session: Session) -> Session:
        await self._store.save(row_of(session))
        self._keep(session)
        return session

    def _keep(self, session: Session) -> None:
        self._live[session.id] = session
        if session.lookup:
            self._work[session.lookup] = session

    # -- the round

    async def _round(self) -> None:
        """End who is idle, write down who was active. What fails is tried in the next round."""
        try:
            await self._retry()
            await self._reap()
            await self._write_active()
        except Exception:
            self._log.failure("a round over the sessions failed")

    async def _retry(self) -> None:
        failed = self._endings.failed().items()
        await _in_groups(self._endings.end(name, *ending) for name, ending in failed)

    async def _reap(self) -> None:
        idle = [session for session in self._live.values() if self._is_idle(session)]
        await _in_groups(self._end_idle(session) for session in idle)

    async def _end_idle(self, session: Session) -> None:
        # It may have come back while others were ended.
        if self._is_idle(session):
            await self.end(session, "idle")

    async def _write_active(self) -> None:
        now = self._clock.seconds()
        for session in self._live.values():
            if self._is_busy(session):
                session.active = now
        active = {s.id: s.active for s in self._live.values() if s.active >= self._written}
        if active:
            await self._store.touch(active)
        self._written = now

    def _is_busy(self, session: Session) -> bool:
        return bool(session.running or session.streams or self._admission.waiting_in(session))

    def _is_idle(self, session: Session) -> bool:
        since = max(session.active, self._started)
        return self._clock.seconds() - since >= self._window and not self._is_busy(session)


async def _in_groups(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do so much at once that the store can commit it together, and no more than that."""
    rest = iter(work)
    while group := [Deferred.fromCoroutine(one) for one in islice(rest, _AT_ONCE)]:
        await gatherResults(group, consumeErrors=True)


def _sheltered(work: Deferred[T]) -> Deferred[T]:
    """An answer that can be cancelled without cancelling the work."""
    answer: Deferred[T] = Deferred()
    work.chainDeferred(answer)
    return answer


def _lookup(opening: Opening) -> str:
    """What the requests of one stateless client have in common."""
    return msgspec.json.encode((opening.principal, opening.client, opening.project)).decode()
