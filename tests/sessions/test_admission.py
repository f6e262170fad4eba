"""Who may run a call now, and who waits for it."""

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.sessions.admission import Admission
from mnemo.sessions.interfaces import Busy, Opening, Session


def session(name: str = "one") -> Session:
    opening = Opening("2025-11-25", "client", "1", "local", "")
    return Session(name, "mcp", opening, "", created=0.0, active=0.0)


@define
class Calls:
    """
    Calls of sessions, each of which runs until it is told to end.

    @ivar started: the names of the calls that have run, in order
    """

    admission: Admission
    started: list[str] = field(factory=list)
    _endings: dict[str, Deferred[str]] = field(factory=dict)

    def call(self, of: Session, name: str) -> Deferred[str]:
        async def run() -> str:
            self.started.append(name)
            self._endings[name] = Deferred()
            return await self._endings[name]

        return Deferred.fromCoroutine(self.admission.admit(of, run))

    def finish(self, name: str) -> None:
        self._endings.pop(name).callback(f"{name} is done")

    def fail(self, name: str) -> None:
        self._endings.pop(name).errback(ZeroDivisionError())


class OneSessionTests(SynchronousTestCase):
    """At most C{running} calls of a session run, and C{waiting} more wait."""

    def setUp(self) -> None:
        self.admission = Admission(running=2, waiting=3, everywhere=100)
        self.calls = Calls(self.admission)
        self.session = session()

    def load(self, count: int) -> list[Deferred[str]]:
        return [self.calls.call(self.session, str(number)) for number in range(count)]

    def counts(self) -> tuple[int, int, int]:
        waiting = self.admission.waiting_in(self.session)
        self.assertEqual(waiting, self.admission.waiting_everywhere())
        return self.session.running, waiting, self.admission.in_use

    def test_a_call_with_a_free_slot_runs_at_once(self) -> None:
        [first] = self.load(1)
        self.assertEqual(self.counts(), (1, 0, 1))
        self.calls.finish("0")
        self.assertEqual(self.successResultOf(first), "0 is done")
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_calls_beyond_the_slots_wait_and_run_in_order(self) -> None:
        self.load(5)
        self.assertEqual((self.calls.started, self.counts()), (["0", "1"], (2, 3, 2)))
        self.calls.finish("1")
        self.assertEqual((self.calls.started, self.counts()), (["0", "1", "2"], (2, 2, 2)))
        self.calls.finish("0")
        self.calls.finish("2")
        self.assertEqual((self.calls.started[3:], self.counts()), (["3", "4"], (2, 0, 2)))

    def test_one_beyond_those_that_wait_is_refused_with_a_hint(self) -> None:
        self.load(5)
        refusal = self.failureResultOf(self.calls.call(self.session, "6"), Busy).value
        self.assertEqual(
            str(refusal),
            "This session has 2 calls running and 3 waiting; no more may wait. Try again in 1 s.",
        )
        self.assertEqual((refusal.retry_after, self.counts()), (1, (2, 3, 2)))

    def test_without_room_to_wait_a_call_is_refused_at_once(self) -> None:
        admission = Admission(running=1, waiting=0, everywhere=100)
        calls = Calls(admission)
        running = calls.call(self.session, "runs")
        self.failureResultOf(calls.call(self.session, "is refused"), Busy)
        calls.finish("runs")
        self.successResultOf(running)
        self.assertEqual((self.session.running, admission.waiting_everywhere()), (0, 0))

    def test_a_call_that_fails_gives_its_slot_back(self) -> None:
        first, *_ = self.load(3)
        self.calls.fail("0")
        self.failureResultOf(first, ZeroDivisionError)
        self.assertEqual((self.calls.started, self.counts()), (["0", "1", "2"], (2, 0, 2)))

    def test_a_call_that_fails_before_it_began_gives_its_slot_back(self) -> None:
        def broken() -> Deferred[str]:
            raise ZeroDivisionError

        call = Deferred.fromCoroutine(self.admission.admit(self.session, broken))
        self.failureResultOf(call, ZeroDivisionError)
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_a_cancelled_call_gives_its_slot_back_once(self) -> None:
        first, *_ = self.load(3)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual((self.calls.started, self.counts()), (["0", "1", "2"], (2, 0, 2)))
        first.cancel()
        self.assertEqual(self.counts(), (2, 0, 2))

    def test_a_call_cancelled_while_it_waits_never_runs(self) -> None:
        _, _, third, fourth = self.load(4)
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.assertEqual(self.counts(), (2, 1, 2))
        self.calls.finish("0")
        self.assertEqual((self.calls.started, self.counts()), (["0", "1", "3"], (2, 0, 2)))
        self.assertNoResult(fourth)

    def test_when_all_that_wait_are_cancelled_nothing_is_left_of_them(self) -> None:
        for call in self.load(5)[2:]:
            call.cancel()
            self.failureResultOf(call, CancelledError)
        self.assertEqual(self.counts(), (2, 0, 2))
        self.calls.finish("0")
        self.calls.finish("1")
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_a_coroutine_dropped_while_it_waits_leaves_the_queue(self) -> None:
        self.load(2)

        async def run() -> None:
            self.fail("it never runs")

        dropped = self.admission.admit(self.session, run)
        dropped.send(None)
        self.assertEqual(self.counts(), (2, 1, 2))
        dropped.close()
        self.assertEqual(self.counts(), (2, 0, 2))

    def test_calls_that_end_at_once_do_not_pile_up_on_the_stack(self) -> None:
        admission = Admission(running=1, waiting=5000, everywhere=1)
        calls = Calls(admission)
        first = calls.call(self.session, "first")
        ran = []

        async def at_once() -> None:
            ran.append(self.session.running)

        for _ in range(5000):
            Deferred.fromCoroutine(admission.admit(self.session, at_once))
        calls.finish("first")
        self.successResultOf(first)
        self.assertEqual(ran, [1] * 5000)
        self.assertEqual((self.session.running, admission.in_use), (0, 0))

    def test_a_free_slot_costs_no_deferred(self) -> None:
        async def run() -> str:
            return "done"

        with self.assertRaises(StopIteration) as stop:
            self.admission.admit(self.session, run).send(None)
        self.assertEqual(stop.exception.value, "done")


class FairnessTests(SynchronousTestCase):
    """Slots of all sessions go round between those that want one."""

    def setUp(self) -> None:
        self.admission = Admission(running=3, waiting=10, everywhere=4)
        self.calls = Calls(self.admission)
        self.busy, self.other, self.third = map(session, ("busy", "other", "third"))

    def call(self, of: Session, *names: str) -> None:
        for name in names:
            self.calls.call(of, name)

    def test_all_sessions_together_have_so_many_slots(self) -> None:
        self.call(self.busy, "b1", "b2", "b3")
        self.call(self.other, "o1", "o2")
        self.assertEqual(self.calls.started, ["b1", "b2", "b3", "o1"])
        self.assertEqual(self.admission.waiting_in(self.other), 1)

    def test_a_busy_session_holds_another_up_by_one_call(self) -> None:
        self.call(self.third, "t1", "t2")
        self.call(self.busy, "b1", "b2", "b3", "b4", "b5", "b6")
        self.call(self.other, "o1", "o2")
        self.assertEqual(self.calls.started, ["t1", "t2", "b1", "b2"])
        for name in ("t1", "t2", "b1", "b2"):
            self.calls.finish(name)
        self.assertEqual(self.calls.started[4:], ["b3", "o1", "o2", "b4"])

    def test_a_session_at_its_own_limit_is_passed_over(self) -> None:
        self.call(self.busy, "b1", "b2", "b3", "b4")
        self.call(self.other, "o1", "o2")
        self.calls.finish("o1")
        self.assertEqual(self.calls.started[4:], ["o2"])
        self.calls.finish("b2")
        self.assertEqual(self.calls.started[5:], ["b4"])

    def test_a_newcomer_does_not_overtake_those_who_wait(self) -> None:
        calls = Calls(Admission(running=1, waiting=1, everywhere=1))
        calls.call(self.busy, "first")

        async def at_once() -> None:
            calls.started.append("second")

        second = Deferred.fromCoroutine(calls.admission.admit(self.other, at_once))
        second.addCallback(lambda _: calls.call(session("late"), "newcomer"))
        calls.call(self.third, "third")
        calls.finish("first")
        self.assertEqual(calls.started, ["first", "second", "third"])
        calls.finish("third")
        self.assertEqual(calls.started[3:], ["newcomer"])

    def test_one_cancelled_while_it_waits_loses_its_turn_to_the_next(self) -> None:
        self.call(self.busy, "b1", "b2", "b3")
        self.call(self.other, "o1")
        gone = self.calls.call(self.third, "gone")
        self.call(self.other, "o2")
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.calls.finish("b1")
        self.assertEqual(self.calls.started[4:], ["o2"])
        self.assertEqual(self.admission.waiting_everywhere(), 0)
