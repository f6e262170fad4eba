"""The threads that wait for answers."""

from functools import partial
from queue import SimpleQueue
from threading import Barrier, Event, active_count

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.upstream import Wire
from mnemo.transports.workers import Workers


class WorkersTests(SynchronousTestCase):
    """How many run, and with what."""

    def setUp(self) -> None:
        self.workers = Workers(3)
        self.addCleanup(lambda: self.workers.stop())

    def test_as_many_run_at_once_as_may(self) -> None:
        barrier = Barrier(4)

        def meet(wire: Wire) -> None:
            barrier.wait(10)

        for _ in range(3):
            self.workers.submit(meet)
        barrier.wait(10)

    def test_those_beyond_wait_their_turn(self) -> None:
        release = Event()
        ran: SimpleQueue[int] = SimpleQueue()

        def run(number: int, wire: Wire) -> None:
            release.wait(10)
            ran.put(number)

        before = active_count()
        for number in range(5):
            self.workers.submit(partial(run, number))
        self.assertLessEqual(active_count() - before, 3)
        release.set()
        self.assertEqual({ran.get(timeout=10) for _ in range(5)}, set(range(5)))

    def test_a_thread_that_is_free_takes_the_next(self) -> None:
        workers = Workers(1)
        self.addCleanup(workers.stop)
        wires: SimpleQueue[Wire] = SimpleQueue()
        workers.submit(wires.put)
        workers.submit(wires.put)
        self.assertIs(wires.get(timeout=10), wires.get(timeout=10))

    def test_a_connection_that_was_cut_is_replaced(self) -> None:
        workers = Workers(1)
        self.addCleanup(workers.stop)
        wires: SimpleQueue[Wire] = SimpleQueue()

        def cut(wire: Wire) -> None:
            wire.cut()
            wires.put(wire)

        workers.submit(cut)
        workers.submit(wires.put)
        first, second = wires.get(timeout=10), wires.get(timeout=10)
        self.assertIsNot(first, second)
        self.assertFalse(second.is_severed)
