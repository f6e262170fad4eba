"""Which generations run, without a model."""

from collections import deque

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

from mnemo.inference import slots as module
from mnemo.inference.generation import GenerationFailed, Overloaded, UnfitRequest
from mnemo.inference.interfaces import Priority
from mnemo.inference.run import PrepareStep, Run, Step
from mnemo.inference.steps import CacheFull, DecodeStep, Outcome
from tests.inference.scripted import ScriptedGenerator, expected
from tests.inference.slots_driver import (
    BACKGROUND,
    INTERACTIVE,
    Driver,
    SlotsCase,
    long_answer,
    pairs,
)


class RunningTests(SlotsCase):
    def test_without_runs_there_is_nothing_to_do(self) -> None:
        self.assertIsNone(self.slots.urgency())
        self.assertIsNone(self.slots.next_step())

    def test_each_run_has_its_own_answer(self) -> None:
        prompts = [[5, 6, 7], [5, 6, 8, 9], list(range(40))]
        runs = [self.driver.submit(prompt) for prompt in prompts]
        self.driver.run_all()
        for run, prompt in zip(runs, prompts, strict=True):
            self.assert_right(run, prompt)

    def test_one_step_runs_at_a_time(self) -> None:
        self.driver.submit([5, 6])
        self.assertIsNotNone(self.slots.next_step())
        self.assertIsNone(self.slots.urgency())
        self.assertIsNone(self.slots.next_step())

    def test_runs_share_a_step(self) -> None:
        runs = [self.driver.submit([5, 6, n], session=str(n)) for n in range(2)]
        self.driver.decode()
        self.assertEqual(self.driver.running(self.driver.decode()), {run.number for run in runs})

    def test_a_prompt_is_computed_in_chunks_beside_a_run_that_decodes(self) -> None:
        self.use(ScriptedGenerator(slots=2, capacity=512, batch=64), step_seconds=0.020)
        self.driver.seconds = 0.016  # a token of a prompt takes a millisecond
        first = self.driver.submit(list(range(1, 17)), most=64)
        self.driver.decode()
        self.driver.seconds = 0.012  # three rounds of four milliseconds
        self.driver.decode()
        second = self.driver.submit(list(range(100, 200)), session="b")
        self.driver.seconds = 0.020
        sizes = []
        while not self.driver.answers[second]:
            step = self.driver.decode()
            sizes.append({chunk.run: len(chunk.tokens) for chunk in step.chunks})
        self.assertTrue(all(size.get(first.number, 1) == 1 for size in sizes))
        self.assertEqual([size[second.number] for size in sizes[:3]], [15, 15, 15])
        self.driver.run_all()
        self.assert_right(second, list(range(100, 200)))

    def test_several_rounds_share_a_step_where_no_prompt_is_computed(self) -> None:
        run = self.driver.submit([5, 6], most=8)
        self.driver.decode()
        step = self.driver.decode()
        self.assertGreater(step.rounds, 1)
        self.driver.run_all()
        self.assert_right(run, [5, 6])

    def test_an_answer_has_no_more_tokens_than_asked(self) -> None:
        run = self.driver.submit([5, 6], most=2)
        self.driver.run_all()
        self.assertEqual(len(self.driver.answers[run]), len(expected([5, 6], 2)))

    def test_an_answer_ends_where_the_window_does(self) -> None:
        prompt = list(range(250))
        run = self.driver.submit(prompt, most=100)
        self.driver.run_all()
        self.assert_right(run, prompt, 6)

    def test_a_prompt_that_does_not_fit_is_refused(self) -> None:
        for prompt in ([], list(range(256))):
            run = self.driver.submit(prompt)
            self.driver.run_all()
            self.assertIsInstance(self.driver.failures[run], UnfitRequest)
            self.assertIn(f"has {len(prompt)} tokens", str(self.driver.failures[run]))
            self.assertTrue(run.over)
        with self.assertRaisesRegex(UnfitRequest, "max_tokens must be at least 1, not 0"):
            self.driver.submit([1], most=0)

    def test_too_many_runs_are_refused_with_how_long_to_wait(self) -> None:
        self.driver.seconds = 3.0
        self.driver.submit([1])
        self.driver.run_all()
        self.patch(module, "OF_A_SESSION", 3)
        self.patch(module, "WAITING", 4)
        for number in range(3):
            self.driver.submit([number])
        with self.assertRaisesRegex(Overloaded, r"this session has 3 .*ask again in \d+ sec") as of:
            self.driver.submit([4])
        self.driver.submit([5], session="b")
        with self.assertRaisesRegex(Overloaded, "4 generations are waiting"):
            self.driver.submit([6], session="c")
        self.assertGreaterEqual(of.exception.retry_after or 0, 3)


class FollowingTests(SlotsCase):
    """A step whose next one need not wait for it to come back."""

    def setUp(self) -> None:
        super().setUp()
        self.prompt = next(filter(long_answer, pairs()))

    def begin(self, *prompts: list[int], most: int = 40) -> DecodeStep:
        """Have so many runs decode, in a step that has not come back."""
        for prompt in prompts:
            self.driver.submit(prompt, most, session=str(prompt))
        while len(self.driver.running(self.driver.decode())) < len(prompts):
            pass
        step = self.slots.next_step()
        assert isinstance(step, DecodeStep)
        return step

    def test_it_goes_on_with_what_that_has_sampled(self) -> None:
        step = self.begin(self.prompt)
        (run,) = self.slots.turns.runs
        following = self.slots.following()
        assert following is not None
        self.assertIsNone(self.slots.following())
        results = [(each, self.driver.perform(each)) for each in (step, following)]
        for each, result in results:
            self.driver.take_result(each, result)
        self.assertIsNone(self.slots._step)
        before = len(self.driver.answers[run])
        self.assertGreater(before, 4)
        self.driver.run_all()
        self.assert_right(run, self.prompt, 40)

    def test_there_is_one_after_the_end_of_a_prompt_and_none_before(self) -> None:
        run = self.driver.submit(list(range(30)), 40)
        self.driver.step()
        first = self.slots.next_step()
        assert first is not None
        self.assertIsNone(self.slots.following())
        self.driver.end_step(first)
        while (step := self.slots.next_step()) and (following := self.slots.following()) is None:
            self.driver.end_step(step)
        assert step is not None
        assert following is not None
        self.driver.end_step(step)
        self.driver.end_step(following)
        self.driver.run_all()
        self.assert_right(run, list(range(30)), 40)

    def test_there_is_none_where_somebody_waits(self) -> None:
        step = self.begin(self.prompt)
        self.driver.submit([1, 2, 3])
        self.assertIsNone(self.slots.following())
        self.driver.end_step(step)

    def test_there_is_none_where_nothing_is_left_to_say(self) -> None:
        self.begin(self.prompt, most=2)
        self.assertIsNone(self.slots.following())

    def test_cut_before_it_begins_it_does_nothing(self) -> None:
        step = self.begin(self.prompt)
        (run,) = self.slots.turns.runs
        following = self.slots.following()
        assert following is not None
        following.cut = True
        self.driver.end_step(step)
        steps, said = self.slots.steps, len(self.driver.answers[run])
        self.driver.end_step(following)
        self.assertEqual((self.slots.steps, len(self.driver.answers[run])), (steps, said))
        self.driver.run_all()
        self.assert_right(run, self.prompt, 40)

    def test_after_a_step_that_has_failed_it_does_nothing(self) -> None:
        step = self.begin(self.prompt)
        (run,) = self.slots.turns.runs
        following = self.slots.following()
        assert following is not None
        self.model.failure = RuntimeError("broken")
        self.driver.end_step(step)
        self.driver.end_step(following)
        self.assertIsInstance(self.driver.failures[run], RuntimeError)
        self.driver.run_all()
        self.assertEqual(self.model.cells, 0)

    def test_a_run_that_has_ended_meanwhile_is_kept_for_its_session(self) -> None:
        prompt = [*range(30, 50), *self.prompt]
        run = self.driver.submit(prompt, 40)
        while len(self.driver.answers[run]) < 5:
            self.driver.decode()
        step, following = self.slots.next_step(), self.slots.following()
        assert step is not None
        assert following is not None
        results = [(each, self.driver.perform(each)) for each in (step, following)]
        self.driver.take_result(*results[0])
        said = self.driver.answers[run]
        self.slots.end(run, keep=True)
        self.driver.take_result(*results[1])
        self.driver.run_all()
        longer = [*prompt, *said, 77]
        again = self.driver.submit(longer)
        self.driver.run_all()
        self.assert_right(again, longer)
        self.assertGreaterEqual(again.reused, len(prompt) + len(said) - 1)


class EndTests(SlotsCase):
    def test_a_cancelled_run_frees_its_slot_and_its_sequence(self) -> None:
        run = self.driver.submit([5, 6, 7], 60)
        self.driver.decode()
        self.slots.end(run)
        self.slots.end(run)
        self.driver.run_all()
        self.assertEqual((self.model.cells, self.model.opened), (0, set()))
        self.assertIsNone(self.slots.urgency())

    def test_what_cannot_be_tidied_up_waits_for_the_next_run(self) -> None:
        run = self.driver.submit([5, 6, 7], 60)
        self.driver.decode()
        self.slots.end(run)
        step = self.slots.next_step()
        assert isinstance(step, DecodeStep)
        self.assertEqual((step.chunks, self.slots.fail(step, GenerationFailed("no"))), ([], []))
        self.assertIsNone(self.slots.urgency())
        self.assertIsNone(self.slots.next_step())
        following = self.driver.submit([1, 2])
        self.driver.run_all()
        self.assert_right(following, [1, 2])
        self.assertEqual((self.model.cells, self.model.opened), (0, set()))

    def test_of_a_run_cancelled_in_its_step_nothing_comes_back(self) -> None:
        run = self.driver.submit([5, 6, 7], 60)
        self.driver.step()
        step = self.slots.next_step()
        assert isinstance(step, DecodeStep)
        self.slots.end(run)
        self.driver.end_step(step)
        self.assertEqual(self.driver.answers[run], [])
        self.driver.run_all()
        self.assertEqual(self.model.cells, 0)

    def test_a_run_cancelled_while_it_is_prepared_never_runs(self) -> None:
        run = self.driver.submit([5, 6, 7], 60)
        step = self.slots.next_step()
        assert isinstance(step, PrepareStep)
        self.slots.end(run)
        self.driver.end_step(step)
        self.driver.run_all()
        self.assertEqual(self.model.opened, set())

    def test_a_run_that_cannot_go_on_fails_alone(self) -> None:
        failing, other = (self.driver.submit([n], session=str(n)) for n in (1, 2))
        self.driver.step()
        self.driver.step()
        self.model.broken[failing.number] = GenerationFailed("no token fits")
        self.driver.run_all()
        self.assertEqual(str(self.driver.failures[failing]), "no token fits")
        self.assert_right(other, [2])

    def test_a_failed_step_fails_its_runs_and_no_others(self) -> None:
        runs = [self.driver.submit([n], session=str(n)) for n in range(3)]
        self.driver.step()
        self.driver.step()
        self.model.failure = RuntimeError("broken")
        self.driver.step()
        self.assertEqual(list(self.driver.failures), runs[:2])
        self.driver.run_all()
        self.assert_right(runs[2], [2])

    def test_where_the_cache_is_full_something_gives_way(self) -> None:
        self.use(ScriptedGenerator(slots=1, capacity=256))
        prompt = list(range(30))
        paused = self.driver.submit(prompt, 30, BACKGROUND)
        while len(self.driver.answers[paused]) < 2:
            self.driver.step()
        run = self.driver.submit([5])
        self.driver.step()
        self.model.failure = CacheFull("full")
        self.driver.step()
        self.assertEqual((paused.sequence, paused.held), (None, 0))
        self.driver.run_all()
        self.assert_right(run, [5])
        self.assert_right(paused, prompt, 30)
        self.assertEqual(self.driver.failures, {})

    def test_where_nothing_can_give_way_a_run_is_refused(self) -> None:
        run = self.driver.submit([5])
        self.driver.step()
        self.model.failure = CacheFull("full")
        self.driver.run_all()
        self.assertIsInstance(self.driver.failures[run], Overloaded)

    def test_a_run_waits_until_there_is_room_for_all_of_it(self) -> None:
        self.use(ScriptedGenerator(slots=2, capacity=64))
        first = self.driver.submit(list(range(20)), 30, session="a")
        second = self.driver.submit(list(range(20, 40)), 30, session="b")
        step = self.driver.decode()
        while isinstance(step, DecodeStep) and not step.chunks:
            step = self.driver.decode()
        self.assertEqual(self.driver.running(step), {first.number})
        self.driver.run_all()
        self.assert_right(first, list(range(20)), 30)
        self.assert_right(second, list(range(20, 40)), 30)

    def test_a_paused_run_gives_up_its_room_and_is_computed_anew(self) -> None:
        self.use(ScriptedGenerator(slots=1, capacity=64))
        prompt = list(range(20))
        paused = self.driver.submit(prompt, 30, BACKGROUND)
        while len(self.driver.answers[paused]) < 2:
            self.driver.step()
        large = self.driver.submit(list(range(40)), 20)
        self.driver.decode()
        self.assertEqual((paused.sequence, paused.held), (None, 0))
        self.driver.run_all()
        self.assert_right(large, list(range(40)), 20)
        self.assert_right(paused, prompt, 30)


FIXED = list(range(200, 230))


class ReuseTests(SlotsCase):
    def test_a_session_goes_on_from_what_it_had(self) -> None:
        prompt = list(range(20))
        self.driver.submit(prompt)
        self.driver.run_all()
        longer = [*prompt, *expected(prompt, 8), 77, 78]
        run = self.driver.submit(longer)
        self.driver.run_all()
        self.assert_right(run, longer)
        self.assertGreaterEqual(run.reused, 20)
        self.assertEqual(self.slots.places.reused, run.reused)

    def test_what_one_session_had_is_not_for_another(self) -> None:
        prompt = list(range(20))
        self.driver.submit(prompt, session="a")
        self.driver.run_all()
        for session in ("b", ""):
            run = self.driver.submit(prompt, session=session)
            self.driver.run_all()
            self.assertEqual(run.reused, 0)

    def test_a_fixed_beginning_is_for_all(self) -> None:
        for number in range(3):
            run = self.driver.submit([*FIXED, number], session=str(number), fixed=30)
            self.driver.run_all()
            self.assertEqual(run.reused, 30 if number else 0)
            self.assert_right(run, [*FIXED, number])

    def test_runs_that_begin_alike_wait_for_the_first_to_compute_it(self) -> None:
        runs = [self.driver.submit([*FIXED, n], session=str(n), fixed=30) for n in range(2)]
        self.driver.run_all()
        self.assertEqual([run.reused for run in runs], [0, 30])
        for number, run in enumerate(runs):
            self.assert_right(run, [*FIXED, number])

    def test_what_was_used_least_recently_gives_way(self) -> None:
        self.use(ScriptedGenerator(slots=1, capacity=100))
        for session in "abcd":
            self.driver.submit([ord(session)] * 20, session=session)
            self.driver.run_all()
            self.assertLessEqual(self.slots.places.cache.tokens, 100)
        again = self.driver.submit([ord("d")] * 20, session="d")
        first = self.driver.submit([ord("a")] * 20, session="a")
        self.driver.run_all()
        self.assertEqual((again.reused, first.reused), (19, 0))

    def test_what_is_kept_is_in_the_cache_only_while_runs_rely_on_it(self) -> None:
        for number in range(2):
            self.driver.submit([*range(20), number], session="a")
            self.driver.run_all()
            self.assertEqual((self.model.cells, len(self.model.saved)), (0, 1 + number))

    def test_runs_that_begin_alike_share_their_beginning(self) -> None:
        self.use(ScriptedGenerator(slots=2, capacity=256, batch=64))
        self.driver.submit([*FIXED, 1], 1, session="a", fixed=len(FIXED))
        self.driver.run_all()
        runs = [
            self.driver.submit([*FIXED, number], 20, session=str(number), fixed=len(FIXED))
            for number in (2, 3)
        ]
        while len(self.driver.running(self.driver.decode())) < 2:
            pass
        self.assertLess(self.model.cells, 2 * len(FIXED))
        self.driver.run_all()
        for number, run in zip((2, 3), runs, strict=True):
            self.assertEqual(run.reused, len(FIXED))
            self.assert_right(run, [*FIXED, number], 20)

    def test_of_what_a_failed_step_was_to_restore_nothing_is_kept(self) -> None:
        self.driver.submit(list(range(20)), session="a")
        self.driver.run_all()
        self.driver.submit(list(range(20)), session="a")
        self.driver.step()
        self.model.failure = RuntimeError("broken")
        self.driver.run_all()
        self.assertEqual((len(self.slots.places.cache), self.model.saved), (0, {}))
        again = self.driver.submit(list(range(20)), session="a")
        self.driver.run_all()
        self.assertEqual(again.reused, 0)
        self.assert_right(again, list(range(20)))

    def test_a_model_whose_sequences_cannot_be_copied_keeps_nothing(self) -> None:
        model = ScriptedGenerator()
        model.keeps = False
        self.use(model)
        for _ in range(2):
            run = self.driver.submit(list(range(20)), fixed=18)
            self.driver.run_all()
            self.assertEqual((run.reused, len(self.slots.places.cache)), (0, 0))


class InvariantTests(SynchronousTestCase):
    def test_whatever_happens_every_run_has_its_own_answer(self) -> None:
        run_state_machine_as_test(
            Life, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
        )


BEGINNINGS = [[], list(range(50, 70)), list(range(50, 86))]
PROMPTS = st.builds(
    lambda beginning, rest: (beginning + rest, len(beginning)),
    st.sampled_from(BEGINNINGS),
    st.lists(st.integers(1, 40), min_size=1, max_size=12),
)


class Life(RuleBasedStateMachine):
    """Callers come and go while steps run, fail and end."""

    def __init__(self) -> None:
        super().__init__()
        self.model = ScriptedGenerator(slots=2, capacity=96, batch=24)
        self.driver = Driver(self.model)
        self.slots = self.driver.slots
        self.asked: dict[Run, tuple[list[int], int]] = {}
        # What is to be done on the thread, in order, and of the first of it what came of that.
        self.steps: deque[Step] = deque()
        self.results: deque[Outcome | Exception] = deque()

    @rule(
        prompt=PROMPTS,
        most=st.integers(1, 20),
        priority=st.sampled_from(Priority),
        session=st.sampled_from(["", "a", "b", "c"]),
    )
    def submit(
        self, prompt: tuple[list[int], int], most: int, priority: Priority, session: str
    ) -> None:
        if len(self.asked) < 8:
            tokens, fixed = prompt
            run = self.driver.submit(tokens, most, priority, session, fixed)
            self.asked[run] = tokens, most

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), keep=st.booleans())
    def cancel(self, data: st.DataObject, keep: bool) -> None:
        run = data.draw(st.sampled_from(list(self.asked)))
        self.slots.end(run, keep=keep)
        del self.asked[run]

    @rule()
    def begin(self) -> None:
        urgency = self.slots.urgency()
        step = self.slots.next_step()
        if self.steps:
            assert step is None, "two steps at once"
            return
        assert (step is None) == (urgency is None)
        if self.asked:
            assert step is not None, "runs wait and nothing is done"
        if step is not None:
            self.steps.append(step)
        if isinstance(step, DecodeStep):
            self.check_choice(step)

    @rule()
    def follow(self) -> None:
        step = self.slots.following()
        if step is not None:
            assert len(self.steps) == 1, "more than one step follows"
            assert {chunk.run for chunk in step.chunks} == {run.number for run in self.asked}
            self.steps.append(step)

    @precondition(lambda self: self.steps)
    @rule()
    def hurry(self) -> None:
        for step in self.steps:
            if isinstance(step, DecodeStep):
                step.cut = True

    @precondition(lambda self: len(self.results) < len(self.steps))
    @rule(failing=st.sampled_from([None] * 9 + [RuntimeError("broken"), CacheFull("full")]))
    def perform(self, failing: Exception | None) -> None:
        step = self.steps[len(self.results)]
        if isinstance(step, DecodeStep):
            self.model.failure = failing
        self.results.append(self.driver.perform(step))

    def check_choice(self, step: DecodeStep) -> None:
        runs = {run.number: run for run in self.asked}
        chosen = [runs[chunk.run] for chunk in step.chunks]
        background = [run for run in chosen if run.priority is BACKGROUND]
        assert len(chosen) <= self.model.slots + 1
        if len(chosen) > self.model.slots:
            assert len(background) == 1, "only a background run has a row beyond the slots"
            return
        for run in self.asked if background else ():
            # No interactive one waits behind it, but for a copy or its turn to be computed.
            if run.priority is INTERACTIVE and run not in chosen:
                assert run.sequence is not None or any(run.awaits(other) for other in chosen)

    @precondition(lambda self: self.results)
    @rule()
    def end(self) -> None:
        result = self.results.popleft()
        self.driver.take_result(self.steps.popleft(), result)
        for run in list(self.asked):
            if run in self.driver.failures:
                assert isinstance(result, Exception)
                del self.asked[run]
            elif run.over:
                assert self.driver.answers[run] == expected(*self.asked.pop(run))

    @invariant()
    def room_is_conserved(self) -> None:
        slots, cache = self.slots, self.slots.places.cache
        used = [run.sequence for run in slots.turns.runs if run.sequence is not None]
        used += [kept.sequence for kept in cache if kept.sequence is not None]
        assert sorted(used + slots.places.free) == list(range(self.model.sequences))
        assert cache.tokens == sum(len(kept.tokens) for kept in cache) <= self.model.capacity
        assert slots.places.used <= self.model.capacity
        assert self.model.cells <= self.model.capacity
        for kept in cache:
            assert kept.users == sum(run.base is kept for run in slots.turns.runs)
            assert (kept.users > 0) == (kept.sequence is not None) == (kept.placed > 0)
        assert set(slots.turns.runs) == set(self.asked)

    def teardown(self) -> None:
        # Each step brings at least one of them a token further, some of them twice.
        bound = 20 + 4 * sum(len(prompt) + most + 3 for prompt, most in self.asked.values())
        for _ in range(bound):
            if not self.asked and not self.steps:
                break
            if not self.steps:
                self.begin()
            if not self.results:
                self.perform(None)
            self.end()
        assert not self.asked, "a run starves"
        while self.slots.next_step() is not None:
            step = self.slots._step
            assert step is not None
            self.driver.end_step(step)
        assert self.model.opened == set()
        assert self.model.cells == 0
        assert set(self.model.saved) == {kept.key for kept in self.slots.places.cache}
