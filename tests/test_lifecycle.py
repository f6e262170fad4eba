"""In which order the parts of the daemon start and stop."""

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mnemo.lifecycle import Part, Procession


class Diary:
    """Parts that write down what becomes of them, and start and stop when told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.starting: dict[str, Deferred[None]] = {}
        self.stopping: dict[str, Deferred[None]] = {}

    def part(self, name: str, bound: float = 5.0) -> Part:
        def start() -> Deferred[None]:
            self.lines.append(f"{name} starts")
            return self.starting.get(name, succeed(None))

        def stop() -> Deferred[None]:
            self.lines.append(f"{name} stops")
            return self.stopping.get(name, succeed(None))

        return Part(name, start, stop, bound)


class ProcessionTests(SynchronousTestCase):
    """Parts in a row."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.diary = Diary()
        self.failures: list[Failure] = []
        self.row = Procession(self.clock, self.failures.append)

    def add(self, *names: str) -> None:
        for name in names:
            self.row.addService(self.diary.part(name))

    def test_each_waits_for_the_one_before(self) -> None:
        self.diary.starting["model"] = Deferred()
        self.add("store", "model", "port")
        self.row.startService()
        self.assertEqual(self.diary.lines, ["store starts", "model starts"])
        self.diary.starting["model"].callback(None)
        self.assertEqual(self.diary.lines, ["store starts", "model starts", "port starts"])

    def test_they_stop_in_reverse_and_each_waits_for_the_one_behind(self) -> None:
        self.add("store", "model", "port")
        self.row.startService()
        self.diary.lines.clear()
        self.diary.stopping["model"] = Deferred()
        stopped = self.row.stopService()
        self.assertEqual(self.diary.lines, ["port stops", "model stops"])
        self.assertNoResult(stopped)
        self.diary.stopping["model"].callback(None)
        self.assertEqual(self.diary.lines, ["port stops", "model stops", "store stops"])
        self.successResultOf(stopped)

    def test_one_that_fails_to_start_ends_the_row(self) -> None:
        self.diary.starting["model"] = fail(ValueError("no"))
        self.add("store", "model", "port")
        self.row.startService()
        self.assertEqual(self.diary.lines, ["store starts", "model starts"])
        self.assertTrue(self.failures[0].check(ValueError))

    def test_only_what_stands_is_stopped(self) -> None:
        self.diary.starting["model"] = fail(ValueError("no"))
        self.add("store", "model", "port")
        self.row.startService()
        self.diary.lines.clear()
        self.successResultOf(self.row.stopService())
        self.assertEqual(self.diary.lines, ["store stops"])

    def test_to_stop_breaks_off_a_start_and_stops_what_is_half_started(self) -> None:
        self.diary.starting["model"] = Deferred()
        self.add("store", "model", "port")
        self.row.startService()
        self.diary.lines.clear()
        self.successResultOf(self.row.stopService())
        self.assertEqual(self.diary.lines, ["model stops", "store stops"])
        self.assertEqual(self.failures, [])
        self.assertFalse(self.diary.starting["model"].callbacks)

    def test_one_that_does_not_stop_is_left_behind_when_its_time_is_up(self) -> None:
        self.row.addService(self.diary.part("store"))
        self.row.addService(self.diary.part("model", bound=3.0))
        self.row.startService()
        self.diary.stopping["model"] = Deferred()
        stopped = self.row.stopService()
        self.clock.advance(2.9)
        self.assertNoResult(stopped)
        self.clock.advance(0.2)
        self.successResultOf(stopped)
        self.assertEqual(self.diary.lines[-1], "store stops")
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_fails_to_stop_is_logged_and_passed_over(self) -> None:
        self.add("store", "model")
        self.row.startService()
        self.diary.stopping["model"] = fail(ValueError("no"))
        self.successResultOf(self.row.stopService())
        self.assertEqual(self.diary.lines[-1], "store stops")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_what_never_started_stops_at_once(self) -> None:
        self.add("store")
        self.successResultOf(self.row.stopService())
        self.assertEqual(self.diary.lines, [])

    def test_a_part_that_starts_without_a_deferred_is_as_good(self) -> None:
        self.row.addService(Part("plain", lambda: self.diary.lines.append("on"), lambda: None))
        self.row.startService()
        self.successResultOf(self.row.stopService())
        self.assertEqual(self.diary.lines, ["on"])

    def test_a_start_that_is_cancelled_from_within_is_a_failure_of_nobody(self) -> None:
        self.diary.starting["model"] = fail(CancelledError())
        self.add("model")
        self.row.startService()
        self.assertEqual(self.failures, [])
