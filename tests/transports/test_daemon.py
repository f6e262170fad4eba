"""Finding, awaiting, starting the daemon."""

from pathlib import Path
from threading import Barrier, Event, Thread

import msgspec
from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from mnemo.lock import NAME, Holder, HomeLock
from mnemo.transports.daemon import (
    READY_STEPS,
    RETURN_STEPS,
    Daemon,
    Home,
    Unreachable,
    Url,
    is_alive,
)
from mnemo.transports.upstream import Address
from tests.transports.fake_daemon import FakeDaemon


@define
class FakePlace:
    """
    A place whose daemon answers or not as a test says.

    @ivar problem: why its holder never will
    """

    daemon: FakeDaemon
    is_said: bool = False
    taken: bool = False
    problem: str = ""

    def address(self) -> Address | None:
        return self.daemon.address if self.is_said else None

    def is_taken(self) -> bool:
        if self.problem:
            raise Unreachable(self.problem)
        return self.taken


@define
class FakeChild:
    """A daemon that was started, or a failure."""

    problem: str | None = None

    def failure(self) -> str | None:
        return self.problem


@define
class Steps:
    """Pauses that take no time; what is due at a step happens there."""

    due: dict[int, object] = field(factory=dict)
    taken: int = 0

    def __call__(self, seconds: float) -> bool:
        self.taken += 1
        action = self.due.get(self.taken)
        return bool(action()) if callable(action) else False


class ReachTests(SynchronousTestCase):
    """What is done where a daemon answers, is awaited, or has to be started."""

    def setUp(self) -> None:
        self.fake = FakeDaemon()
        self.fake.start()
        self.addCleanup(lambda: self.fake.stop())
        self.place = FakePlace(self.fake)
        self.steps = Steps()
        self.launched: list[FakeChild] = []
        self.child = FakeChild()

    def daemon(self, may_start: bool = True) -> Daemon:
        def launch() -> FakeChild:
            self.launched.append(self.child)
            return self.child

        return Daemon(self.place, launch if may_start else None, self.steps)

    def appear(self) -> None:
        self.place.is_said = True

    def test_one_that_answers_is_taken_at_once(self) -> None:
        self.appear()
        self.assertEqual(self.daemon().reach(0), self.fake.address)
        self.assertEqual((self.steps.taken, self.launched), (0, []))

    def test_where_there_is_none_one_is_started_and_awaited(self) -> None:
        self.steps.due[30] = self.appear
        self.assertEqual(self.daemon().reach(0), self.fake.address)
        self.assertEqual(len(self.launched), 1)

    def test_one_that_restarts_is_awaited_before_another_is_started(self) -> None:
        self.steps.due[RETURN_STEPS - 1] = self.appear
        self.assertEqual(self.daemon().reach(), self.fake.address)
        self.assertEqual(self.launched, [])

    def test_one_that_does_not_come_back_is_replaced(self) -> None:
        self.steps.due[RETURN_STEPS + 1] = self.appear
        self.assertEqual(self.daemon().reach(), self.fake.address)
        self.assertEqual(len(self.launched), 1)

    def test_one_that_is_starting_is_awaited_instead_of_starting_another(self) -> None:
        self.place.taken = True
        self.steps.due[30] = self.appear
        self.assertEqual(self.daemon().reach(0), self.fake.address)
        self.assertEqual(self.launched, [])

    def test_one_that_stops_while_it_is_awaited_is_replaced(self) -> None:
        self.place.taken = True
        self.steps.due[10] = lambda: setattr(self.place, "taken", False)
        self.steps.due[20] = self.appear
        self.assertEqual(self.daemon().reach(0), self.fake.address)
        self.assertEqual(len(self.launched), 1)

    def test_the_loser_of_a_race_waits_for_the_winner(self) -> None:
        def lose() -> None:
            self.child.problem = "already served"
            self.place.taken = True

        self.steps.due[3] = lose
        self.steps.due[30] = self.appear
        self.assertEqual(self.daemon().reach(0), self.fake.address)
        self.assertEqual(len(self.launched), 1)

    def test_one_that_does_not_start_says_why(self) -> None:
        self.child.problem = "port 9999 is in use"
        failure = self.assertRaises(Unreachable, self.daemon().reach, 0)
        self.assertEqual(str(failure), "port 9999 is in use")

    def test_where_starting_is_not_wanted_none_is_started(self) -> None:
        failure = self.assertRaises(Unreachable, self.daemon(may_start=False).reach, 0)
        self.assertIn("mnemo start", str(failure))

    def test_a_holder_without_port_is_not_awaited(self) -> None:
        self.place.problem = "held by pid 3"
        failure = self.assertRaises(Unreachable, self.daemon().reach, 0)
        self.assertEqual(str(failure), "held by pid 3")

    def test_one_that_never_gets_ready_is_given_up(self) -> None:
        self.place.taken = True
        self.assertRaises(Unreachable, self.daemon().reach, 0)
        self.assertEqual(self.steps.taken, READY_STEPS)

    def test_ending_ends_the_wait(self) -> None:
        self.steps.due[3] = lambda: True
        self.assertRaises(Unreachable, self.daemon().reach, 0)
        self.assertEqual(self.steps.taken, 3)

    def test_those_who_wait_together_fail_together(self) -> None:
        barrier, looking, failed = Barrier(3), Event(), []

        def wait(seconds: float) -> bool:
            looking.wait(10)
            return True

        daemon = Daemon(self.place, None, wait)

        def reach() -> None:
            barrier.wait(10)
            try:
                daemon.reach()
            except Unreachable:
                failed.append(1)

        threads = [Thread(target=reach) for _ in range(2)]
        for thread in threads:
            thread.start()
        barrier.wait(10)
        looking.set()
        for thread in threads:
            thread.join(10)
        self.assertEqual(failed, [1, 1])

    def test_what_was_found_is_not_looked_for_again_until_it_is_lost(self) -> None:
        self.appear()
        daemon = self.daemon()
        daemon.reach()
        self.place.is_said = False
        self.assertEqual(daemon.reach(), self.fake.address)
        daemon.lost(self.fake.address)
        self.appear()
        self.assertEqual(daemon.reach(), self.fake.address)


class HomeTests(SynchronousTestCase):
    """What a home's lock file says."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.home = Home(self.folder)

    def hold(self, host: str, port: int) -> None:
        lock = HomeLock(self.folder)
        lock.take(Holder(pid=4711, host=host, port=port, started=0.0))
        self.addCleanup(lambda: lock.release())

    def test_nothing_is_said_where_there_is_no_file(self) -> None:
        self.assertEqual(self.home.address(), None)
        self.assertEqual(self.home.is_taken(), False)

    def test_rubbish_says_nothing(self) -> None:
        self.folder.mkdir()
        (self.folder / NAME).write_bytes(b"4711\n")
        self.assertEqual(self.home.address(), None)

    def test_a_daemon_says_where_it_is(self) -> None:
        self.hold("127.0.0.1", 9998)
        self.assertEqual(self.home.address(), Address("127.0.0.1", 9998))
        self.assertEqual(self.home.is_taken(), True)

    def test_a_daemon_on_its_way_has_no_address_yet(self) -> None:
        self.hold("127.0.0.1", 0)
        self.assertEqual(self.home.address(), None)
        self.assertEqual(self.home.is_taken(), True)

    def test_one_without_host_never_will_have_one(self) -> None:
        self.hold("", 0)
        failure = self.assertRaises(Unreachable, self.home.is_taken)
        self.assertIn("4711", str(failure))

    def test_what_a_dead_daemon_wrote_is_no_lock(self) -> None:
        self.folder.mkdir()
        stale = Holder(pid=4711, host="127.0.0.1", port=9998, started=0.0)
        (self.folder / NAME).write_bytes(msgspec.json.encode(stale))
        self.assertEqual(self.home.is_taken(), False)


class AliveTests(SynchronousTestCase):
    """Whether something answers."""

    def test_a_daemon_does(self) -> None:
        fake = FakeDaemon()
        fake.start()
        self.assertEqual(is_alive(fake.address), True)
        fake.stop()
        self.assertEqual(is_alive(fake.address), False)

    def test_another_program_with_an_answer_to_everything_does_not(self) -> None:
        fake = FakeDaemon(health=b"<html>Welcome!")
        fake.start()
        self.addCleanup(fake.stop)
        self.assertEqual(is_alive(fake.address), False)

    def test_a_url_is_an_address(self) -> None:
        place = Url(Address("127.0.0.1", 9))
        self.assertEqual(place.address(), Address("127.0.0.1", 9))
        self.assertEqual(place.is_taken(), False)
