"""Searching by words and by vectors at once."""

from mnemo.store.records import Filter
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    DIMENSIONS,
    NOW,
    direction,
    embed,
    found,
    new,
    problems,
)


class Searching(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.use_model("m", DIMENSIONS))

    def test_what_is_acknowledged_is_found_at_once_and_ever_after(self) -> None:
        self.add(new("a", "the walrus"))
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.assertFalse(self.one("a").embedded)
        self.clock.advance(1)
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.reopen()
        self.assertEqual(list(found(self.store, "walrus")), ["a"])

    def test_each_candidate_has_every_score_there_is(self) -> None:
        self.add(new("both", "walrus"), new("text", "walrus"), new("vector", "zebra"))
        embed(self.store, {"both": direction(1), "vector": direction(1, 1)})
        candidates = found(self.store, "walrus", direction(1))
        self.assertAlmostEqual(candidates["both"].cosine, 1.0, places=3)
        self.assertAlmostEqual(candidates["vector"].cosine, 0.7071, places=3)
        self.assertIsNone(candidates["text"].cosine)
        self.assertIsNone(candidates["vector"].text_score)
        self.assertEqual(candidates["both"].text_score, candidates["text"].text_score)
        self.assertEqual(candidates["both"].memory, self.one("both"))

    def test_a_memory_that_one_leg_proposes_gets_the_other_legs_score(self) -> None:
        self.add(*(new(f"v{n}", "walrus and much more beside") for n in range(5)))
        self.add(*(new(f"t{n}", "walrus walrus walrus") for n in range(5)))
        embed(self.store, {f"v{n}": direction(1, n / 9) for n in range(5)})
        embed(self.store, {f"t{n}": direction(0, 1, n) for n in range(5)})
        candidates = found(self.store, "walrus", direction(1), limit=5)
        self.assertEqual(len(candidates), 10)
        for candidate in candidates.values():
            self.assertIsNotNone(candidate.text_score)
            self.assertIsNotNone(candidate.cosine)

    def test_without_a_vector_the_words_alone_are_searched(self) -> None:
        self.add(new("a", "walrus"))
        embed(self.store, {"a": direction(1)})
        self.assertIsNone(found(self.store, "walrus")["a"].cosine)

    def test_a_question_without_words_searches_by_vector_alone(self) -> None:
        self.add(new("a", "walrus"))
        embed(self.store, {"a": direction(1)})
        self.assertIsNone(found(self.store, "", direction(1))["a"].text_score)

    def test_a_filter_never_starves_either_leg(self) -> None:
        self.add(*(new(f"n{n}", "walrus walrus walrus") for n in range(1_000)))
        self.add(new("rare", "a walrus among many other animals of the sea", type="insight"))
        embed(self.store, {f"n{n}": direction(1) for n in range(1_000)})
        embed(self.store, {"rare": direction(0, 0, 1)})
        self.clock.advance(1)
        rare = Filter(now=NOW, types=("insight",))
        for text, vector in (("walrus", None), ("", direction(1))):
            self.assertEqual(list(found(self.store, text, vector, wanted=rare, limit=3)), ["rare"])

    def test_a_vector_of_the_wrong_length_is_said_and_the_words_are_searched(self) -> None:
        self.add(new("a", "walrus"))
        self.assertEqual(list(found(self.store, "walrus", direction(1)[:3])), ["a"])
        self.assertIn(str(DIMENSIONS), problems(self.store, "walrus", direction(1)[:3])[0])
        self.assertEqual(problems(self.store, "walrus", direction(1)), ())
