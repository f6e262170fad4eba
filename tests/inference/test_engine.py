"""The embedder: its thread, its model, and what becomes of calls."""

import threading
from pathlib import Path

import numpy as np
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mnemo.inference.catalogue import ModelBroken, locate
from mnemo.inference.engine import Engine
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    IEmbedder,
    IEmbeddingBackend,
    Priority,
)
from mnemo.inference.retrying import RETRY_SECONDS
from mnemo.inference.thread import InferenceThread
from tests.inference.fakes import ScriptedBackend, SteppedPool, ThreadlessReactor

Vectors = np.ndarray


class EngineCase(SynchronousTestCase):
    """An engine whose thread works when told to."""

    def setUp(self) -> None:
        self.backend = ScriptedBackend(window=8, batch_tokens=16)
        self.reactor = ThreadlessReactor()
        self.pool = SteppedPool()
        self.loads = 0
        self.failure: Exception | None = None
        self.thread = InferenceThread(self.reactor, pool=self.pool)
        self.thread.start()
        self.engine = Engine(self.reactor, self.load, self.thread)

    def load(self) -> IEmbeddingBackend:
        self.loads += 1
        if self.failure is not None:
            raise self.failure
        return self.backend

    def start(self) -> None:
        self.successResultOf(self.engine.start())

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()


class EmbeddingTests(EngineCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_it_is_an_embedder(self) -> None:
        self.assertTrue(verifyObject(IEmbedder, self.engine))

    def test_texts_become_unit_vectors_in_their_order(self) -> None:
        vectors = self.successResultOf(self.engine.embed(["abc", "", "a" * 50]))
        self.assertEqual((vectors.shape, vectors.dtype), ((3, 4), np.float32))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
        again = self.successResultOf(self.engine.embed(["a" * 50]))
        np.testing.assert_allclose(again[0], vectors[2])

    def test_the_tokens_are_counted_also_of_what_was_known(self) -> None:
        told: list[int] = []
        for _ in range(2):
            self.engine.embed(["abc", "", "a" * 50], counted=told.append)
        self.assertEqual(self.engine.statistics.remembered, 1)
        self.assertEqual(told, [5 + 2 + 52] * 2)

    def test_no_texts_need_no_model_run(self) -> None:
        self.assertEqual(self.successResultOf(self.engine.embed([])).shape, (0, 4))
        self.assertEqual(self.backend.steps, [])

    def test_a_repeated_query_needs_no_step(self) -> None:
        vectors = self.successResultOf(self.engine.embed(["what was it"]))
        steps = len(self.backend.steps)
        again = self.successResultOf(self.engine.embed(["what was it"]))
        np.testing.assert_array_equal(again, vectors)
        known = self.engine.statistics
        self.assertEqual((len(self.backend.steps), known.remembered, known.missed), (steps, 1, 1))

    def test_what_is_embedded_in_the_background_is_no_query(self) -> None:
        for _ in range(2):
            self.successResultOf(self.engine.embed(["a note"], Priority.BACKGROUND))
        self.assertEqual(self.engine.statistics.remembered, 0)

    def test_statistics_say_what_was_done(self) -> None:
        self.successResultOf(self.engine.embed(["abc", "d"]))
        self.pool.holding = True
        self.engine.embed(["e"])
        self.engine.embed(["f"], Priority.BACKGROUND)
        statistics = self.engine.statistics
        self.assertEqual((statistics.loads, statistics.steps), (1, 2))
        self.assertEqual((statistics.texts, statistics.tokens), (2, 8))
        self.assertEqual((statistics.waiting_interactive, statistics.waiting_background), (1, 1))


class LoadingTests(EngineCase):
    def missing(self) -> IEmbeddingBackend:
        """Load a file as the daemon does; it holds a model as soon as it is there."""
        locate(self.folder, "all-MiniLM-L6-v2")
        return self.load()

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.file = self.folder / "all-MiniLM-L6-v2.gguf"

    def test_before_the_model_is_loaded_there_is_none(self) -> None:
        self.pool.holding = True
        started = self.engine.start()
        self.assertNoResult(started)
        self.failureResultOf(self.engine.embed(["a"]), EmbedderUnavailable)
        self.assertIn("being loaded", self.engine.problem)
        self.pool.work()
        self.successResultOf(started)
        self.assertEqual((self.engine.model, self.engine.problem), (self.backend.info, ""))

    def test_without_a_model_it_starts_and_says_what_mends_it(self) -> None:
        self.engine = Engine(self.reactor, self.missing, self.thread)
        self.start()
        failure = self.failureResultOf(self.engine.embed(["a"]), EmbedderUnavailable)
        self.assertEqual(str(failure.value), self.engine.problem)
        self.assertTrue(self.engine.problem.endswith("fetch it: mnemo model fetch"))
        self.assertNotIn("\n", self.engine.problem)

    def test_it_takes_the_model_as_soon_as_it_is_there(self) -> None:
        self.engine = Engine(self.reactor, self.missing, self.thread)
        told: list[object] = []
        self.engine.on_ready(lambda: told.append(self.engine.model))
        self.start()
        self.reactor.pump([RETRY_SECONDS] * 3)
        self.assertEqual((self.loads, told), (0, []))
        self.file.write_text("a model")
        self.reactor.advance(RETRY_SECONDS)
        self.assertEqual((self.loads, told), (1, [self.backend.info]))
        self.successResultOf(self.engine.embed(["a"]))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_broken_file_is_tried_again_once_it_has_changed(self) -> None:
        self.file.write_text("damaged")
        self.failure = ModelBroken(self.file, "is damaged")
        self.start()
        self.assertIn("is damaged; fetch it: mnemo model fetch", self.engine.problem)
        # The first attempt did not know which file to look at before it.
        self.reactor.advance(RETRY_SECONDS)
        self.assertEqual(self.loads, 2)
        self.reactor.pump([RETRY_SECONDS] * 10)
        self.assertEqual(self.loads, 2)
        self.file.write_text("whole again")
        self.failure = None
        self.reactor.advance(RETRY_SECONDS)
        self.assertEqual((self.loads, self.engine.problem), (3, ""))

    def test_a_failure_of_no_file_is_tried_again_every_time(self) -> None:
        self.failure = RuntimeError("the GPU is\nbusy")
        self.start()
        self.assertEqual(
            self.engine.problem, "the embedding model fails to load: RuntimeError: the GPU is busy"
        )
        self.reactor.pump([RETRY_SECONDS] * 3)
        self.assertEqual(self.loads, 4)

    def test_a_slow_attempt_is_not_begun_twice(self) -> None:
        self.failure = RuntimeError("busy")
        self.start()
        self.pool.holding = True
        self.reactor.pump([RETRY_SECONDS] * 3)
        self.work()
        self.assertEqual(self.loads, 2)

    def test_listeners_are_told_at_once_when_the_model_is_there_already(self) -> None:
        self.start()
        told: list[int] = []
        self.engine.on_ready(lambda: told.append(1))
        self.assertEqual(told, [1])

    def test_a_failing_listener_stops_nobody(self) -> None:
        told: list[int] = []
        self.engine.on_ready(lambda: 1 // 0)
        self.engine.on_ready(lambda: told.append(1))
        self.start()
        self.assertEqual(told, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class StoppingTests(EngineCase):
    def test_waiting_calls_fail_and_the_running_step_ends(self) -> None:
        self.start()
        self.pool.holding = True
        running, waiting = self.engine.embed(["a"]), self.engine.embed(["b"])
        stopped = self.engine.stop()
        for answer in (running, waiting):
            failure = self.failureResultOf(answer, EmbedderUnavailable)
            self.assertEqual(str(failure.value), "mnemo is stopping")
        self.assertNoResult(stopped)
        self.pool.work()
        self.assertFalse(self.backend.closed)
        self.pool.work()
        self.successResultOf(stopped)
        self.assertTrue(self.backend.closed)

    def test_afterwards_a_call_fails_at_once(self) -> None:
        self.start()
        self.successResultOf(self.engine.stop())
        self.failureResultOf(self.engine.embed(["a"]), EmbedderUnavailable)
        self.failureResultOf(self.engine.embed([]), EmbedderUnavailable)

    def test_a_model_that_is_being_loaded_is_freed(self) -> None:
        self.pool.holding = True
        started = self.engine.start()
        stopped = self.engine.stop()
        self.work()
        self.successResultOf(started)
        self.successResultOf(stopped)
        self.assertEqual((self.backend.closed, self.engine.model), (True, None))

    def test_nothing_is_left_to_do_for_the_reactor(self) -> None:
        self.failure = RuntimeError("no model")
        self.start()
        self.successResultOf(self.engine.stop())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_ends_while_the_model_is_looked_for(self) -> None:
        self.failure = RuntimeError("no model")
        self.start()
        self.pool.holding = True
        self.reactor.advance(RETRY_SECONDS)
        stopped = self.engine.stop()
        self.work()
        self.successResultOf(stopped)

    def test_a_model_that_cannot_be_freed_does_not_keep_it(self) -> None:
        self.start()
        self.patch(self.backend, "close", lambda: 1 // 0)
        self.successResultOf(self.engine.stop())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_may_be_stopped_twice_or_before_it_was_started(self) -> None:
        self.successResultOf(Engine(self.reactor, self.load, self.thread).stop())
        self.start()
        self.successResultOf(self.engine.stop())
        self.successResultOf(self.engine.stop())


class ThreadTests(TestCase):
    """With a real thread."""

    async def test_the_model_is_touched_by_one_thread_alone(self) -> None:
        threads: set[str] = set()

        class Watched(ScriptedBackend):
            def _step(self, kind: str, what: object) -> None:
                threads.add(threading.current_thread().name)
                super()._step(kind, what)

            def close(self) -> None:
                threads.add(threading.current_thread().name)
                super().close()

        before = threading.active_count()
        thread = InferenceThread(reactor)
        engine = Engine(reactor, Watched, thread)
        thread.start()
        await engine.start()
        answers: list[Deferred[Vectors]] = [engine.embed(["abc"] * 3) for _ in range(20)]
        vectors = await gatherResults(answers)
        await engine.stop()
        await thread.stop()
        self.assertEqual({answer.shape for answer in vectors}, {(3, 4)})
        self.assertEqual(len(threads), 1)
        self.assertTrue(threads.pop().startswith("PoolThread-mnemo-inference-"))
        self.assertEqual(threading.active_count(), before)
