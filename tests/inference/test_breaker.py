"""A server that fails is left alone for a while."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.breaker import FAILURES, LONGEST_REST, REST, Breaker


class BreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock)

    def fail_times(self, times: int = FAILURES) -> None:
        for _ in range(times):
            self.assertTrue(self.breaker.enter())
            self.breaker.failed()

    def test_all_calls_pass_while_it_works(self) -> None:
        for _ in range(10):
            self.assertTrue(self.breaker.enter())
        self.assertEqual(self.breaker.wait, 0)

    def test_some_failures_are_nothing(self) -> None:
        self.fail_times(FAILURES - 1)
        self.assertTrue(self.breaker.enter())
        self.breaker.succeeded()
        self.fail_times(FAILURES - 1)
        self.assertFalse(self.breaker.is_open)

    def test_after_many_in_a_row_none_passes(self) -> None:
        self.fail_times()
        self.assertFalse(self.breaker.enter())
        self.assertEqual(self.breaker.wait, REST)
        self.clock.advance(REST - 1)
        self.assertFalse(self.breaker.enter())
        self.assertEqual(self.breaker.wait, 1)

    def test_after_a_rest_one_may_try(self) -> None:
        self.fail_times()
        self.clock.advance(REST)
        self.assertTrue(self.breaker.enter())
        self.assertFalse(self.breaker.enter())
        self.breaker.succeeded()
        self.assertTrue(self.breaker.enter())
        self.assertFalse(self.breaker.is_open)

    def test_each_rest_is_twice_as_long_up_to_the_longest(self) -> None:
        self.fail_times()
        rests = []
        for _ in range(6):
            rests.append(self.breaker.wait)
            self.clock.advance(self.breaker.wait)
            self.fail_times(1)
        self.assertEqual(rests, [REST, 30, 60, 120, LONGEST_REST, LONGEST_REST])

    def test_one_success_makes_the_next_rest_short_again(self) -> None:
        self.fail_times()
        self.clock.advance(REST)
        self.fail_times(1)
        self.clock.advance(2 * REST)
        self.assertTrue(self.breaker.enter())
        self.breaker.succeeded()
        self.fail_times()
        self.assertEqual(self.breaker.wait, REST)

    def test_a_try_that_is_given_up_leaves_room_for_another(self) -> None:
        self.fail_times()
        self.clock.advance(REST)
        self.breaker.enter()
        self.breaker.abandoned()
        self.assertTrue(self.breaker.enter())

    def test_what_was_asked_before_it_opened_does_not_make_it_rest_longer(self) -> None:
        for _ in range(FAILURES + 2):
            self.breaker.enter()
        for _ in range(FAILURES):
            self.breaker.failed()
        self.clock.advance(5)
        self.breaker.failed()
        self.assertEqual(self.breaker.wait, REST - 5)
        self.breaker.succeeded()
        self.assertTrue(self.breaker.enter())
