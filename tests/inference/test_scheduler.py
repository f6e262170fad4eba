"""What runs next on the model, without a model."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import jobs
from mnemo.inference import scheduler as scheduling
from mnemo.inference.interfaces import Priority
from mnemo.inference.jobs import SHORT, EncodeStep, Job, Step, TokenizeStep, WholeStep
from mnemo.inference.scheduler import Scheduler
from mnemo.inference.windows import cost, windows
from tests.inference.fakes import ScriptedBackend

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND


def expected_vectors(texts: Sequence[str], backend: ScriptedBackend) -> np.ndarray:
    """The vectors by the rule, each text on its own."""
    rows = []
    for text in texts:
        tokens = backend.tokenize(text) if text.strip() else []
        parts = windows(tokens, backend.info.window)
        total = sum(cost(part) * backend.encode([part])[0].astype(float) for part in parts)
        rows.append(total / np.linalg.norm(total))
    return np.array(rows)


class SchedulerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.backend = ScriptedBackend(window=8, batch_tokens=16)
        self.scheduler = Scheduler(self.backend.info, self.backend.batch_tokens)

    def run_step(self) -> tuple[Step, list[Job]]:
        step = self.scheduler.next_step()
        assert step is not None
        return step, self.scheduler.finish(step, step.run(self.backend))

    def run_all(self) -> list[Job]:
        ended: list[Job] = []
        while self.scheduler.waiting[INTERACTIVE] + self.scheduler.waiting[BACKGROUND]:
            ended += self.run_step()[1]
        return ended

    def test_without_jobs_there_is_nothing_to_run(self) -> None:
        self.assertIsNone(self.scheduler.next_step())

    def test_a_text_is_tokenised_then_encoded(self) -> None:
        job = self.scheduler.submit(["cat"], BACKGROUND, "a")
        first, ended = self.run_step()
        self.assertIsInstance(first, TokenizeStep)
        self.assertEqual(ended, [])
        second, ended = self.run_step()
        self.assertIsInstance(second, EncodeStep)
        self.assertEqual(ended, [job])
        np.testing.assert_allclose(job.vectors, expected_vectors(["cat"], self.backend), rtol=1e-5)

    def test_a_short_text_that_somebody_waits_for_has_both_in_one_step(self) -> None:
        job = self.scheduler.submit(["cat"], INTERACTIVE, "a")
        step, ended = self.run_step()
        self.assertIsInstance(step, WholeStep)
        self.assertEqual(ended, [job])
        self.assertEqual(job.counts, [5])
        self.assertEqual(self.scheduler.tokens, 5)
        np.testing.assert_allclose(job.vectors, expected_vectors(["cat"], self.backend), rtol=1e-5)

    def test_a_text_that_is_longer_than_it_looks_is_encoded_in_steps_of_its_own(self) -> None:
        text = "a" * 7
        job = self.scheduler.submit([text], INTERACTIVE, "a")
        self.assertEqual(self.run_step()[1], [])
        self.assertEqual(self.scheduler.tokens, 0)
        self.assertEqual(self.run_all(), [job])
        np.testing.assert_allclose(job.vectors, expected_vectors([text], self.backend), rtol=1e-5)

    def test_long_texts_and_several_are_not_done_in_one_step(self) -> None:
        for texts in (["a" * (SHORT + 1)], ["a", "b"]):
            self.scheduler.submit(texts, INTERACTIVE, "a")
            self.assertIsInstance(self.run_step()[0], TokenizeStep)
            self.run_all()

    def test_one_step_runs_at_a_time(self) -> None:
        self.scheduler.submit(["cat"], INTERACTIVE, "a")
        self.assertIsNotNone(self.scheduler.next_step())
        self.scheduler.submit(["dog"], INTERACTIVE, "a")
        self.assertIsNone(self.scheduler.next_step())

    def test_a_blank_text_needs_no_tokenising_and_has_a_unit_vector(self) -> None:
        job = self.scheduler.submit(["", " \n"], INTERACTIVE, "a")
        step, ended = self.run_step()
        self.assertIsInstance(step, EncodeStep)
        self.assertEqual(ended, [job])
        np.testing.assert_allclose(np.linalg.norm(job.vectors, axis=1), 1, rtol=1e-6)

    def test_the_texts_of_several_jobs_share_a_step(self) -> None:
        jobs = [self.scheduler.submit([text], INTERACTIVE, text) for text in ("a", "b", "c")]
        self.assertEqual(set(self.run_all()), set(jobs))
        self.assertEqual(self.scheduler.steps, 2)

    def test_a_step_holds_no_more_than_a_batch(self) -> None:
        self.scheduler.submit(["a" * 6] * 3, INTERACTIVE, "a")
        self.run_step()
        self.assertEqual(len(self.run_step()[0].parts), 2)

    def test_a_background_step_is_half_a_batch_so_that_others_wait_less(self) -> None:
        self.scheduler.submit(["a"] * 9, BACKGROUND, "a")
        self.run_step()
        self.assertEqual(len(self.run_step()[0].parts), 2)

    def test_a_window_longer_than_half_a_batch_goes_alone(self) -> None:
        backend = ScriptedBackend(window=16, batch_tokens=16)
        scheduler = Scheduler(backend.info, backend.batch_tokens)
        job = scheduler.submit(["a" * 14] * 2, BACKGROUND, "a")
        while step := scheduler.next_step():
            if isinstance(step, EncodeStep):
                self.assertEqual(len(step.parts), 1)
            scheduler.finish(step, step.run(backend))
        self.assertTrue(job.over)

    def test_a_tokenising_step_is_bounded(self) -> None:
        self.patch(scheduling, "PIECE", 10)
        self.patch(jobs, "PIECE", 10)
        self.scheduler.submit(["words " * 4], BACKGROUND, "a")
        step, _ = self.run_step()
        assert isinstance(step, TokenizeStep)
        self.assertEqual([piece.text for piece in step.parts], ["words "])

    def test_interactive_jobs_come_before_background_ones(self) -> None:
        later = self.scheduler.submit(["a" * 60], BACKGROUND, "a")
        running = self.scheduler.next_step()
        assert running is not None
        sooner = self.scheduler.submit(["b"], INTERACTIVE, "b")
        self.scheduler.finish(running, running.run(self.backend))
        self.assertEqual(self.run_all(), [sooner, later])

    def test_background_work_does_not_slow_an_interactive_step(self) -> None:
        self.scheduler.submit(["a"], BACKGROUND, "a")
        job = self.scheduler.submit(["b"], INTERACTIVE, "b")
        step, _ = self.run_step()
        self.assertEqual([piece.job for piece in step.parts], [job])

    def test_background_work_has_a_step_once_it_was_passed_over_for_long(self) -> None:
        later = self.scheduler.submit(["b"], BACKGROUND, "b")
        chosen = []
        while not later.over:
            self.scheduler.submit(["a"], INTERACTIVE, "a")
            chosen.append(self.run_step()[0].parts[0].job.priority)
        places = [at for at, priority in enumerate(chosen) if priority is BACKGROUND]
        # It is made tokens of, and then it is encoded.
        self.assertEqual(places, [scheduling.PATIENCE, 2 * scheduling.PATIENCE + 1])

    def test_a_session_with_many_texts_does_not_hold_up_another(self) -> None:
        self.scheduler.submit(["a" * 6] * 100, BACKGROUND, "importer")
        self.run_step()
        self.run_step()
        job = self.scheduler.submit(["b"], BACKGROUND, "other")
        steps = 0
        while not job.over:
            self.run_step()
            steps += 1
        self.assertLessEqual(steps, 4)

    def test_the_jobs_of_a_session_end_in_order(self) -> None:
        jobs = [self.scheduler.submit(["a" * n], INTERACTIVE, "a") for n in (40, 3, 20, 1)]
        self.assertEqual(self.run_all(), jobs)

    def test_a_cancelled_job_runs_no_further(self) -> None:
        job = self.scheduler.submit(["a" * 60], INTERACTIVE, "a")
        self.run_step()
        running = self.scheduler.next_step()
        assert running is not None
        self.scheduler.drop(job)
        self.scheduler.drop(job)
        self.assertEqual(self.scheduler.finish(running, running.run(self.backend)), [])
        self.assertIsNone(self.scheduler.next_step())
        self.assertEqual(self.scheduler.waiting[INTERACTIVE], 0)

    def test_a_failed_step_ends_its_jobs_and_no_others(self) -> None:
        failing = self.scheduler.submit(["a"], INTERACTIVE, "a")
        step = self.scheduler.next_step()
        assert step is not None
        other = self.scheduler.submit(["b"], INTERACTIVE, "a")
        self.assertEqual(self.scheduler.fail(step), [failing])
        self.assertEqual(self.run_all(), [other])

    def test_interrupted_work_waits_again_before_the_rest(self) -> None:
        slow = self.scheduler.submit(["a" * 60], BACKGROUND, "importer")
        self.run_step()
        step = self.scheduler.next_step()
        assert step is not None
        quick = self.scheduler.submit(["b"], INTERACTIVE, "asker")
        self.assertTrue(self.scheduler.interruptible)
        self.scheduler.put_back(step)
        self.assertEqual(self.run_all(), [quick, slow])
        expected = expected_vectors(["a" * 60], self.backend)
        np.testing.assert_allclose(slow.vectors, expected, rtol=1e-5)

    def test_the_same_work_is_not_interrupted_twice_in_a_row(self) -> None:
        self.scheduler.submit(["a" * 60], BACKGROUND, "importer")
        self.run_step()
        chances = []
        for _ in range(3):
            step = self.scheduler.next_step()
            assert step is not None
            chances.append(self.scheduler.interruptible)
            if chances[-1]:
                self.scheduler.put_back(step)
            else:
                self.scheduler.finish(step, step.run(self.backend))
        self.assertEqual(chances, [True, False, True])

    def test_only_background_work_of_some_length_is_interrupted(self) -> None:
        self.assertFalse(self.scheduler.interruptible)
        for priority, expected in ((INTERACTIVE, [False]), (BACKGROUND, [False, True])):
            self.scheduler.submit(["a"], priority, "a")
            chances = []
            while (step := self.scheduler.next_step()) is not None:
                chances.append(self.scheduler.interruptible)
                self.scheduler.finish(step, step.run(self.backend))
            self.assertEqual(chances, expected)

    def test_it_counts(self) -> None:
        self.scheduler.submit(["abc", ""], INTERACTIVE, "a")
        self.scheduler.submit(["abc"], BACKGROUND, "a")
        self.assertEqual(self.scheduler.waiting, {INTERACTIVE: 1, BACKGROUND: 1})
        self.run_all()
        counted = (self.scheduler.steps, self.scheduler.texts, self.scheduler.tokens)
        self.assertEqual(counted, (4, 3, 5 + 2 + 5))

    def test_whatever_happens_every_job_gets_its_own_vectors(self) -> None:
        self.patch(scheduling, "PIECE", 200)
        self.patch(jobs, "PIECE", 200)
        self.patch(scheduling, "PATIENCE", PATIENCE)
        run_state_machine_as_test(Life, settings=settings(max_examples=60, deadline=None))


PATIENCE = 3
LONG = st.integers(0, 500).map(lambda length: "ab " * length)
TEXTS = st.lists(st.text("ab ", max_size=30) | LONG, min_size=1, max_size=4)
SESSIONS = st.sampled_from("abcd")


class Life(RuleBasedStateMachine):
    """Callers come and go while steps run, fail and end."""

    def __init__(self) -> None:
        super().__init__()
        self.backend = ScriptedBackend(window=8, batch_tokens=16)
        self.scheduler = Scheduler(self.backend.info, self.backend.batch_tokens)
        self.texts: dict[Job, list[str]] = {}
        # The step that runs, and the one that follows it.
        self.steps: deque[Step] = deque()
        # How many steps of its class each waiting session has seen go to others alone.
        self.passed_over: dict[tuple[Priority, str], int] = {}
        # How many interactive steps there were in a row while background jobs waited.
        self.without_background = 0

    def waiting(self, priority: Priority) -> set[str]:
        return {job.session for job in self.texts if job.priority is priority}

    @rule(texts=TEXTS, priority=st.sampled_from(Priority), session=SESSIONS)
    def submit(self, texts: list[str], priority: Priority, session: str) -> None:
        self.texts[self.scheduler.submit(texts, priority, session)] = texts

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(list(self.texts)))
        self.scheduler.drop(job)
        del self.texts[job]

    @rule()
    def begin(self) -> None:
        step = self.scheduler.next_step()
        if self.steps or not self.texts:
            assert step is None
            return
        assert step is not None, "jobs wait and nothing runs"
        self.steps.append(step)
        self.check_choice(step)

    @rule()
    def follow(self) -> None:
        step = self.scheduler.following()
        if step is not None:
            assert len(self.steps) == 1, "more than one step follows"
            self.steps.append(step)
            self.check_choice(step)

    @rule()
    def hurry(self) -> None:
        self.scheduler.hurry()

    def check_choice(self, step: Step) -> None:
        jobs = {part.job for part in step.parts}
        assert jobs <= set(self.texts), "a job runs that was cancelled or has ended"
        (priority,) = {job.priority for job in jobs}
        room = (16 if priority is INTERACTIVE else 8) if isinstance(step, EncodeStep) else 200
        assert len(step.parts) == 1 or sum(part.cost for part in step.parts) <= room
        if self.waiting(INTERACTIVE) and priority is BACKGROUND:
            assert self.without_background >= PATIENCE, "the background is ahead of its turn"
        waits = priority is INTERACTIVE and self.waiting(BACKGROUND)
        self.without_background = self.without_background + 1 if waits else 0
        assert self.without_background <= PATIENCE, "the background starves"
        served = {job.session for job in jobs}
        for session in "abcd":
            key = priority, session
            left_out = session in self.waiting(priority) and session not in served
            self.passed_over[key] = self.passed_over.get(key, 0) + 1 if left_out else 0
            assert self.passed_over[key] < 4, "a session starves"

    @precondition(lambda self: self.steps)
    @rule()
    def finish(self) -> None:
        step = self.steps.popleft()
        for job in self.scheduler.finish(step, step.run(self.backend)):
            wanted = expected_vectors(self.texts.pop(job), self.backend)
            np.testing.assert_allclose(job.vectors, wanted, rtol=1e-4, atol=1e-6)

    @precondition(lambda self: self.steps)
    @rule()
    def fail(self) -> None:
        step = self.steps.popleft()
        concerned = {part.job for part in step.parts} & set(self.texts)
        failed = self.scheduler.fail(step)
        assert len(failed) == len(concerned)
        assert set(failed) == concerned
        for job in failed:
            del self.texts[job]

    @precondition(lambda self: self.steps and self.scheduler.interruptible)
    @rule()
    def interrupt(self) -> None:
        self.scheduler.put_back(self.steps.popleft())

    @invariant()
    def counts_are_right(self) -> None:
        for priority in Priority:
            waiting = [job for job in self.texts if job.priority is priority]
            assert self.scheduler.waiting[priority] == len(waiting)

    def teardown(self) -> None:
        while self.texts:
            if not self.steps:
                self.begin()
            self.finish()
        if not self.steps:
            assert self.scheduler.next_step() is None
