"""Another embedding model takes over from the one in use."""

import shutil
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail, succeed

from mnemo.inference.embedding_calls import EmbeddingFailed
from mnemo.inference.interfaces import EmbedderUnavailable, Priority
from mnemo.inference.succession import Successor
from mnemo.memory.memories import Memories
from mnemo.memory.reembedding import Reembedder
from mnemo.memory.vector_work import BATCH, FIRST_PAUSE
from mnemo.store.interfaces import StoreError
from mnemo.store.search import Filter
from tests.inference.fakes import DIMENSIONS, FakeEngine
from tests.memory.room import MemoryTestCase
from tests.store.inline import open_store


class ReembeddingTestCase(MemoryTestCase):
    """
    A memory whose vectors are by the model C{old}.

    @ivar engine: of the model that is wanted
    """

    old_dimensions = new_dimensions = DIMENSIONS

    def setUp(self) -> None:
        super().setUp()
        self.memories.stop()
        self.processes = 0
        self.run_with("old")

    def run_with(self, wanted: str, *there: str, held: bool = False, absent: bool = False) -> None:
        """Begin as the process that wants a model, where the files of others are there."""
        self.processes += 1
        prefix, numbers = "abcdefgh"[self.processes], iter(range(1, 1000))
        self.engines = {name: self.make_engine(name) for name in (wanted, *there)}
        self.engine = self.engines[wanted]
        if held:
            self.engine.hold()
        if absent:
            self.engine.take_model_away()
        self.successor = Successor(
            self.engine, lambda: self.store.model, lambda name: succeed(self.engines.get(name))
        )
        self.done(self.successor.start())
        self.memories = Memories(
            self.store, self.successor, self.clock, lambda kind: f"{kind}{prefix}{next(numbers)}"
        )
        self.done(self.memories.start())
        self.reembedder = Reembedder(
            self.store, self.successor, self.clock, self.memories.vectoriser
        )
        self.reembedder.start()
        self.addCleanup(self.memories.stop)
        self.addCleanup(self.reembedder.stop)

    def make_engine(self, name: str) -> FakeEngine:
        return FakeEngine(name, self.new_dimensions if name == "new" else self.old_dimensions)

    def end(self) -> None:
        """End the process, but keep the store."""
        self.reembedder.stop()
        self.memories.stop()

    def killed(self) -> None:
        """End as by a power cut: all that is left is what lies on the disk now."""
        left = self.mktemp()
        shutil.copytree(self.directory, left)
        self.end()
        self.done(self.store.stop())
        self.directory, self.store = left, open_store(left, self.clock)

    def texts(self, count: int) -> list[str]:
        letters = str.maketrans("0123456789", "abcdefghij")
        names = [str(7919 * (number + 1)).translate(letters) for number in range(count)]
        return [f"{name} sang{name[::-1]} over{name}" for name in names]

    def remembered(self, *texts: str) -> None:
        for text in texts:
            self.remember(text)

    def hold_after(self, calls: int) -> None:
        """Have the wanted model answer so many times, and then no more until it is released."""
        embed, made = self.engine.embed, [0]

        def slow(
            texts: Sequence[str], priority: Priority = Priority.INTERACTIVE, session: str = ""
        ) -> Deferred[NDArray[np.float32]]:
            made[0] += 1
            if made[0] == calls + 1:
                self.engine.hold()
            return embed(texts, priority, session)

        self.patch(self.engine, "embed", slow)

    def cosines(self, *texts: str) -> list[float]:
        """How near the memory of each text is to the text as it is searched now; 0 for none."""
        found = []
        for text in texts:
            (vector,) = self.done(self.successor.embed([text]))
            wanted = Filter(now=self.clock.seconds())
            candidates = self.done(self.store.search("", vector, wanted, 9)).candidates
            same = [each.cosine or 0.0 for each in candidates if each.memory.text == text]
            found.append(round(same[0], 2) if same else 0.0)
        return found

    def are_found(self, *texts: str) -> None:
        """Each is found by its meaning, and the answer names nothing that is not as it should."""
        self.assertEqual(self.cosines(*texts), [1.0] * len(texts))
        for text in texts:
            answer = self.recall(text)
            self.assertEqual(answer.ranked[0].memory.text, text)
            self.assertEqual(answer.degraded, ())

    @property
    def in_use(self) -> tuple[str, str]:
        model = self.successor.model
        return "" if model is None else model.name, self.store.model


class ChangingTheModel(ReembeddingTestCase):
    BIRDS = ("a grey heron", "the snow goose", "one white stork")

    def setUp(self) -> None:
        super().setUp()
        self.remembered(*self.BIRDS)
        self.end()

    def test_what_was_remembered_is_found_before_and_after(self) -> None:
        self.run_with("new", "old", held=True)
        self.assertEqual(self.in_use, ("old", "old"))
        self.are_found(*self.BIRDS)
        self.engine.release()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found(*self.BIRDS)

    def test_the_earlier_model_is_given_up_then(self) -> None:
        self.run_with("new", "old", held=True)
        self.assertFalse(self.engines["old"].stopped)
        self.engine.release()
        self.assertTrue(self.engines["old"].stopped)

    def test_what_is_remembered_meanwhile_is_found_at_once_and_afterwards(self) -> None:
        self.run_with("new", "old", held=True)
        self.remember("a late swift")
        self.are_found("a late swift", *self.BIRDS)
        self.engine.release()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found("a late swift", *self.BIRDS)

    def test_each_text_is_embedded_once_in_the_background(self) -> None:
        self.run_with("new", "old")
        self.assertEqual(sorted(self.engine.embedded), sorted(self.BIRDS))
        self.assertEqual(self.engine.priorities, [Priority.BACKGROUND])
        self.assertEqual(self.engines["old"].embedded, [])

    def test_what_is_amended_meanwhile_is_found_by_its_new_words(self) -> None:
        self.run_with("new", "old", held=True)
        self.done(self.store.amend(self.recalled("a grey heron")[0], "a black cormorant", 1e9))
        self.memories.vectoriser.written()
        self.are_found("a black cormorant")
        self.engine.release()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found("a black cormorant", *self.BIRDS[1:])
        self.assertEqual(self.cosines("a grey heron"), [0.0])

    def test_what_is_removed_meanwhile_is_gone(self) -> None:
        self.run_with("new", "old", held=True)
        self.done(self.store.purge([self.recalled("a grey heron")[0]]))
        self.engine.release()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found(*self.BIRDS[1:])
        self.assertEqual(self.cosines("a grey heron"), [0.0])

    def test_what_is_embedded_while_the_change_is_made_is_by_the_model_it_is_kept_for(self) -> None:
        self.run_with("new", "old", held=True)
        self.engines["old"].hold()
        self.remember("a late swift")
        self.engine.release()
        self.assertEqual(self.in_use, ("old", "old"))
        self.engines["old"].release()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found("a late swift", *self.BIRDS)

    def test_how_far_it_is_is_known(self) -> None:
        self.run_with("new", "old", held=True)
        self.assertEqual((self.reembedder.progress, self.reembedder.meanwhile), ((0, 3), "old"))
        self.remember("a late swift")
        self.assertEqual(self.reembedder.progress, (0, 4))
        self.engine.release()
        self.assertEqual((self.reembedder.progress, self.reembedder.meanwhile), ((4, 4), ""))

    def test_without_the_earlier_model_words_find_them_until_they_are_embedded(self) -> None:
        self.run_with("new", held=True)
        self.assertEqual((self.in_use, self.reembedder.meanwhile), (("new", "new"), ""))
        self.assertEqual(self.reembedder.progress, (0, 3))
        self.engine.release()
        self.assertEqual(self.reembedder.progress, (3, 3))
        self.are_found(*self.BIRDS)

    def test_a_wanted_model_that_comes_later_takes_over_then(self) -> None:
        self.run_with("new", "old", absent=True)
        self.assertEqual(self.in_use, ("old", "old"))
        self.are_found(*self.BIRDS)
        self.engine.give_model_back()
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found(*self.BIRDS)

    def test_going_back_embeds_only_what_is_new(self) -> None:
        self.run_with("new", "old")
        self.remember("a late swift")
        self.end()
        self.run_with("old", "new")
        self.assertEqual(self.in_use, ("old", "old"))
        self.assertEqual(self.engine.embedded, ["a late swift"])
        self.are_found("a late swift", *self.BIRDS)

    def test_the_same_model_has_nothing_to_do(self) -> None:
        self.run_with("old", "new")
        self.assertEqual((self.in_use, self.engine.embedded), (("old", "old"), []))
        self.are_found(*self.BIRDS)


class ChangingTheLengthToo(ChangingTheModel):
    """The same where the vectors of the other model are of another length."""

    new_dimensions = DIMENSIONS // 2


class EndingInTheMiddle(ReembeddingTestCase):
    """Of two batches and a half the first is done."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.texts(2 * BATCH + BATCH // 2)
        self.remembered(*self.all)
        self.end()
        self.begin()

    def begin(self) -> None:
        make = self.make_engine

        def slow(name: str) -> FakeEngine:
            engine = make(name)
            if name == "new":
                self.engine = engine
                self.hold_after(1)
            return engine

        self.make_engine = slow  # type: ignore[method-assign]
        self.run_with("new", "old")
        self.make_engine = make  # type: ignore[method-assign]
        self.assertEqual(self.engine.embedded, self.all[:BATCH])
        self.assertEqual(self.reembedder.progress, (BATCH, len(self.all)))

    def go_on(self) -> None:
        self.run_with("new", "old")
        self.assertEqual(self.engine.embedded, self.all[BATCH:])
        self.assertEqual(self.engines["old"].embedded, [])
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found(*self.all[::5])

    def test_after_a_stop_it_goes_on_where_it_was(self) -> None:
        self.end()
        self.assertEqual(self.engine.held, 0)
        self.go_on()

    def test_after_a_kill_too(self) -> None:
        self.killed()
        self.assertEqual(self.store.model, "old")
        self.go_on()

    def test_a_kill_right_before_the_change_leaves_the_change_to_the_next(self) -> None:
        kept = type(self.store.vectors)
        full = self.patch(kept, "change_over", lambda *_: fail(StoreError("the disk is full")))
        self.engine.release()
        self.assertEqual(
            (self.in_use, self.reembedder.problem), (("old", "old"), "the disk is full")
        )
        self.are_found(*self.all[::5])
        self.killed()
        full.restore()
        self.run_with("new", "old")
        self.assertEqual((self.in_use, self.engine.embedded), (("new", "new"), []))

    def test_after_a_kill_the_earlier_model_answers_until_all_is_done(self) -> None:
        self.killed()
        self.run_with("new", "old", held=True)
        self.assertEqual(self.in_use, ("old", "old"))
        self.assertEqual(self.reembedder.progress, (BATCH, len(self.all)))
        self.are_found(*self.all[::5])

    def test_without_the_earlier_model_what_was_made_is_found_at_once(self) -> None:
        self.killed()
        self.run_with("new", held=True)
        self.assertEqual(self.reembedder.progress, (BATCH, len(self.all)))
        self.assertEqual(self.embedded(self.all[0], self.all[-1]), [True, False])
        self.engine.release()
        self.assertEqual(self.engine.embedded, self.all[BATCH:])
        self.are_found(*self.all[::5])

    def embedded(self, *texts: str) -> list[bool]:
        """Whether each has a vector of the model in use."""
        newest = self.done(self.store.newest(Filter(now=self.clock.seconds()), 99))
        known = {memory.text: memory.embedded for memory in newest}
        return [known[text] for text in texts]

    def test_going_back_in_the_middle_makes_nothing_anew(self) -> None:
        self.end()
        self.run_with("old", "new")
        self.assertEqual((self.in_use, self.engine.embedded), (("old", "old"), []))
        self.are_found(*self.all[::5])

    def test_another_one_in_the_middle_takes_over_instead(self) -> None:
        self.end()
        self.run_with("third", "old", "new")
        self.assertEqual(self.in_use, ("third", "third"))
        self.assertEqual(self.engine.embedded, self.all)
        self.are_found(*self.all[::5])


class Failing(ReembeddingTestCase):
    BIRDS = ChangingTheModel.BIRDS

    def setUp(self) -> None:
        super().setUp()
        self.remembered(*self.BIRDS)
        self.end()
        self.unwanted: set[str] = set()

    def make_engine(self, name: str) -> FakeEngine:
        """The new one refuses some texts."""
        engine = super().make_engine(name)
        embed = engine.embed

        def picky(
            texts: Sequence[str],
            priority: Priority = Priority.INTERACTIVE,
            session: str = "",
            counted: Callable[[int], object] | None = None,
        ) -> Deferred[NDArray[np.float32]]:
            if name == "new" and self.unwanted & {*texts, "all"}:
                return fail(EmbeddingFailed("decode returned -3"))
            return embed(texts, priority, session, counted)

        self.patch(engine, "embed", picky)
        return engine

    def run_refusing(self, *texts: str) -> None:
        self.unwanted = set(texts)
        self.run_with("new", "old")
        self.flushLoggedErrors(EmbeddingFailed)

    def test_a_model_that_fails_is_tried_again_and_the_other_answers(self) -> None:
        self.run_refusing("all")
        self.assertEqual(self.in_use, ("old", "old"))
        self.assertEqual(self.reembedder.problem, "decode returned -3")
        self.are_found(*self.BIRDS)
        self.unwanted = set()
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual((self.in_use, self.reembedder.problem), (("new", "new"), ""))
        self.are_found(*self.BIRDS)

    def test_a_text_that_it_refuses_does_not_hold_up_the_change(self) -> None:
        self.run_refusing(self.BIRDS[0])
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found_by_meaning(*self.BIRDS[1:])
        self.assertEqual(self.memories.vectoriser.backlog, 1)
        self.assertIn("decode returned -3", self.memories.vectoriser.problem)

    def are_found_by_meaning(self, *texts: str) -> None:
        self.assertEqual(self.cosines(*texts), [1.0] * len(texts))

    def test_nor_do_several_that_are_all_of_a_batch(self) -> None:
        self.run_refusing(*self.BIRDS)
        self.assertEqual(self.in_use, ("new", "new"))
        self.assertEqual(self.memories.vectoriser.backlog, 3)

    def test_a_model_that_goes_is_waited_for(self) -> None:
        self.run_with("new", "old", held=True)
        self.engine.fail_with(EmbedderUnavailable("the server is gone"))
        self.remember("a late swift")
        self.engine.release()
        self.assertEqual(self.in_use, ("old", "old"))
        self.assertEqual(self.reembedder.problem, "the server is gone")
        self.are_found("a late swift", *self.BIRDS)
        self.engine.fail_with(None)
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual(self.in_use, ("new", "new"))
        self.are_found("a late swift", *self.BIRDS)

    def test_a_store_that_takes_nothing_is_tried_again(self) -> None:
        kept = type(self.store.vectors)
        full = self.patch(kept, "put_by", lambda *_: fail(StoreError("the disk is full")))
        self.run_with("new", "old")
        self.assertEqual(self.reembedder.problem, "the disk is full")
        full.restore()
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual(self.in_use, ("new", "new"))

    def test_after_the_end_nothing_is_tried(self) -> None:
        self.run_refusing("all")
        self.end()
        self.clock.advance(100 * FIRST_PAUSE)
        self.assertEqual(self.in_use, ("old", "old"))
