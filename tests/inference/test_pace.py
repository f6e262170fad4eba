"""How much fits into a step."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.pace import TILE, Pace


class PaceTests(SynchronousTestCase):
    def test_the_first_chunk_of_a_prompt_is_small(self) -> None:
        self.assertEqual(Pace(0.1).prompt_tokens(0, 512), TILE)
        self.assertEqual(Pace(0.1).prompt_tokens(0, 5), 5)

    def test_later_ones_are_as_long_as_fits_the_time(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=0, prompt_tokens=50, rounds=1, seconds=0.05)
        self.assertEqual(pace.prompt_tokens(0, 512), 96)
        self.assertEqual(pace.prompt_tokens(0, 60), 60)

    def test_a_rest_that_takes_no_longer_than_a_pass_is_taken_along(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=1, prompt_tokens=0, rounds=1, seconds=0.01)
        pace.measured(rows=0, prompt_tokens=50, rounds=1, seconds=0.06)
        sizes = [pace.prompt_tokens(0, 512, left) for left in (30, 90, 99, 101, 200)]
        self.assertEqual(sizes, [80, 90, 99, 80, 80])
        self.assertEqual(pace.prompt_tokens(0, 85, 99), 85)

    def test_whole_tiles_are_filled_unless_much_would_be_left(self) -> None:
        for fits, taken in ((31, 31), (47, 47), (63, 48), (64, 64), (100, 96)):
            pace = Pace(0.1)
            pace.measured(rows=0, prompt_tokens=64, rounds=1, seconds=64 * 0.0999 / fits)
            self.assertEqual(pace.prompt_tokens(0, 512), taken)

    def test_what_was_computed_at_once_before_may_be_again(self) -> None:
        pace = Pace(0.1)
        for tokens in (50, 10):
            pace.measured(rows=0, prompt_tokens=tokens, rounds=1, seconds=0.0005 * tokens)
        self.assertEqual(pace.prompt_tokens(0, 512), 192)

    def test_what_the_decoding_rows_take_is_left_to_them(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=4, prompt_tokens=0, rounds=2, seconds=0.08)
        pace.measured(rows=4, prompt_tokens=60, rounds=1, seconds=0.1)
        self.assertEqual(pace.prompt_tokens(4, 512), 60)

    def test_a_slow_model_gets_on_as_well(self) -> None:
        pace = Pace(0.01)
        pace.measured(rows=0, prompt_tokens=16, rounds=1, seconds=4.0)
        self.assertEqual([pace.prompt_tokens(rows, 512) for rows in (0, 8, 9)], [16, 8, 23])

    def test_chunks_grow_step_by_step_where_a_model_is_fast(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=1, prompt_tokens=0, rounds=1, seconds=0.005)
        sizes = []
        for _ in range(5):
            sizes.append(pace.prompt_tokens(0, 2048))
            pace.measured(rows=0, prompt_tokens=sizes[-1], rounds=1, seconds=0.005)
        self.assertEqual(sizes, [16, 64, 256, 1024, 2048])

    def test_the_short_end_of_a_prompt_says_nothing(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=0, prompt_tokens=50, rounds=1, seconds=0.05)
        pace.measured(rows=0, prompt_tokens=2, rounds=1, seconds=0.05)
        self.assertEqual(pace.prompt_tokens(0, 512), 96)

    def test_of_a_number_of_rows_never_seen_the_nearest_counts(self) -> None:
        pace = Pace(0.1)
        pace.measured(rows=1, prompt_tokens=0, rounds=1, seconds=0.01)
        pace.measured(rows=8, prompt_tokens=0, rounds=1, seconds=0.03)
        self.assertEqual([pace.round_seconds(rows) for rows in (0, 2, 7)], [0.01, 0.01, 0.03])

    def test_it_follows_what_is_measured(self) -> None:
        pace = Pace(0.1)
        for seconds in (0.01, *[0.02] * 20):
            pace.measured(rows=1, prompt_tokens=0, rounds=1, seconds=seconds)
        self.assertAlmostEqual(pace.round_seconds(1), 0.02, places=4)
