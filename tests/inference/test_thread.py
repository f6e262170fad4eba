"""The inference thread: what runs next there, and that nothing else does meanwhile."""

import threading
from collections.abc import Callable
from typing import Any

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
        self.work()  # The pool would object to a second call at once.
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
