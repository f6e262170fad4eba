"""The calls on an embedding model, and what becomes of them."""

from collections.abc import Sequence

import numpy as np
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from mnemo.inference.embedding_calls import EmbeddingCalls, EmbeddingFailed
from mnemo.inference.engine import Engine
from mnemo.inference.interfaces import Priority
from mnemo.inference.loader import ILoaded
from tests.inference.fakes import ScriptedBackend
from tests.inference.test_engine import EngineCase

Vectors = np.ndarray


class CallTests(EngineCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_they_are_a_source_of_steps(self) -> None:
        calls = EmbeddingCalls(self.backend, self.reactor, self.thread, 1.0)
        self.assertTrue(verifyObject(ILoaded, calls))

    def test_callers_share_steps(self) -> None:
        self.pool.holding = True
        answers = [self.engine.embed(["abc"], session=str(n)) for n in range(9)]
        self.work()
        for answer in answers:
            self.successResultOf(answer)
        self.assertLess(self.engine.statistics.steps, 9)

    def test_an_interactive_call_waits_for_one_background_step(self) -> None:
        self.pool.holding = True
        slow = self.engine.embed(["a" * 60], Priority.BACKGROUND, "importer")
        self.pool.work()
        quick = self.engine.embed(["b"], Priority.INTERACTIVE, "asker")
        self.pool.work()
        self.pool.work()  # what was to follow does not begin
        self.assertNoResult(quick)
        self.pool.work()
        self.pool.work()
        self.successResultOf(quick)
        self.assertNoResult(slow)
        self.work()
        self.successResultOf(slow)

    def test_an_interactive_call_interrupts_a_background_step(self) -> None:
        self.pool.holding = True
        slow = self.engine.embed(["a" * 60], Priority.BACKGROUND, "importer")
        self.pool.work()  # it is tokenised, and the first windows are encoded now
        quick = self.engine.embed(["b"], Priority.INTERACTIVE, "asker")
        self.pool.work()
        self.assertEqual([kind for kind, _ in self.backend.steps], ["tokenize", "encode"])
        self.work()
        self.successResultOf(quick)
        alone = self.engine.embed(["a" * 60])
        self.work()
        np.testing.assert_allclose(self.successResultOf(slow), self.successResultOf(alone))

    def test_a_cancelled_call_starts_no_more_steps(self) -> None:
        self.pool.holding = True
        answer = self.engine.embed(["abc", "abcd"])
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.work()
        self.assertEqual({kind for kind, _ in self.backend.steps}, {"tokenize"})
        self.assertEqual(self.engine.statistics.waiting_interactive, 0)

    def test_an_answer_may_cancel_another_of_the_same_step(self) -> None:
        self.pool.holding = True
        first, second = self.engine.embed(["a"]), self.engine.embed(["b"])
        first.addCallback(lambda _: second.cancel())
        self.work()
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.engine.statistics.waiting_interactive, 0)

    def test_an_answer_may_ask_again(self) -> None:
        answer = self.engine.embed(["a"])
        answer.addCallback(lambda _: self.engine.embed(["b"]))
        self.assertEqual(self.successResultOf(answer).shape, (1, 4))

    def test_a_failing_step_fails_its_calls_and_the_engine_lives_on(self) -> None:
        self.backend.failure = RuntimeError("out of\nmemory")
        failure = self.failureResultOf(self.engine.embed(["a"]), EmbeddingFailed)
        self.assertEqual(
            str(failure.value), "the embedding model failed: RuntimeError: out of memory"
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.successResultOf(self.engine.embed(["a"]))
        self.assertEqual(self.engine.problem, "")

    def test_the_age_of_what_waits_is_known_by_class(self) -> None:
        self.pool.holding = True
        self.engine.embed(["a"], Priority.BACKGROUND)
        self.reactor.advance(2.0)
        self.engine.embed(["b"])
        self.reactor.advance(1.0)
        known = self.engine.statistics
        self.assertEqual((known.oldest_interactive, known.oldest_background), (1.0, 3.0))
        self.pool.holding = False
        while self.pool.busy:
            self.pool.work()
        self.assertEqual(self.engine.statistics.oldest_background, 0.0)

    def test_a_background_step_is_as_long_as_it_may_be(self) -> None:
        backend = ScriptedBackend(window=16, batch_tokens=512)
        encode = backend.encode
        sizes = []

        def slow(parts: Sequence[Sequence[int]]) -> Vectors:
            sizes.append(sum(len(part) + 2 for part in parts))
            self.reactor.advance(0.001 * sizes[-1])
            return encode(parts)

        self.patch(backend, "encode", slow)
        engine = Engine(self.reactor, lambda: backend, self.thread, step_seconds=0.1)
        self.successResultOf(engine.start())
        self.successResultOf(engine.embed(["a" * 6] * 200, Priority.BACKGROUND))
        self.assertEqual(sizes[0], 256)
        # One follows the first before it is known how long that has taken.
        self.assertEqual(set(sizes[2:-1]), {96})
