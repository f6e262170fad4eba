from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall

from mnemo.inference.interfaces import Priority
from mnemo.memory.indexing import AT_ONCE
from mnemo.memory.memories import Memories
from mnemo.memory.vector_work import BATCH, FIRST_PAUSE, LONGEST_PAUSE
from mnemo.store.interfaces import StoreError
from tests.inference.fakes import NO_MODEL
from tests.memory.room import MemoryTestCase


class Vectorising(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.vectoriser = self.memories.vectoriser

    def embedded(self, *ids: str) -> list[bool]:
        return [self.known(each).embedded for each in ids]

    def remember_without_model(self, *texts: str) -> list[str]:
        self.embedder.take_model_away()
        return [self.remember(text).id for text in texts]

    def test_what_is_written_gets_its_vector(self) -> None:
        kept = self.remember("heron").id
        self.assertEqual(self.embedded(kept), [True])
        self.assertEqual((self.vectoriser.backlog, self.vectoriser.problem), (0, ""))

    def test_nobody_waits_for_it(self) -> None:
        self.remember("heron")
        self.assertEqual(self.embedder.priorities, [Priority.BACKGROUND])

    def test_what_is_written_meanwhile_is_done_afterwards(self) -> None:
        self.embedder.hold()
        ids = [self.remember(f"heron {number}").id for number in range(3)]
        self.assertEqual((self.embedder.held, self.vectoriser.backlog), (1, 3))
        self.embedder.release()
        self.assertEqual(self.embedded(*ids), [True] * 3)
        self.assertEqual(self.vectoriser.backlog, 0)

    def test_what_comes_alone_waits_for_no_turn(self) -> None:
        with self.memories.courtesy.call():
            self.assertEqual(self.embedded(self.remember("heron").id), [True])

    def test_many_wait_until_nobody_waits_for_an_answer(self) -> None:
        ids = self.remember_without_model(*(f"heron {number}" for number in range(AT_ONCE + 1)))
        with self.memories.courtesy.call():
            self.embedder.give_model_back()
            self.assertEqual(self.embedded(*ids), [False] * len(ids))
        self.assertEqual(self.embedded(*ids), [True] * len(ids))

    def test_many_are_done_in_small_batches(self) -> None:
        self.remember_without_model(*(f"heron {number}" for number in range(2 * BATCH + 1)))
        self.embedder.give_model_back()
        self.assertEqual(len(self.embedder.priorities), 3)
        self.assertEqual(self.vectoriser.backlog, 0)

    def test_without_a_model_they_wait_and_it_says_why(self) -> None:
        (kept,) = self.remember_without_model("heron")
        self.assertEqual(self.embedded(kept), [False])
        self.assertEqual((self.vectoriser.backlog, self.vectoriser.problem), (1, NO_MODEL))
        self.assertEqual(self.clock.getDelayedCalls(), self.not_ours())

    def test_they_are_done_as_soon_as_there_is_a_model(self) -> None:
        (kept,) = self.remember_without_model("heron")
        self.embedder.give_model_back()
        self.assertEqual(self.embedded(kept), [True])
        self.assertEqual((self.vectoriser.backlog, self.vectoriser.problem), (0, ""))

    def test_how_far_it_is_is_known(self) -> None:
        self.remember("heron")
        self.assertEqual(self.vectoriser.progress, (1, 1))
        self.remember_without_model("goose", "crane")
        self.assertEqual(self.vectoriser.progress, (1, 3))
        self.embedder.give_model_back("another")
        self.assertEqual(self.vectoriser.progress, (3, 3))

    def test_another_model_makes_all_of_them_anew(self) -> None:
        kept = self.remember("heron").id
        self.embedder.take_model_away()
        self.embedder.give_model_back("another")
        self.assertEqual(self.embedder.embedded, ["heron", "heron"])
        self.assertEqual(self.embedded(kept), [True])

    def test_the_queue_outlives_the_process(self) -> None:
        (kept,) = self.remember_without_model("heron")
        self.memories.stop()
        self.embedder.give_model_back()
        self.assertEqual(self.embedded(kept), [False])
        after = Memories(self.store, self.embedder, self.clock)
        self.successResultOf(after.start())
        self.assertEqual(self.embedded(kept), [True])

    def test_a_start_without_a_model_counts_what_waits(self) -> None:
        self.remember_without_model("heron", "goose")
        after = Memories(self.store, self.embedder, self.clock)
        self.successResultOf(after.start())
        self.addCleanup(after.stop)
        self.assertEqual(after.vectoriser.backlog, 2)

    def test_after_a_failure_it_tries_again_and_nothing_is_lost(self) -> None:
        self.embedder.fail_with(RuntimeError("decode returned -3"))
        kept = self.remember("heron").id
        self.assertIn("decode returned -3", self.vectoriser.problem)
        self.assertEqual(self.vectoriser.backlog, 1)
        self.embedder.fail_with(None)
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual(self.embedded(kept), [True])
        self.assertEqual(self.vectoriser.problem, "")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_the_pauses_grow_to_a_minute_and_new_writes_do_not_cut_them_short(self) -> None:
        self.embedder.fail_with(RuntimeError("no"))
        self.remember("heron")
        for _ in range(8):
            (retry,) = self.our_calls()
            self.remember("goose")
            self.clock.advance(retry.getTime() - self.clock.seconds())
        (retry,) = self.our_calls()
        self.assertAlmostEqual(retry.getTime() - self.clock.seconds(), LONGEST_PAUSE)
        self.assertLessEqual(len(self.flushLoggedErrors(RuntimeError)), 20)

    def test_a_model_that_returns_is_tried_at_once(self) -> None:
        self.embedder.fail_with(RuntimeError("no"))
        kept = self.remember("heron").id
        self.embedder.fail_with(None)
        self.embedder.give_model_back()
        self.assertEqual(self.embedded(kept), [True])
        self.assertEqual(self.our_calls(), [])
        self.flushLoggedErrors(RuntimeError)

    def test_one_text_that_cannot_be_embedded_does_not_hold_up_the_others(self) -> None:
        bad, good, better = self.remember_without_model("poison", "heron", "goose")
        embed = self.embedder.embed

        def picky(
            texts: Sequence[str], priority: Priority = Priority.INTERACTIVE, session: str = ""
        ) -> Deferred[NDArray[np.float32]]:
            return fail(RuntimeError("no")) if "poison" in texts else embed(texts, priority)

        self.patch(self.embedder, "embed", picky)
        self.embedder.give_model_back()
        self.assertEqual(self.embedded(bad, good, better), [False, True, True])
        self.assertEqual(self.vectoriser.backlog, 1)
        self.assertIn("1 memories", self.vectoriser.problem)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_a_store_that_takes_no_vectors_is_tried_again(self) -> None:
        kept = type(self.store.vectors)
        full = self.patch(kept, "put", lambda *_: fail(StoreError("the disk is full")))
        heron = self.remember("heron").id
        self.assertEqual(self.vectoriser.problem, "the disk is full")
        full.restore()
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual(self.embedded(heron), [True])

    def test_stopping_leaves_no_timer_and_no_work(self) -> None:
        self.embedder.fail_with(RuntimeError("no"))
        self.remember("heron")
        self.memories.stop()
        self.assertEqual(self.our_calls(), [])
        self.embedder.fail_with(None)
        self.embedder.hold()
        self.remember("goose")
        self.assertEqual(self.embedder.held, 0)
        self.flushLoggedErrors(RuntimeError)

    def test_stopping_cancels_what_is_being_embedded(self) -> None:
        self.embedder.hold()
        self.remember("heron")
        self.memories.stop()
        self.assertEqual(self.embedder.held, 0)

    def our_calls(self) -> list[IDelayedCall]:
        return [call for call in self.clock.getDelayedCalls() if self.is_ours(call)]

    def not_ours(self) -> list[IDelayedCall]:
        return [call for call in self.clock.getDelayedCalls() if not self.is_ours(call)]

    def is_ours(self, call: IDelayedCall) -> bool:
        function = getattr(call, "func", None)
        return getattr(function, "__self__", None) is self.vectoriser
