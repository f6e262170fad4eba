"""Sessions and all that befalls them, against a simple model."""

from collections import Counter
from collections.abc import Coroutine
from typing import Any

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.sessions.interfaces import Busy, Opening, Session, SessionLimit
from mnemo.sessions.manager import CALLS_EVERYWHERE, SessionManager
from mnemo.store.sessions import SessionRow
from tests.sessions.fakes import FakeSessionStore

CONFIG = SessionsConfig(idle_minutes=1.0, limit=10, running=8, waiting=32)
WINDOW = 60
ROUND = 6

principals = st.sampled_from(["alice", "bob"])
clients = st.sampled_from(["claude", "codex"])
projects = st.sampled_from(["", "mnemo"])
any_number = st.integers(0, 1000)


@define(eq=False)
class Known:
    """A session that the model takes for live."""

    principal: str
    asked: tuple[str, ...]
    session: Session
    active: float


@define(eq=False)
class Call:
    """A call that has not ended."""

    session: Session
    work: Deferred[None] = field(factory=Deferred)
    answer: Deferred[object] = field(factory=Deferred)
    running: bool = False


class SessionLife(RuleBasedStateMachine):
    """The model: who lives and since when they are quiet, who has ended, which calls there are."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = FakeSessionStore()
        self.told: Counter[str] = Counter()
        self.live: dict[str, Known] = {}
        self.ended: dict[str, str] = {}
        self.calls: list[Call] = []
        self.start()

    def start(self) -> None:
        self.manager = SessionManager(self.clock, self.store, CONFIG, self.on_end)
        self.manager.start()
        self.started = self.clock.seconds()

    def on_end(self, row: SessionRow) -> None:
        self.told[row.id] += 1
        assert row.reason == self.ended.get(row.id, "idle")
        assert row.ended == self.clock.seconds()

    def answer(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What comes of it at once, a failure included."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(outcome.append)
        return outcome[0].value if isinstance(outcome[0], Failure) else outcome[0]

    def seen(self, session: Session) -> str:
        if session.id in self.live:
            self.live[session.id].active = self.clock.seconds()
        return session.id

    def mine(self, session: Session, running: bool) -> int:
        return sum(call.session is session and call.running == running for call in self.calls)

    def idle(self, known: Known) -> bool:
        since = max(known.active, self.started)
        busy = known.session.streams or any(call.session is known.session for call in self.calls)
        return not busy and self.clock.seconds() - since >= WINDOW

    # -- clients come and go

    @rule(target=ids, principal=principals, client=clients)
    def open(self, principal: str, client: str) -> str:
        full = len(self.live) >= CONFIG.limit
        session = self.answer(self.manager.open(Opening("v", client, "1", principal, "")))
        return self.new(session, principal, (), full)

    @rule(target=ids, principal=principals, client=clients, project=projects)
    def work(self, principal: str, client: str, project: str) -> str:
        asked = (principal, client, project)
        before = [
            known for known in self.live.values() if known.asked == asked and not self.idle(known)
        ]
        full = len(self.live) >= CONFIG.limit
        opening = Opening("v", client, "1", principal, project)
        session = self.answer(self.manager.work(opening))
        if before:
            assert session is before[-1].session
            return self.seen(session)
        return self.new(session, principal, asked, full)

    def new(self, session: Any, principal: str, asked: tuple[str, ...], full: bool) -> str:
        if full:
            assert isinstance(session, SessionLimit)
            return ""
        assert session.id not in self.live
        assert session.id not in self.ended
        assert self.store.rows[session.id].ended is None
        self.live[session.id] = Known(principal, asked, session, self.clock.seconds())
        return self.seen(session)

    @rule(id=ids, principal=principals)
    def find(self, id: str, principal: str) -> None:
        found = self.manager.find(id, principal)
        known = self.live.get(id)
        if known is None or known.principal != principal:
            assert found is None
        else:
            assert found is known.session
            self.seen(found)

    @rule(id=ids, project=projects)
    def set_project(self, id: str, project: str) -> None:
        if known := self.live.get(id):
            self.answer(self.manager.set_project(known.session, project))
            assert self.store.rows[id].project == known.session.project == project

    @rule(id=ids)
    def delete(self, id: str) -> None:
        if known := self.live.pop(id, None):
            self.ended[id] = "deleted"
            self.answer(self.manager.end(known.session, "deleted"))

    @rule(id=ids)
    def open_stream(self, id: str) -> None:
        if known := self.live.get(id):
            known.session.streams += 1

    @rule(id=ids)
    def close_stream(self, id: str) -> None:
        known = self.live.get(id)
        if known and known.session.streams:
            known.session.streams -= 1
            known.session.active = self.clock.seconds()
            self.seen(known.session)

    # -- their calls

    @rule(id=ids, count=st.integers(1, 3) | st.integers(1, 45))
    def call(self, id: str, count: int) -> None:
        if known := self.live.get(id):
            for _ in range(count):
                self.one_call(known.session)

    def one_call(self, session: Session) -> None:
        refuse = self.mine(session, running=False) >= CONFIG.waiting
        call = Call(session)
        self.calls.append(call)

        async def run() -> str:
            call.running = True
            await call.work
            return "done"

        call.answer = Deferred.fromCoroutine(self.manager.admit(session, run))
        if refuse:
            assert isinstance(self.outcome(call), Busy)

    def outcome(self, call: Call) -> object:
        """What came of a call, which is over by that."""
        outcome: list[Any] = []
        call.answer.addBoth(outcome.append)
        self.calls.remove(call)
        self.seen(call.session)
        return outcome[0].value if isinstance(outcome[0], Failure) else outcome[0]

    @rule(number=any_number, count=st.integers(1, 20), fails=st.booleans())
    def finish(self, number: int, count: int, fails: bool) -> None:
        for _ in range(count):
            running = [call for call in self.calls if call.running]
            if running:
                call = running[number % len(running)]
                if fails:
                    call.work.errback(ZeroDivisionError())
                    assert isinstance(self.outcome(call), ZeroDivisionError)
                else:
                    call.work.callback(None)
                    assert self.outcome(call) == "done"

    @rule(number=any_number, count=st.integers(1, 20))
    def cancel(self, number: int, count: int) -> None:
        for _ in range(count):
            if self.calls:
                call = self.calls[number % len(self.calls)]
                call.answer.cancel()
                assert isinstance(self.outcome(call), CancelledError)

    # -- time passes

    @rule(seconds=st.integers(1, 2 * ROUND))
    def wait_a_little(self, seconds: int) -> None:
        self.wait(seconds)

    @rule(seconds=st.integers(WINDOW - 2 * ROUND, WINDOW + 2 * ROUND))
    def wait_long(self, seconds: int) -> None:
        self.wait(seconds)

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            if (self.clock.seconds() - self.started) % ROUND == 0:
                for known in [known for known in self.live.values() if self.idle(known)]:
                    del self.live[known.session.id]
                    self.ended[known.session.id] = "idle"

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        """The calls and streams of a daemon die with it. Its sessions do not."""
        if killed:
            for timer in self.clock.getDelayedCalls():
                timer.cancel()
        else:
            self.manager.stop()
        self.calls.clear()
        self.start()
        for name, known in self.live.items():
            found = self.manager.find(name, known.principal)
            assert found is not None
            known.session, known.active = found, self.clock.seconds()

    # -- and always

    @invariant()
    def slots_are_those_of_the_calls_that_run(self) -> None:
        for session in {call.session for call in self.calls}:
            running, waiting = self.mine(session, True), self.mine(session, False)
            assert session.running == running <= CONFIG.running
            assert waiting <= CONFIG.waiting
            if waiting:
                everywhere = sum(call.running for call in self.calls)
                assert running == CONFIG.running or everywhere == CALLS_EVERYWHERE
        running = sum(call.running for call in self.calls)
        now = self.manager.statistics
        assert now.running == running <= CALLS_EVERYWHERE
        assert now.waiting == len(self.calls) - running

    @invariant()
    def who_lives_lives(self) -> None:
        assert self.manager.statistics.live == len(self.live)
        rows = self.store.rows.values()
        assert {row.id for row in rows if row.ended is None} == set(self.live)

    @invariant()
    def each_end_was_told_once(self) -> None:
        assert self.told == Counter(dict.fromkeys(self.ended, 1))

    def teardown(self) -> None:
        while self.calls:
            self.cancel(0, 1)
        assert self.manager.statistics.running == 0
        assert all(known.session.running == 0 for known in self.live.values())


class SessionLifeTests(SynchronousTestCase):
    def test_sessions_live_as_the_model_says(self) -> None:
        run_state_machine_as_test(
            SessionLife, settings=settings(max_examples=200, stateful_step_count=80, deadline=None)
        )
