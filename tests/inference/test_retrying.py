"""Trying again what could not be loaded."""

from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.retrying import RETRY_SECONDS, Retrying


class RetryingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tries = 0
        self.answer: Deferred[None] = succeed(None)
        self.retrying = Retrying(self.clock, self.attempt)
        self.file = Path(self.mktemp())
        self.retrying.start()

    def attempt(self) -> Deferred[None]:
        self.tries += 1
        return self.answer

    def after(self, times: int) -> int:
        self.clock.pump([RETRY_SECONDS] * times)
        return self.tries

    def test_what_is_the_fault_of_no_file_is_tried_every_time(self) -> None:
        self.assertEqual((self.tries, self.after(3)), (0, 3))

    def test_a_file_is_tried_again_when_it_has_changed(self) -> None:
        self.file.write_text("damaged")
        self.retrying.suspect = self.file
        self.assertEqual(self.after(5), 1)
        self.file.write_text("whole again")
        self.assertEqual(self.after(5), 2)

    def test_a_file_that_is_missing_is_tried_when_it_is_there(self) -> None:
        self.retrying.suspect = self.file
        self.assertEqual(self.after(5), 1)
        self.file.write_text("a model")
        self.assertEqual(self.after(5), 2)

    def test_a_slow_attempt_is_not_begun_twice(self) -> None:
        self.answer = Deferred()
        self.assertEqual(self.after(3), 1)
        self.answer.callback(None)
        self.assertEqual(self.after(1), 2)

    def test_stopped_it_looks_no_more_even_in_an_attempt(self) -> None:
        self.answer = Deferred()
        self.after(1)
        self.retrying.stop()
        self.retrying.stop()
        self.answer.callback(None)
        self.assertEqual((self.after(3), self.clock.getDelayedCalls()), (1, []))
