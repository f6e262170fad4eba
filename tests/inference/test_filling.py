"""Whether a row more makes a pass faster."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.filling import FEWEST, TRIALS, Filling


class FillingTests(SynchronousTestCase):
    def passes(
        self, wanted: int, seconds: dict[int, float], count: int = 20, reach: int = 1
    ) -> list[int]:
        """The rows of passes on a model that takes so long for so many."""
        filling, taken = Filling(reach), []
        for _ in range(count):
            taken.append(filling.rows(wanted))
            filling.measured(taken[-1], seconds[taken[-1]])
        return taken

    def test_it_tries_both_and_goes_on_with_the_faster(self) -> None:
        tried = [8] * TRIALS + [9] * TRIALS
        rest = 20 - len(tried)
        self.assertEqual(self.passes(8, {8: 0.028, 9: 0.022}), tried + [9] * rest)
        self.assertEqual(self.passes(8, {8: 0.020, 9: 0.022}), tried + [8] * rest)

    def test_what_is_hardly_faster_is_not_worth_it(self) -> None:
        self.assertEqual(self.passes(8, {8: 0.0201, 9: 0.02})[-1], 8)

    def test_it_reaches_as_far_as_it_is_told_and_no_further(self) -> None:
        seconds = {8: 0.028, 9: 0.027, 10: 0.026, 11: 0.022, 12: 0.001}
        tried = [rows for rows in (8, 9, 10, 11) for _ in range(TRIALS)]
        self.assertEqual(self.passes(8, seconds, reach=3), tried + [11] * (20 - len(tried)))

    def test_few_rows_are_left_alone(self) -> None:
        few = FEWEST - 1
        self.assertEqual(set(self.passes(few, {few: 0.02, few + 1: 0.001})), {few})

    def test_one_slow_pass_decides_nothing(self) -> None:
        filling = Filling()
        for seconds in (0.5, 0.02, 0.02):
            filling.measured(8, seconds)
            filling.measured(9, 0.022)
        self.assertEqual(filling.rows(8), 8)
