"""Who is connected, and when that ends."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.sessions.interfaces import (
    Busy,
    ISessions,
    Opening,
    Session,
    SessionLimit,
    SessionStatistics,
)
from mnemo.sessions.manager import SessionManager
from mnemo.store.interfaces import StoreError
from mnemo.store.sessions import SessionRow
from tests.sessions.fakes import FakeSessionStore

MINUTE = 60.0

OPENING = Opening(
    version="2025-11-25",
    client="claude-code",
    client_version="2.1",
    principal="local",
    project="",
    capabilities={"roots": {}},
)


class ManagerTestCase(SynchronousTestCase):
    """A manager that has started over an empty store, at the time 1000."""

    config = SessionsConfig()

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.store = FakeSessionStore()
        self.ended: list[SessionRow] = []
        self.sessions = self.started()

    def started(self, hook: Callable[[SessionRow], None] | None = None) -> SessionManager:
        manager = SessionManager(self.clock, self.store, self.config, hook or self.ended.append)
        self.successResultOf(manager.start())
        return manager

    def killed_and_started(self) -> None:
        """Another daemon, over the rows that the first left behind when it was killed."""
        for call in self.clock.getDelayedCalls():
            call.cancel()
        self.sessions = self.started()

    def now(self, answer: Awaitable[Any]) -> Any:
        return self.successResultOf(self.later(answer))

    def later(self, answer: Awaitable[Any]) -> "Deferred[Any]":
        async def awaited() -> Any:
            return await answer

        return Deferred.fromCoroutine(awaited())

    def open(self, **said: Any) -> Session:
        session: Session = self.now(self.sessions.open(evolve(OPENING, **said)))
        return session

    def work(self, handle: str = "", **said: Any) -> Session:
        session: Session = self.now(self.sessions.work(evolve(OPENING, **said), handle))
        return session

    def pass_minutes(self, minutes: int) -> None:
        self.clock.pump([MINUTE] * minutes)

    def row(self, session: Session) -> SessionRow:
        return self.store.rows[session.id]


class OpeningTests(ManagerTestCase):
    def test_it_is_what_the_protocol_needs(self) -> None:
        sessions: ISessions = self.sessions
        self.assertIs(sessions, self.sessions)

    def test_a_session_has_an_id_of_128_random_bits_in_visible_ascii(self) -> None:
        ids = {self.open().id for _ in range(50)}
        self.assertEqual(len(ids), 50)
        for each in ids:
            self.assertRegex(each, r"\A[0-9a-f]{32}\Z")

    def test_a_session_is_found_by_its_id(self) -> None:
        session = self.open()
        self.assertIs(self.sessions.find(session.id, "local"), session)

    def test_the_client_of_a_session_is_known_without_waking_it(self) -> None:
        session = self.open(client="claude-code")
        active = session.active
        self.clock.advance(5)
        self.assertEqual(self.sessions.client_of(session.id), "claude-code")
        self.assertEqual((self.sessions.client_of("nobody"), session.active), ("", active))

    def test_another_id_is_unknown(self) -> None:
        self.open()
        for other in ("", "0" * 32, "no such session"):
            self.assertIsNone(self.sessions.find(other, "local"))

    def test_the_session_of_another_principal_is_unknown(self) -> None:
        session = self.open(principal="alice")
        self.assertIsNone(self.sessions.find(session.id, "local"))
        self.assertIs(self.sessions.find(session.id, "alice"), session)

    def test_its_row_is_kept_before_it_is_answered(self) -> None:
        self.store.held = []
        opening = self.later(self.sessions.open(OPENING))
        self.assertNoResult(opening)
        self.store.release()
        session = self.successResultOf(opening)
        self.assertEqual(
            self.row(session),
            SessionRow(
                id=session.id,
                kind="mcp",
                version="2025-11-25",
                client="claude-code",
                client_version="2.1",
                principal="local",
                project="",
                capabilities={"roots": {}},
                created=1000.0,
                active=1000.0,
            ),
        )

    def test_where_the_store_fails_there_is_no_session(self) -> None:
        self.store.broken = True
        self.failureResultOf(self.later(self.sessions.open(OPENING)), StoreError)
        self.assertEqual(self.sessions.statistics.live, 0)

    def test_one_whose_client_went_away_meanwhile_ends_like_any_other(self) -> None:
        self.store.held = []
        opening = self.later(self.sessions.open(OPENING))
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        self.store.release()
        self.assertEqual(self.sessions.statistics.live, 1)
        self.pass_minutes(31)
        self.assertEqual([row.reason for row in self.ended], ["idle"])


class LimitTests(ManagerTestCase):
    config = SessionsConfig(limit=3)

    def test_there_are_only_so_many_sessions_of_all_kinds(self) -> None:
        self.open()
        self.open()
        self.work()
        for another in (
            self.sessions.open(OPENING),
            self.sessions.work(evolve(OPENING, client="x")),
        ):
            refusal = self.failureResultOf(self.later(another), SessionLimit).value
            self.assertEqual(
                str(refusal),
                "There are 3 sessions, as many as may be (sessions.limit). "
                "Try again in 60 s, when idle ones may have ended.",
            )

    def test_a_refused_one_leaves_no_row(self) -> None:
        for _ in range(3):
            self.open()
        self.failureResultOf(self.later(self.sessions.open(OPENING)), SessionLimit)
        self.assertEqual(len(self.store.rows), 3)

    def test_those_being_opened_count(self) -> None:
        self.store.held = []
        opening = [self.later(self.sessions.open(OPENING)) for _ in range(3)]
        self.failureResultOf(self.later(self.sessions.open(OPENING)), SessionLimit)
        self.store.release()
        for one in opening:
            self.successResultOf(one)

    def test_those_that_could_not_be_opened_do_not(self) -> None:
        self.store.broken = True
        for _ in range(3):
            self.failureResultOf(self.later(self.sessions.open(OPENING)), StoreError)
        self.store.broken = False
        for _ in range(3):
            self.open()

    def test_one_that_ends_makes_room(self) -> None:
        first, *_ = [self.open() for _ in range(3)]
        self.now(self.sessions.end(first, "deleted"))
        self.open()

    def test_a_client_that_has_a_work_session_gets_it_all_the_same(self) -> None:
        session = self.work()
        self.open()
        self.open()
        self.assertIs(self.work(), session)

    def test_all_that_lived_are_taken_up_even_where_the_limit_has_sunk(self) -> None:
        for _ in range(3):
            self.open()
        self.config = SessionsConfig(limit=1)
        self.killed_and_started()
        self.assertEqual(self.sessions.statistics.live, 3)


class RestartTests(ManagerTestCase):
    def test_sessions_survive_a_kill(self) -> None:
        opened, work = self.open(project="mnemo"), self.work(client="stateless")
        self.killed_and_started()
        for before in (opened, work):
            after = self.sessions.find(before.id, "local")
            assert after is not None
            self.assertIsNot(after, before)
            for part in ("id", "kind", "opening", "project", "created", "lookup"):
                self.assertEqual(getattr(after, part), getattr(before, part))
            self.assertEqual((after.running, after.streams), (0, 0))

    def test_an_ended_session_stays_unknown(self) -> None:
        session = self.open()
        self.now(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.sessions.find(session.id, "local"))
        self.killed_and_started()
        self.assertIsNone(self.sessions.find(session.id, "local"))

    def test_a_stateless_client_finds_its_work_session_again(self) -> None:
        session = self.work(project="mnemo")
        self.now(self.sessions.set_project(session, "other"))
        self.killed_and_started()
        again = self.work(project="mnemo")
        self.assertEqual((again.id, again.project), (session.id, "other"))

    def test_of_two_with_one_lookup_the_later_is_found(self) -> None:
        work = self.row(self.work())
        for number in (5, 9, 2):
            self.store.rows[str(number)] = evolve(work, id=str(number), active=1000.0 + number)
        self.killed_and_started()
        self.assertEqual(self.work().id, "9")

    def test_stopping_ends_nobody(self) -> None:
        session = self.open()
        self.successResultOf(self.sessions.stop())
        self.assertEqual(self.ended, [])
        self.assertIsNone(self.row(session).ended)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_writes_down_when_each_was_active(self) -> None:
        session = self.open()
        self.clock.advance(7.0)
        self.sessions.find(session.id, "local")
        self.successResultOf(self.sessions.stop())
        self.assertEqual(self.row(session).active, 1007.0)

    def test_stopping_waits_for_the_round_that_runs(self) -> None:
        self.open()
        self.store.held = []
        self.clock.advance(MINUTE)
        stopping = self.sessions.stop()
        self.assertNoResult(stopping)
        self.store.release()
        self.successResultOf(stopping)

    def test_one_that_never_started_stops(self) -> None:
        manager = SessionManager(self.clock, self.store, self.config)
        self.successResultOf(manager.stop())

    def test_time_in_which_no_daemon_ran_does_not_make_idle(self) -> None:
        session = self.open()
        self.successResultOf(self.sessions.stop())
        self.clock.advance(24 * 60 * MINUTE)
        self.sessions = self.started()
        self.pass_minutes(29)
        self.assertEqual(self.ended, [])
        self.pass_minutes(1)
        self.assertEqual([row.id for row in self.ended], [session.id])

    def test_a_store_that_fails_fails_the_start(self) -> None:
        self.store.broken = True
        manager = SessionManager(self.clock, self.store, self.config)
        self.failureResultOf(manager.start(), StoreError)


class IdleTests(ManagerTestCase):
    def test_a_session_ends_after_thirty_idle_minutes(self) -> None:
        session = self.open(project="mnemo")
        self.pass_minutes(29)
        self.assertEqual(self.ended, [])
        self.pass_minutes(1)
        self.assertEqual([row.id for row in self.ended], [session.id])
        self.assertIsNone(self.sessions.find(session.id, "local"))

    def test_its_record_says_when_why_who_where_and_how_much(self) -> None:
        session = self.open(project="mnemo")
        self.store.remember(session.id, 1001.0)
        self.store.remember(session.id, 1002.0)
        self.pass_minutes(30)
        [row] = self.ended
        self.assertEqual(row, self.row(session))
        self.assertEqual((row.ended, row.reason), (1000.0 + 30 * MINUTE, "idle"))
        self.assertEqual((row.project, row.client, row.memories), ("mnemo", "claude-code", 2))

    def test_a_request_starts_the_time_anew(self) -> None:
        session = self.open()
        self.pass_minutes(29)
        self.sessions.find(session.id, "local")
        self.pass_minutes(29)
        self.assertEqual(self.ended, [])
        self.pass_minutes(1)
        self.assertEqual(len(self.ended), 1)

    def test_a_request_of_another_principal_does_not(self) -> None:
        session = self.open()
        self.pass_minutes(29)
        self.sessions.find(session.id, "mallory")
        self.pass_minutes(1)
        self.assertEqual(len(self.ended), 1)

    def test_a_session_with_a_running_call_is_not_idle(self) -> None:
        session = self.open()
        answer: Deferred[str] = Deferred()
        call = self.later(self.sessions.admit(session, lambda: answer))
        self.pass_minutes(120)
        answer.callback("done")
        self.assertEqual(self.successResultOf(call), "done")
        self.pass_minutes(29)
        self.assertEqual(self.ended, [])
        self.pass_minutes(1)
        self.assertEqual(len(self.ended), 1)

    def test_a_session_with_a_call_that_waits_is_not_idle(self) -> None:
        endless: Deferred[None] = Deferred()
        others = [self.open() for _ in range(8)]
        for session in others * 8:
            self.later(self.sessions.admit(session, lambda: endless))
        session = self.open()
        waiting = self.later(self.sessions.admit(session, lambda: endless))
        self.assertEqual((session.running, self.sessions.statistics.waiting), (0, 1))
        self.pass_minutes(60)
        self.assertEqual(self.ended, [])
        self.assertNoResult(waiting)

    def test_a_session_with_an_open_stream_is_not_idle(self) -> None:
        session = self.open()
        session.streams += 1
        self.pass_minutes(120)
        self.assertEqual(self.ended, [])
        session.streams -= 1
        self.pass_minutes(30)
        self.assertEqual([row.id for row in self.ended], [session.id])

    def test_many_idle_sessions_end_in_one_round(self) -> None:
        ids = {self.open().id for _ in range(250)}
        self.pass_minutes(30)
        self.assertEqual({row.id for row in self.ended}, ids)
        self.assertEqual(self.sessions.statistics.live, 0)

    def test_one_that_comes_back_while_others_are_ended_stays(self) -> None:
        sessions = [self.open() for _ in range(101)]
        self.pass_minutes(29)
        self.store.held = []
        self.pass_minutes(1)
        self.assertIs(self.sessions.find(sessions[-1].id, "local"), sessions[-1])
        self.store.release()
        self.assertEqual(len(self.ended), 100)
        self.assertEqual(self.sessions.statistics.live, 1)


class ShortIdleTests(ManagerTestCase):
    config = SessionsConfig(idle_minutes=0.5)

    def test_a_short_idle_time_is_looked_at_more_often(self) -> None:
        self.open()
        self.clock.pump([3.0] * 9)
        self.assertEqual(self.ended, [])
        self.clock.pump([3.0])
        self.assertEqual(len(self.ended), 1)


class ActivityTests(ManagerTestCase):
    """When a session was last active is written in batches, never with the request."""

    def test_requests_write_nothing(self) -> None:
        session = self.open()
        for _ in range(10):
            self.clock.advance(1.0)
            self.sessions.find(session.id, "local")
        self.assertEqual(self.store.touches, [])

    def test_each_round_writes_those_that_were_active_since_the_last(self) -> None:
        quiet, busy = self.open(), self.open()
        self.clock.advance(30.0)
        self.sessions.find(busy.id, "local")
        self.clock.advance(30.0)
        self.store.touches.clear()
        self.clock.advance(30.0)
        self.sessions.find(busy.id, "local")
        self.clock.advance(30.0)
        self.assertEqual(self.store.touches, [{busy.id: 1090.0}])
        self.assertEqual((self.row(quiet).active, self.row(busy).active), (1000.0, 1090.0))

    def test_those_with_a_stream_or_a_call_are_active_all_the_time(self) -> None:
        streaming, calling = self.open(), self.open()
        streaming.streams = 1
        endless: Deferred[None] = Deferred()
        self.later(self.sessions.admit(calling, lambda: endless))
        self.pass_minutes(5)
        self.assertEqual(self.row(streaming).active, 1300.0)
        self.assertEqual(self.row(calling).active, 1300.0)

    def test_it_is_active_when_a_call_ends(self) -> None:
        session = self.open()
        answer: Deferred[None] = Deferred()
        self.later(self.sessions.admit(session, lambda: answer))
        self.clock.advance(59.0)
        answer.callback(None)
        self.clock.advance(1.0)
        self.assertEqual(self.row(session).active, 1059.0)

    def test_a_quiet_round_writes_nothing(self) -> None:
        self.open()
        self.pass_minutes(1)
        self.store.touches.clear()
        self.pass_minutes(5)
        self.assertEqual(self.store.touches, [])

    def test_what_could_not_be_written_is_in_the_next_round(self) -> None:
        session = self.open()
        self.clock.advance(30.0)
        self.sessions.find(session.id, "local")
        self.store.broken = True
        self.clock.advance(30.0)
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 1)
        self.store.broken = False
        self.pass_minutes(1)
        self.assertEqual(self.row(session).active, 1030.0)


class EndingTests(ManagerTestCase):
    def test_deleting_ends_it(self) -> None:
        session = self.open(project="mnemo")
        self.store.remember(session.id, 1001.0)
        self.clock.advance(5.0)
        self.now(self.sessions.end(session, "deleted"))
        [row] = self.ended
        self.assertEqual((row.id, row.ended, row.reason), (session.id, 1005.0, "deleted"))
        self.assertEqual((row.project, row.client, row.memories), ("mnemo", "claude-code", 1))
        self.assertIsNone(self.sessions.find(session.id, "local"))

    def test_it_is_unknown_from_the_moment_on_that_it_is_told_to_end(self) -> None:
        session = self.open()
        self.store.held = []
        ending = self.later(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.sessions.find(session.id, "local"))
        self.assertNoResult(ending)
        self.store.release()
        self.successResultOf(ending)

    def test_ending_it_twice_tells_once(self) -> None:
        session = self.open()
        self.store.held = []
        endings = [self.later(self.sessions.end(session, "deleted")) for _ in range(3)]
        self.pass_minutes(60)
        self.store.release()
        for ending in endings:
            self.successResultOf(ending)
        self.now(self.sessions.end(session, "idle"))
        self.assertEqual([row.reason for row in self.ended], ["deleted"])

    def test_it_ends_also_when_the_client_does_not_wait_for_it(self) -> None:
        session = self.open()
        self.store.held = []
        ending = self.later(self.sessions.end(session, "deleted"))
        ending.cancel()
        self.failureResultOf(ending, CancelledError)
        self.store.release()
        self.assertEqual([row.id for row in self.ended], [session.id])

    def test_what_the_store_did_not_take_is_tried_again(self) -> None:
        session = self.open()
        self.store.broken = True
        self.now(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.sessions.find(session.id, "local"))
        self.pass_minutes(2)
        self.assertEqual(self.ended, [])
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 3)
        self.store.broken = False
        self.pass_minutes(1)
        self.assertEqual([(row.ended, row.reason) for row in self.ended], [(1000.0, "deleted")])
        self.pass_minutes(5)
        self.assertEqual(len(self.ended), 1)

    def test_what_the_store_did_not_take_is_tried_again_at_the_stop(self) -> None:
        session = self.open()
        self.store.broken = True
        self.now(self.sessions.end(session, "deleted"))
        self.flushLoggedErrors(StoreError)
        self.store.broken = False
        self.successResultOf(self.sessions.stop())
        self.assertEqual([row.id for row in self.ended], [session.id])

    def test_a_hook_that_fails_stops_no_other(self) -> None:
        told = []

        def broken(row: SessionRow) -> None:
            told.append(row.id)
            raise ZeroDivisionError

        self.successResultOf(self.sessions.stop())
        self.sessions = self.started(broken)
        ids = [self.open().id for _ in range(3)]
        self.pass_minutes(30)
        self.assertEqual(sorted(told), sorted(ids))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.pass_minutes(5)
        self.assertEqual(len(told), 3)


class WorkTests(ManagerTestCase):
    """A stateless client finds its session without an id."""

    def test_the_same_principal_client_and_project_find_the_same_session(self) -> None:
        session = self.work(project="mnemo")
        self.assertEqual(session.kind, "work")
        self.assertIs(self.work(project="mnemo", client_version="3", version="x"), session)
        self.assertEqual(len(self.store.rows), 1)

    def test_another_principal_client_or_project_gets_another(self) -> None:
        session = self.work()
        others = [self.work(principal="p"), self.work(client="c"), self.work(project="j")]
        self.assertEqual(len({session.id, *(other.id for other in others)}), 4)

    def test_names_cannot_be_put_together_to_look_alike(self) -> None:
        one = self.work(client='a", "b', project="c")
        other = self.work(client="a", project='b", "c')
        self.assertIsNot(one, other)

    def test_a_handle_comes_first(self) -> None:
        named, usual = self.work(project="other"), self.work()
        self.assertIs(self.work(named.id), named)
        self.assertIs(self.work(), usual)

    def test_a_handle_that_names_none_of_its_own_work_sessions_is_passed_over(self) -> None:
        usual = self.work()
        foreign, opened = self.work(principal="alice"), self.open()
        gone = self.work(client="gone")
        self.now(self.sessions.end(gone, "deleted"))
        for handle in ("unknown", foreign.id, opened.id, gone.id):
            self.assertIs(self.work(handle), usual)

    def test_it_is_another_after_the_idle_time(self) -> None:
        session = self.work()
        self.pass_minutes(29)
        self.assertIs(self.work(), session)
        self.pass_minutes(30)
        self.assertIsNot(self.work(), session)
        self.assertEqual([row.id for row in self.ended], [session.id])

    def test_it_is_another_even_where_the_reaper_has_not_come_round_yet(self) -> None:
        self.clock.advance(1.0)
        old = self.work()
        self.clock.pump([59.0] + [MINUTE] * 29 + [1.5])
        self.assertEqual(self.ended, [])
        new = self.work()
        self.assertIsNot(new, old)
        self.pass_minutes(1)
        self.assertEqual([row.id for row in self.ended], [old.id])
        self.assertIs(self.work(), new)

    def test_after_it_was_deleted_it_is_another(self) -> None:
        session = self.work()
        self.now(self.sessions.end(session, "deleted"))
        self.assertIsNot(self.work(), session)

    def test_two_first_requests_at_once_get_one_session(self) -> None:
        self.store.held = []
        first, second = (self.later(self.sessions.work(OPENING)) for _ in range(2))
        other = self.later(self.sessions.work(evolve(OPENING, client="other")))
        self.store.release()
        self.assertIs(self.successResultOf(first), self.successResultOf(second))
        self.assertIsNot(self.successResultOf(other), self.successResultOf(first))
        self.assertEqual(len(self.store.rows), 2)

    def test_when_the_first_of_two_goes_away_the_second_has_its_session(self) -> None:
        self.store.held = []
        first, second = (self.later(self.sessions.work(OPENING)) for _ in range(2))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.store.release()
        self.assertIs(self.successResultOf(second), self.work())

    def test_when_the_store_fails_both_are_told_and_the_next_one_gets_a_session(self) -> None:
        self.store.held = []
        asked = [self.later(self.sessions.work(OPENING)) for _ in range(2)]
        self.store.broken = True
        self.store.release()
        for one in asked:
            self.failureResultOf(one, StoreError)
        self.store.broken = False
        self.work()

    def test_its_project_may_change_and_it_is_found_as_before(self) -> None:
        session = self.work()
        self.now(self.sessions.set_project(session, "mnemo"))
        self.assertIs(self.work(), session)
        self.assertEqual(session.project, "mnemo")


class ProjectTests(ManagerTestCase):
    def test_it_is_durable_when_answered(self) -> None:
        session = self.open()
        self.clock.advance(5.0)
        self.store.held = []
        setting = self.later(self.sessions.set_project(session, "mnemo"))
        self.assertNoResult(setting)
        self.store.release()
        self.successResultOf(setting)
        self.assertEqual((session.project, self.row(session).project), ("mnemo", "mnemo"))

    def test_where_the_store_fails_it_stays_as_it_was(self) -> None:
        session = self.open(project="mnemo")
        self.store.broken = True
        setting = self.later(self.sessions.set_project(session, "other"))
        self.failureResultOf(setting, StoreError)
        self.assertEqual(session.project, "mnemo")

    def test_the_same_project_writes_nothing(self) -> None:
        session = self.open(project="mnemo")
        self.store.broken = True
        self.now(self.sessions.set_project(session, "mnemo"))

    def test_a_session_that_has_ended_does_not_come_back_by_it(self) -> None:
        session = self.open()
        self.now(self.sessions.end(session, "deleted"))
        self.now(self.sessions.set_project(session, "mnemo"))
        self.assertIsNotNone(self.row(session).ended)
        self.assertEqual(session.project, "mnemo")


class ChosenProjectTests(ManagerTestCase):
    """A project that a session has chosen itself."""

    def test_it_is_durable_when_answered(self) -> None:
        session = self.open(project="mnemo")
        self.store.held = []
        choosing = self.later(self.sessions.choose_project(session, "pond"))
        self.assertNoResult(choosing)
        self.assertFalse(session.chosen)
        self.store.release()
        self.successResultOf(choosing)
        row = self.row(session)
        self.assertEqual((row.project, row.chosen), ("pond", True))
        self.assertEqual((session.project, session.chosen), ("pond", True))

    def test_the_one_it_is_in_can_be_chosen(self) -> None:
        session = self.open(project="mnemo")
        self.now(self.sessions.choose_project(session, "mnemo"))
        self.assertTrue(self.row(session).chosen)

    def test_another_can_be_chosen_later(self) -> None:
        session = self.open()
        self.now(self.sessions.choose_project(session, "pond"))
        self.now(self.sessions.choose_project(session, "sea"))
        row = self.row(session)
        self.assertEqual((row.project, row.chosen), ("sea", True))

    def test_where_the_store_fails_it_stays_as_it_was(self) -> None:
        session = self.open(project="mnemo")
        self.store.broken = True
        choosing = self.later(self.sessions.choose_project(session, "pond"))
        self.failureResultOf(choosing, StoreError)
        self.assertEqual((session.project, session.chosen), ("mnemo", False))

    def test_a_session_that_has_ended_does_not_come_back_by_it(self) -> None:
        session = self.open()
        self.now(self.sessions.end(session, "deleted"))
        self.now(self.sessions.choose_project(session, "pond"))
        self.assertIsNotNone(self.row(session).ended)


class SubscriptionTests(ManagerTestCase):
    """Of which resources a session is told."""

    URIS = frozenset({"mnemo://memory/1", "mnemo://project/mnemo/context"})

    def test_they_are_durable_when_answered(self) -> None:
        session = self.open()
        self.store.held = []
        setting = self.later(self.sessions.set_subscriptions(session, self.URIS))
        self.assertNoResult(setting)
        self.store.release()
        self.successResultOf(setting)
        self.assertEqual(self.row(session).subscriptions, self.URIS)

    def test_they_hold_at_once_so_that_two_changes_lose_none(self) -> None:
        session = self.open()
        self.store.held = []
        for uri in sorted(self.URIS):
            self.later(self.sessions.set_subscriptions(session, session.subscriptions | {uri}))
        self.store.release()
        self.assertEqual((session.subscriptions, self.row(session).subscriptions), (self.URIS,) * 2)

    def test_they_outlive_a_daemon_that_is_killed(self) -> None:
        session = self.open()
        self.now(self.sessions.set_subscriptions(session, self.URIS))
        self.killed_and_started()
        found = self.sessions.find(session.id, "local")
        assert found is not None
        self.assertEqual(found.subscriptions, self.URIS)

    def test_a_new_project_does_not_take_them_away(self) -> None:
        session = self.open()
        self.store.held = []
        moving = self.later(self.sessions.set_project(session, "other"))
        telling = self.later(self.sessions.set_subscriptions(session, self.URIS))
        self.store.release()
        self.successResultOf(moving)
        self.successResultOf(telling)
        row = self.row(session)
        self.assertEqual((row.project, row.subscriptions), ("other", self.URIS))

    def test_the_same_again_write_nothing(self) -> None:
        session = self.open()
        self.now(self.sessions.set_subscriptions(session, self.URIS))
        self.store.broken = True
        self.now(self.sessions.set_subscriptions(session, self.URIS))

    def test_a_session_that_has_ended_does_not_come_back_by_them(self) -> None:
        session = self.open()
        self.now(self.sessions.end(session, "deleted"))
        self.now(self.sessions.set_subscriptions(session, self.URIS))
        self.assertIsNotNone(self.row(session).ended)


class CallTests(ManagerTestCase):
    """Calls go through L{mnemo.sessions.admission}, with the configured bounds."""

    config = SessionsConfig(running=2, waiting=1)

    def test_the_configured_bounds_hold(self) -> None:
        session = self.open()
        endless: Deferred[None] = Deferred()
        for _ in range(3):
            self.later(self.sessions.admit(session, lambda: endless))
        self.assertEqual(self.sessions.statistics, SessionStatistics(1, running=2, waiting=1))
        self.failureResultOf(self.later(self.sessions.admit(session, lambda: endless)), Busy)
        endless.callback(None)
        self.assertEqual(self.sessions.statistics, SessionStatistics(1, running=0, waiting=0))

    def test_sessions_share_64_slots(self) -> None:
        endless: Deferred[None] = Deferred()
        sessions = [self.open() for _ in range(36)]
        for session in sessions[:32] * 2 + sessions[32:]:
            self.later(self.sessions.admit(session, lambda: endless))
        self.assertEqual(self.sessions.statistics, SessionStatistics(36, running=64, waiting=4))

    def test_calls_of_a_session_that_was_deleted_meanwhile_give_their_slots_back(self) -> None:
        session = self.open()
        answer: Deferred[None] = Deferred()
        calls = [self.later(self.sessions.admit(session, lambda: answer)) for _ in range(3)]
        self.now(self.sessions.end(session, "deleted"))
        answer.callback(None)
        for call in calls:
            self.successResultOf(call)
        self.assertEqual(self.sessions.statistics, SessionStatistics(0, running=0, waiting=0))
