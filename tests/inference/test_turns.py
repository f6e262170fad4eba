"""Whose turn it is on the language model."""

from collections.abc import Sequence
from itertools import cycle, islice

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.run import Run
from mnemo.inference.turns import PATIENCE
from tests.inference.scripted import ScriptedGenerator
from tests.inference.slots_driver import BACKGROUND, Driver, SlotsCase, long_answer, pairs


class TurnTests(SlotsCase):
    def test_interactive_runs_come_before_background_ones(self) -> None:
        background = [self.driver.submit([n], 60, BACKGROUND, str(n)) for n in range(2)]
        self.driver.decode()
        self.assertEqual(self.slots.turns.running, 2)
        sooner = [self.driver.submit([n], 60, session=str(n)) for n in range(2)]
        step = self.driver.decode()
        self.assertEqual(self.driver.running(step), {run.number for run in sooner})
        self.assertEqual(self.slots.turns.waiting(BACKGROUND), 2)
        self.driver.run_all()
        for number, run in enumerate(background):
            self.assert_right(run, [number], 60)

    def test_background_runs_have_the_free_rows(self) -> None:
        interactive = self.driver.submit([1], 60)
        background = self.driver.submit([2], 60, BACKGROUND)
        step = self.driver.decode()
        self.assertEqual(self.driver.running(step), {interactive.number, background.number})

    def test_a_background_run_has_a_row_once_in_a_while(self) -> None:
        self.use(ScriptedGenerator(slots=2, capacity=1024))
        for number, prompt in enumerate(islice(filter(long_answer, pairs()), 2)):
            self.driver.submit(prompt, 200, session=str(number))
        background = self.driver.submit([9], 60, BACKGROUND)
        for _ in range(2 * PATIENCE + 4):
            step = self.driver.decode()
            if self.driver.answers[background]:
                break
        self.assertEqual(len(step.chunks), 3)
        self.assertNotIn(background.number, self.driver.running(self.driver.decode()))

    def test_background_runs_stand_aside_while_an_interactive_prompt_is_computed(self) -> None:
        prompt = next(filter(long_answer, pairs()))
        background = self.driver.submit(prompt, 200, BACKGROUND)
        self.driver.decode()
        self.driver.decode()
        asked = self.driver.submit(list(range(40)))
        while not self.driver.answers[asked]:
            step = self.driver.decode()
            self.assertEqual(self.driver.running(step), {asked.number})
        self.assertIn(background.number, self.driver.running(self.driver.decode()))

    def test_sessions_take_turns(self) -> None:
        self.use(ScriptedGenerator(slots=1, capacity=256))
        greedy = [self.driver.submit([n], session="greedy") for n in range(5)]
        modest = self.driver.submit([9], session="modest")
        self.driver.decode()
        while not modest.over:
            self.driver.step()
        self.assertEqual([run.over for run in greedy], [True, False, False, False, False])

    def test_a_session_gives_its_second_slot_to_another(self) -> None:
        first, second = (self.driver.submit([n], 60, session="greedy") for n in (1, 2))
        self.driver.decode()
        other = self.driver.submit([3], 60, session="modest")
        step = self.driver.decode()
        self.assertEqual(self.driver.running(step), {first.number, other.number})
        self.driver.run_all()
        self.assert_right(second, [2], 60)


class StarvationTests(SynchronousTestCase):
    """However many come after it, a run has its turn."""

    def steps_until_over(
        self, run: Run, driver: Driver, others: Sequence[tuple[int, int]], bound: int
    ) -> int:
        """How many steps it takes while two sessions always have something to ask."""
        coming = cycle(others)
        steps = begin = 0
        while not run.over and steps <= bound:
            while len(driver.slots.turns.runs) < 5:
                length, most = next(coming)
                begin += 1000  # Nothing that was computed serves again.
                prompt = list(range(begin, begin + length))
                driver.submit(prompt, most, session=f"other {begin % 2000}")
            driver.decode()
            steps += 1
        return steps

    @given(others=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 12)), min_size=1))
    @settings(max_examples=60, deadline=None)
    def test_one_in_the_background_has_a_part_in_every_so_many_steps(
        self, others: list[tuple[int, int]]
    ) -> None:
        driver = Driver(ScriptedGenerator(slots=2, capacity=4096, batch=24))
        run = driver.submit(list(range(30)), 10, BACKGROUND)
        # Each of its steps brings a token of the prompt at least, or one of the answer.
        bound = (PATIENCE + 2) * (30 + 10)
        self.assertLessEqual(self.steps_until_over(run, driver, others, bound), bound)

    @given(others=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 12)), min_size=1))
    @settings(max_examples=60, deadline=None)
    def test_one_of_another_session_waits_for_one_of_each_that_runs(
        self, others: list[tuple[int, int]]
    ) -> None:
        driver = Driver(ScriptedGenerator(slots=2, capacity=4096, batch=24))
        for number in range(2):
            driver.submit(list(range(number, 200)), 12, session=f"other {number}")
            driver.decode()
        run = driver.submit(list(range(30)), 10)
        # At worst both that run have all of their prompt to read yet, a little at a time.
        bound = 2 * (200 + 12) + 30 + 10
        self.assertLessEqual(self.steps_until_over(run, driver, others, bound), bound)
