"""The language model of the daemon: what becomes of requests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorUnavailable,
    IGenerator,
)
from mnemo.inference.generator import ABSENT, LocalGenerator
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.thread import InferenceThread
from tests.inference.fakes import SteppedPool, ThreadlessReactor
from tests.inference.scripted import ScriptedGenerator

FILE = Path("/models/x.gguf")


class GeneratorCase(SynchronousTestCase):
    """A generator whose thread works when told to."""

    def setUp(self) -> None:
        self.model = ScriptedGenerator(slots=2, capacity=512, batch=64)
        self.reactor = ThreadlessReactor()
        self.pool = SteppedPool()
        self.thread = InferenceThread(self.reactor, pool=self.pool)
        self.thread.start()
        self.loads = 0
        self.failure: Exception | None = None
        self.generator = LocalGenerator(self.reactor, self.load, self.thread, step_seconds=0.02)

    def load(self) -> IGenerationBackend:
        self.loads += 1
        if self.failure is not None:
            raise self.failure
        return self.model

    def start(self) -> None:
        self.successResultOf(self.generator.start())

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()

    def ask(
        self, prompt: str = "hello", on_text: Callable[[str], object] | None = None, **more: Any
    ) -> Deferred[Completion]:
        return self.generator.generate(evolve(Generation(prompt, 20), **more), on_text)


class LoadingTests(GeneratorCase):
    def test_it_is_a_generator(self) -> None:
        self.assertTrue(verifyObject(IGenerator, self.generator))

    def test_all_wait_for_one_load(self) -> None:
        self.pool.holding = True
        waiting = [self.generator.load() for _ in range(5)]
        self.work()
        for waiter in waiting:
            self.successResultOf(waiter)
        self.successResultOf(self.generator.load())
        self.assertEqual((self.loads, self.generator.statistics.loads), (1, 1))

    def test_one_who_waits_no_more_stops_no_load(self) -> None:
        self.pool.holding = True
        first, second = self.generator.load(), self.generator.load()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.work()
        self.successResultOf(second)

    def test_without_the_model_there_is_no_answer(self) -> None:
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), ABSENT)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_model_that_cannot_be_loaded_is_a_problem_of_one_line(self) -> None:
        self.failure = ModelBroken(FILE, "is damaged")
        self.start()
        self.assertIn("is damaged", self.generator.problem)
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), self.generator.problem)
        self.failure = RuntimeError("the GPU is\nbusy")
        self.failureResultOf(self.generator.load(), GeneratorUnavailable)
        self.assertEqual(
            self.generator.problem,
            "the language model fails to load: RuntimeError: the GPU is busy",
        )
        self.failure = None
        self.successResultOf(self.generator.load())
        self.assertEqual(self.generator.problem, "")

    def test_the_file_is_checked_before_it_is_loaded_on_another_thread(self) -> None:
        done: list[str] = []

        def check() -> None:
            done.append("checked")
            raise ModelBroken(FILE, "is no model")

        self.generator = LocalGenerator(
            self.reactor, self.load, self.thread, step_seconds=0.02, check=check
        )
        self.start()
        self.assertEqual((done, self.loads), (["checked"], 0))
        self.assertIn("is no model", self.generator.problem)

    def test_unloaded_it_is_freed_and_comes_back(self) -> None:
        self.start()
        self.pool.holding = True
        running = self.ask("hello")
        self.pool.work()
        unloaded = self.generator.unload()
        self.failureResultOf(running, GeneratorUnavailable)
        self.assertIsNone(self.generator.model)
        self.work()
        self.successResultOf(unloaded)
        self.assertTrue(self.model.closed)
        self.pool.holding = False
        self.model = ScriptedGenerator(capacity=512)
        self.successResultOf(self.generator.load())
        self.successResultOf(self.ask("hello"))

    def test_a_load_that_is_asked_for_meanwhile_comes_after_it(self) -> None:
        self.start()
        self.pool.holding = True
        old, self.model = self.model, ScriptedGenerator(capacity=512)
        unloaded, loaded = self.generator.unload(), self.generator.load()
        self.work()
        self.successResultOf(unloaded)
        self.successResultOf(loaded)
        self.assertEqual((old.closed, self.model.closed), (True, False))
        self.pool.holding = False
        self.successResultOf(self.ask("hello"))

    def test_stopped_while_it_loads_it_is_freed(self) -> None:
        self.pool.holding = True
        started = self.generator.start()
        stopped = self.generator.stop()
        self.work()
        self.successResultOf(started)
        self.successResultOf(stopped)
        self.assertTrue(self.model.closed)
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), "mnemo is stopping")

    def test_a_model_that_cannot_be_freed_is_logged(self) -> None:
        self.start()
        self.patch(self.model, "close", lambda: 1 // 0)
        self.successResultOf(self.generator.unload())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
