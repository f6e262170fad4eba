"""How fast something goes, and how long it took lately."""

from math import exp

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.rates import REMEMBERED, SPAN, Lately, Rate, share


class RateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rate = Rate()
        self.total = 0.0

    def go_on(self, each_second: float, seconds: int) -> float:
        for _ in range(seconds):
            self.clock.advance(1)
            self.total += each_second
            self.rate.count(self.total, self.clock.seconds())
        return self.rate.value

    def test_nothing_is_known_by_one_count(self) -> None:
        self.rate.count(1000, self.clock.seconds())
        self.assertEqual(self.rate.value, 0.0)

    def test_what_lasts_is_known_after_a_few_seconds(self) -> None:
        self.go_on(0, 1)
        self.assertLess(abs(self.go_on(40, 30) - 40), 0.1)

    def test_what_has_ended_fades(self) -> None:
        self.go_on(0, 1)
        before = self.go_on(40, 30)
        self.assertAlmostEqual(self.go_on(0, int(SPAN)), before * exp(-1))
        self.assertLess(self.go_on(0, 30), 0.1)

    def test_it_does_not_matter_how_often_it_is_counted(self) -> None:
        often, seldom = Rate(), Rate()
        for tenth in range(101):
            often.count(4.0 * tenth, tenth / 10)
        for second in range(11):
            seldom.count(40.0 * second, second)
        self.assertAlmostEqual(often.value, seldom.value)

    def test_a_count_that_began_again_is_no_loss(self) -> None:
        self.go_on(40, 30)
        self.total = 0
        self.assertGreater(self.go_on(40, 1), 39)

    def test_two_counts_at_once_are_one(self) -> None:
        self.go_on(40, 5)
        before = self.rate.value
        self.rate.count(self.total + 7, self.clock.seconds())
        self.assertEqual(self.rate.value, before)


class LatelyTests(SynchronousTestCase):
    def test_of_nothing_nothing_is_known(self) -> None:
        self.assertIsNone(Lately().percentile(0.5))

    def test_of_one_all_is_known(self) -> None:
        lately = Lately()
        lately.add(0.25)
        self.assertEqual((lately.percentile(0.5), lately.percentile(0.95)), (0.25, 0.25))

    def test_half_of_them_are_within_the_half(self) -> None:
        lately = Lately()
        for number in range(100, 0, -1):
            lately.add(float(number))
        self.assertEqual((lately.percentile(0.5), lately.percentile(0.95)), (50.0, 95.0))

    def test_only_the_latest_count(self) -> None:
        lately = Lately()
        lately.add(1000.0)
        for _ in range(REMEMBERED):
            lately.add(1.0)
        self.assertEqual((len(lately), lately.percentile(1.0)), (REMEMBERED, 1.0))


class ShareTests(SynchronousTestCase):
    def test_a_share_of_nothing_is_nothing(self) -> None:
        self.assertEqual((share(0, 0), share(1, 3)), (0.0, 0.333))
