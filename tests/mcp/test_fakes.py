"""The stand-in for the sessions does what the session manager does."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.sessions.interfaces import Busy, ISessions, Opening, SessionLimit
from mnemo.sessions.manager import SessionManager
from tests.mcp.fakes import FakeSessions
from tests.sessions.fakes import FakeSessionStore


class SessionsContract:
    """Mixed into a test case that sets C{sessions}, with room for 4 of them."""

    sessions: ISessions
    one_at_a_time: ISessions

    def opening(self, principal: str = "ann", client: str = "c", project: str = "p") -> Opening:
        return Opening("2025-11-25", client, "1", principal, project)

    def now(self: Any, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def open(self, **opening: str) -> Any:
        return self.now(self.sessions.open(self.opening(**opening)))

    def work(self, handle: str = "", **opening: str) -> Any:
        return self.now(self.sessions.work(self.opening(**opening), handle))

    def test_an_opened_session_is_found_by_its_principal_alone(self: Any) -> None:
        session = self.open()
        self.assertEqual((session.kind, session.project), ("mcp", "p"))
        self.assertIs(self.sessions.find(session.id, "ann"), session)
        self.assertIsNone(self.sessions.find(session.id, "bob"))
        self.assertIsNone(self.sessions.find("gone", "ann"))

    def test_each_opening_is_another_session(self: Any) -> None:
        self.assertNotEqual(self.open().id, self.open().id)

    def test_a_work_session_is_found_by_principal_client_and_project(self: Any) -> None:
        session = self.work()
        self.assertEqual(session.kind, "work")
        self.assertIs(self.work(), session)
        for other in ({"principal": "bob"}, {"client": "d"}, {"project": "q"}):
            self.assertIsNot(self.work(**other), session)

    def test_a_handle_names_a_work_session_of_the_same_principal(self: Any) -> None:
        session = self.work()
        self.assertIs(self.work(session.id, client="d"), session)
        self.assertIsNot(self.work(session.id, principal="bob"), session)
        self.assertIs(self.work("unknown"), session)

    def test_it_is_set_of_which_resources_a_session_is_told(self: Any) -> None:
        session = self.open()
        self.assertEqual(session.subscriptions, frozenset())
        for uris in (frozenset({"a:1"}), frozenset({"a:2", "a:3"})):
            self.now(self.sessions.set_subscriptions(session, uris))
            self.assertEqual(session.subscriptions, uris)

    def test_a_handle_names_no_session_that_was_opened(self: Any) -> None:
        self.assertIsNot(self.work(self.open().id), self.open())

    def test_there_are_as_many_sessions_as_may_be(self: Any) -> None:
        for _ in range(4):
            self.open()
        for making in (self.sessions.open, self.sessions.work):
            failed = Deferred.fromCoroutine(making(self.opening(client="x")))
            self.failureResultOf(failed, SessionLimit)

    def test_an_ended_session_is_not_found(self: Any) -> None:
        session = self.open()
        for _ in range(2):
            self.now(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.sessions.find(session.id, "ann"))

    def test_a_session_moves_to_another_project(self: Any) -> None:
        session = self.open()
        self.now(self.sessions.set_project(session, "q"))
        self.assertEqual(session.project, "q")

    def test_a_call_runs_in_its_session(self: Any) -> None:
        session = self.open()

        async def call() -> object:
            return session.running

        self.assertEqual(self.now(self.sessions.admit(session, call)), 1)
        self.assertEqual(session.running, 0)

    def test_a_call_that_fails_or_is_cancelled_gives_its_slot_back(self: Any) -> None:
        session = self.open()

        async def fails() -> None:
            raise ZeroDivisionError

        async def waits() -> None:
            await Deferred()

        failed = Deferred.fromCoroutine(self.sessions.admit(session, fails))
        self.failureResultOf(failed, ZeroDivisionError)
        waiting = Deferred.fromCoroutine(self.sessions.admit(session, waits))
        self.assertEqual(session.running, 1)
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual(session.running, 0)

    def test_a_call_too_many_is_told_when_to_try_again(self: Any) -> None:
        session = self.now(self.one_at_a_time.open(self.opening()))

        async def waits() -> None:
            await Deferred()

        first = Deferred.fromCoroutine(self.one_at_a_time.admit(session, waits))
        second = Deferred.fromCoroutine(self.one_at_a_time.admit(session, waits))
        busy = self.failureResultOf(second, Busy).value
        self.assertGreater(busy.retry_after, 0)
        self.assertIn(f"{busy.retry_after} s", str(busy))
        first.cancel()
        self.failureResultOf(first)


class FakeTests(SessionsContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions(limit=4)
        self.one_at_a_time = FakeSessions(waiting_limit=1)


class ManagerTests(SessionsContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = self.manager(limit=4)
        self.one_at_a_time = self.manager(running=1, waiting=0)

    def manager(self, **config: int) -> SessionManager:
        store = FakeSessionStore()
        manager = SessionManager(Clock(), store, SessionsConfig(**config))  # type: ignore[arg-type]
        self.successResultOf(manager.start())
        return manager
