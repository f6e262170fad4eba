"""The inference thread: what runs next there, and that nothing else does meanwhile."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mnemo.inference.interfaces import IStepSource, Priority
from mnemo.inference.thread import PATIENCE, STACK, InferenceThread, ThreadStopped
from tests.inference.fakes import SteppedPool, ThreadlessReactor


@implementer(IStepSource)
class ScriptedSource:
    """Has a step for each priority that it was given, and writes down when it was run."""

    def __init__(self, name: str, ran: list[str]) -> None:
        self.name = name
        self.ran = ran
        self.steps: list[Priority] = []
        self.results: list[object] = []
        self.failure: Exception | None = None
        self.more = False
        self.hurried = 0

    def urgency(self) -> Priority | None:
        return min(self.steps, default=None)

    def begin(self) -> Callable[[], Any]:
        self.steps.remove(min(self.steps))

        def step() -> str:
            self.ran.append(self.name)
            if self.failure is not None:
                raise self.failure
            return f"{self.name} ran"

        return step

    def following(self) -> Callable[[], Any] | None:
        return self.begin() if self.more and self.steps else None

    def hurry(self) -> None:
        self.hurried += 1

    def done(self, result: object) -> None:
        self.results.append(result)

    def failed(self, problem: Exception) -> None:
        self.results.append(problem)


class ThreadCase(SynchronousTestCase):
    """Two sources, and a thread that works when told to."""

    def setUp(self) -> None:
        self.pool = SteppedPool()
        self.thread = InferenceThread(ThreadlessReactor(), pool=self.pool)
        self.ran: list[str] = []
        self.embedder, self.generator = (
            ScriptedSource(name, self.ran) for name in ("embedder", "generator")
        )
        self.thread.add(self.embedder)
        self.thread.add(self.generator)
        self.thread.start()
        self.pool.holding = True

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()


class ChoiceTests(ThreadCase):
    def test_the_fake_is_a_source(self) -> None:
        self.assertTrue(verifyObject(IStepSource, self.embedder))

    def test_one_step_runs_at_a_time_and_its_result_comes_back(self) -> None:
        self.embedder.steps = [Priority.INTERACTIVE] * 3
        self.thread.wake()
        self.thread.wake()
        while self.pool.busy:
            self.assertEqual(self.pool.queued, 1)
            self.pool.work()
        self.assertEqual(self.embedder.results, ["embedder ran"] * 3)

    def test_what_is_interactive_waits_for_one_background_step(self) -> None:
        self.generator.steps = [Priority.BACKGROUND] * 3
        self.thread.wake()
        self.embedder.steps = [Priority.INTERACTIVE] * 2
        self.work()
        self.assertEqual(self.ran, ["generator", "embedder", "embedder", "generator", "generator"])

    def test_sources_take_turns_where_they_are_as_urgent(self) -> None:
        for source in (self.embedder, self.generator):
            source.steps = [Priority.INTERACTIVE] * 2
        self.thread.wake()
        self.work()
        self.assertEqual(self.ran, ["embedder", "generator"] * 2)

    def test_background_work_has_a_step_once_it_has_waited_long(self) -> None:
        self.generator.steps = [Priority.INTERACTIVE] * 3 * PATIENCE
        self.embedder.steps = [Priority.BACKGROUND] * 2
        self.thread.wake()
        self.work()
        places = [place for place, name in enumerate(self.ran) if name == "embedder"]
        self.assertEqual(places, [PATIENCE, 2 * PATIENCE + 1])

    def test_a_call_goes_before_all_steps(self) -> None:
        self.generator.steps = [Priority.INTERACTIVE] * 2
        self.thread.wake()
        called = self.thread.call(self.ran.append, "load")
        self.work()
        self.successResultOf(called)
        self.assertEqual(self.ran, ["generator", "load", "generator"])

    def test_a_failing_step_is_told_to_its_source_alone(self) -> None:
        self.embedder.failure = ValueError("broken")
        self.embedder.steps = self.generator.steps = [Priority.INTERACTIVE]
        self.generator.steps = [Priority.INTERACTIVE]
        self.thread.wake()
        self.work()
        self.assertEqual(self.embedder.results, [self.embedder.failure])
        self.assertEqual(self.generator.results, ["generator ran"])

    def test_a_source_that_cannot_take_its_result_holds_nobody_up(self) -> None:
        self.patch(self.embedder, "done", lambda result: 1 // 0)
        self.embedder.steps, self.generator.steps = [Priority.INTERACTIVE], [Priority.BACKGROUND]
        self.thread.wake()
        self.work()
        self.assertEqual(self.generator.results, ["generator ran"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_failing_call_fails_its_answer(self) -> None:
        called = self.thread.call(lambda: 1 // 0)
        self.work()
        self.failureResultOf(called, ZeroDivisionError)


class FollowingTests(ThreadCase):
    def setUp(self) -> None:
        super().setUp()
        self.generator.more = True
        self.generator.steps = [Priority.INTERACTIVE] * 4

    def test_the_next_step_is_there_when_one_ends(self) -> None:
        told: list[bool] = []
        self.patch(self.generator, "done", lambda result: told.append(self.pool.busy))
        self.thread.wake()
        self.work()
        self.assertEqual(told, [True, True, True, False])
        self.assertEqual(self.ran, ["generator"] * 4)

    def test_none_follows_where_another_source_has_one(self) -> None:
        self.thread.wake()
        self.embedder.steps = [Priority.INTERACTIVE]
        self.pool.work()
        self.pool.work()
        self.assertEqual(self.ran, ["generator"] * 2)
        self.pool.work()
        self.assertEqual(self.ran, ["generator"] * 2 + ["embedder"])
        self.work()

    def test_who_comes_has_what_runs_make_haste(self) -> None:
        self.thread.wake()
        self.assertEqual(self.generator.hurried, 0)
        self.thread.wake()
        self.assertEqual((self.generator.hurried, self.embedder.hurried), (1, 0))
        self.work()
        self.thread.wake()
        self.assertEqual(self.generator.hurried, 1)

    def test_a_call_waits_for_no_more_than_what_follows(self) -> None:
        self.thread.wake()
        self.thread.call(self.ran.append, "load")
        self.work()
        self.assertEqual(self.ran, [*["generator"] * 2, "load", *["generator"] * 2])

    def test_it_ends_after_what_follows(self) -> None:
        self.thread.wake()
        stopped = self.thread.stop()
        self.pool.work()
        self.assertNoResult(stopped)
        self.pool.work()
        self.successResultOf(stopped)
        self.assertEqual(self.ran, ["generator"] * 2)

    def test_what_follows_a_failing_step_is_told_as_well(self) -> None:
        self.generator.failure = ValueError("broken")
        self.thread.wake()
        self.work()
        self.assertEqual(self.generator.results, [self.generator.failure] * 4)


class StoppingTests(ThreadCase):
    def test_it_ends_after_the_step_that_runs(self) -> None:
        self.generator.steps = [Priority.INTERACTIVE] * 5
        self.thread.wake()
        waiting = self.thread.call(lambda: None)
        stopped = self.thread.stop()
        self.assertNoResult(stopped)
        self.pool.work()
        self.successResultOf(stopped)
        self.assertEqual((self.ran, self.pool.running), (["generator"], False))
        self.failureResultOf(waiting, ThreadStopped)

    def test_there_is_none_before_it_is_started_and_after_it_was_stopped(self) -> None:
        thread = InferenceThread(ThreadlessReactor(), pool=SteppedPool())
        self.failureResultOf(thread.call(lambda: None), ThreadStopped)
        self.successResultOf(thread.stop())
        self.successResultOf(self.thread.stop())
        self.successResultOf(self.thread.stop())
        self.failureResultOf(self.thread.call(lambda: None), ThreadStopped)

    def test_work_that_was_there_before_it_is_done_once_it_runs(self) -> None:
        pool, source = SteppedPool(), ScriptedSource("early", self.ran)
        thread = InferenceThread(ThreadlessReactor(), pool=pool)
        source.steps = [Priority.BACKGROUND]
        thread.add(source)
        thread.wake()
        self.assertEqual(self.ran, [])
        thread.start()
        self.assertEqual(self.ran, ["early"])


@define(eq=False)
class LivingStep:
    """
    A step of L{LivingSource}.

    @ivar cut: whether it does nothing
    """

    priority: Priority
    cut: bool = False


@implementer(IStepSource)
@define(eq=False)
class LivingSource:
    """
    Has steps while somebody waits; what is like the one that runs may follow it.

    @ivar begun: told of each step
    @ivar wrong: what must not be, since nobody is told of an exception here
    @ivar waiting: the class of each that waits
    @ivar passed: how often in a row others had a step while this one had some to offer
    """

    begun: "Callable[[LivingSource, Priority], None]"
    wrong: list[str]
    waiting: list[Priority] = field(factory=list)
    steps: deque[LivingStep] = field(factory=deque)
    failing: bool = False
    passed: int = 0

    def urgency(self) -> Priority | None:
        return min(self.waiting, default=None)

    def begin(self) -> Callable[[], Any]:
        if self.steps:
            self.wrong.append("two steps at once")
        return self._take()

    def following(self) -> Callable[[], Any] | None:
        if len(self.steps) != 1:
            self.wrong.append("more than one step follows")
        return self._take() if self.urgency() is self.steps[0].priority else None

    def _take(self) -> Callable[[], Any]:
        priority = min(self.waiting)
        self.waiting.remove(priority)
        self.begun(self, priority)
        step = LivingStep(priority)
        self.steps.append(step)

        def run() -> None:
            if step is not self.steps[0]:
                self.wrong.append("a step runs before its turn")
            failing, self.failing = self.failing, False
            if failing and not step.cut:
                raise ValueError("broken")

        return run

    def hurry(self) -> None:
        for step in list(self.steps)[1:]:
            step.cut = True

    def done(self, result: object) -> None:
        step = self.steps.popleft()
        if step.cut:
            self.waiting.append(step.priority)

    def failed(self, problem: Exception) -> None:
        self.steps.popleft()


class Life(RuleBasedStateMachine):
    """Who asks comes and goes while steps of several sources run, fail and end."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = SteppedPool()
        self.thread = InferenceThread(ThreadlessReactor(), pool=self.pool)
        self.wrong: list[str] = []
        self.sources = [LivingSource(self.begun, self.wrong) for _ in range(3)]
        for source in self.sources:
            self.thread.add(source)
        self.thread.start()
        self.pool.holding = True
        # How many background steps run, or have run, since somebody waits in person.
        self.behind = 0

    def somebody_waits(self) -> bool:
        return any(Priority.INTERACTIVE in source.waiting for source in self.sources)

    def begun(self, source: LivingSource, priority: Priority) -> None:
        if priority is Priority.INTERACTIVE:
            self.behind = 0
        elif self.somebody_waits():
            self.behind += 1
            if self.behind > 1:
                self.wrong.append("an interactive step is behind two background ones")
        source.passed = 0
        for other in self.sources:
            if other is not source and other.waiting:
                other.passed += 1
                if other.passed > PATIENCE + 2 * len(self.sources):
                    self.wrong.append("a source starves")

    @rule(number=st.integers(0, 2), priority=st.sampled_from(Priority), count=st.integers(1, 12))
    def submit(self, number: int, priority: Priority, count: int) -> None:
        if priority is Priority.INTERACTIVE and not self.somebody_waits():
            running = [source.steps[0] for source in self.sources if source.steps]
            self.behind = sum(step.priority is Priority.BACKGROUND for step in running)
        self.sources[number].waiting += [priority] * count
        self.thread.wake()

    @precondition(lambda self: any(source.waiting for source in self.sources))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from([one for one in self.sources if one.waiting]))
        source.waiting.remove(data.draw(st.sampled_from(source.waiting)))

    @precondition(lambda self: self.pool.busy)
    @rule(failing=st.integers(0, 9), count=st.integers(1, 10))
    def work(self, failing: int, count: int) -> None:
        for _ in range(count):
            if not self.pool.busy:
                return
            for source in self.sources:
                source.failing = bool(source.steps) and failing == 0
            self.pool.work()
            assert sum(bool(source.steps) for source in self.sources) <= 1

    @rule()
    def call(self) -> None:
        self.thread.call(lambda: None)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert not self.wrong, self.wrong

    def teardown(self) -> None:
        while self.pool.busy:
            self.work(1, 1)
        self.nothing_is_wrong()
        assert not any(source.waiting or source.steps for source in self.sources)
        stopped: list[object] = []
        self.thread.stop().addCallback(stopped.append)
        assert stopped == [None]


class InvariantTests(SynchronousTestCase):
    def test_whatever_happens_who_waits_in_person_is_behind_one_background_step(self) -> None:
        run_state_machine_as_test(Life, settings=settings(max_examples=150, deadline=None))


class RealThreadTests(TestCase):
    async def test_it_is_one_thread_with_room_for_what_recurses(self) -> None:
        before, sizes = threading.active_count(), threading.stack_size()
        thread = InferenceThread(reactor)
        self.assertEqual(threading.active_count(), before)
        thread.start()
        names = [await thread.call(lambda: threading.current_thread().name) for _ in range(3)]
        self.assertEqual(len(set(names)), 1)
        self.assertTrue(names[0].startswith("PoolThread-mnemo-inference-"))
        # The size is for this thread alone.
        self.assertEqual(threading.stack_size(), sizes)
        self.assertGreater(STACK, sizes)
        stopped: Deferred[None] = thread.stop()
        await stopped
        self.assertEqual(threading.active_count(), before)
