from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.text import Words
from mnemo.store.sqlite.context import (
    Asked,
    asked_of,
    looked_up,
    session_coverages,
    session_texts,
)


def bits(asked: Asked, *held: Words) -> NDArray[np.int64]:
    """The number that says which words are held."""
    return np.array([sum(1 << asked.words.index(word) for word in held)], np.int64)


class Asking(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked = asked_of(["red", "old", "barn"], {"red": 1.0, "old": 1.0, "barn": 2.0})

    def test_a_query_asks_for_its_terms_and_for_those_beside_each_other(self) -> None:
        words = ["red", "old", "barn", ("red", "old"), ("old", "barn")]
        self.assertEqual(list(self.asked.words), words)

    def test_a_rare_term_is_a_larger_share_of_what_it_asks_for(self) -> None:
        self.assertEqual(self.asked.shares.tolist(), [0.25, 0.25, 0.5])

    def test_coverage_is_the_share_of_the_terms_by_how_rare_they_are(self) -> None:
        cases: list[tuple[list[Words], float]] = [
            ([], 0.0),
            (["barn"], 0.5),
            (["red", "old", "barn"], 1.0),
        ]
        for words, expected in cases:
            held = self.asked.held(bits(self.asked, *words))
            self.assertEqual(self.asked.coverage(held).tolist(), [expected], words)

    def test_pairs_are_the_share_of_the_neighbours_that_are_neighbours_in_it(self) -> None:
        held = self.asked.held(bits(self.asked, "old", "barn", ("old", "barn")))
        self.assertEqual(self.asked.pairs(held).tolist(), [0.5])

    def test_of_a_long_query_the_terms_that_tell_the_most_are_looked_at(self) -> None:
        terms = [f"t{number}" for number in range(40)]
        asked = asked_of(terms, {term: float(number) for number, term in enumerate(terms)})
        self.assertEqual(list(asked.words[:24]), terms[16:])

    def test_a_query_without_terms_asks_for_nothing(self) -> None:
        asked = asked_of([], {})
        held = asked.held(np.zeros(2, np.int64))
        self.assertEqual(asked.coverage(held).tolist(), [0.0, 0.0])
        self.assertEqual(asked.pairs(held).tolist(), [0.0, 0.0])


class LookingUp(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.dictionaries(st.integers(0, 50), st.floats(0, 9)), st.lists(st.integers(-1, 60)))
    def test_it_is_what_a_dict_says_and_0_for_what_is_not_there(
        self, table: dict[int, float], keys: list[int]
    ) -> None:
        self.assertEqual(looked_up(table, keys).tolist(), [table.get(key, 0.0) for key in keys])

    def test_it_keeps_the_shape_that_it_was_asked_in(self) -> None:
        keys = np.array([[1, 2], [3, -1]])
        self.assertEqual(looked_up({1: 0.5, 3: 0.25}, keys).tolist(), [[0.5, 0.0], [0.25, 0.0]])


class Sessions(SynchronousTestCase):
    def test_a_session_is_judged_by_its_three_best_and_by_too_few_as_if_others_had_0(self) -> None:
        found = session_texts(np.array([7, 7, 8, 7, 7]), [9.0, 6.0, 5.0, 3.0, 1.0])
        self.assertEqual(found, {7: 6.0, 8: 5.0 / 3})

    def test_of_a_term_a_session_holds_more_the_more_of_its_memories_hold_it(self) -> None:
        asked = asked_of(["barn"], {"barn": 2.0})
        sessions = np.array([1, 1, 1, 2, 3])
        held = asked.held(np.array([1, 1, 1, 1, 0], np.int64))
        self.assertEqual(session_coverages(asked, sessions, held), {1: 0.5, 2: 0.25, 3: 0.0})

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), min_size=1), st.randoms())
    def test_the_order_of_the_memories_does_not_show(
        self, memories: list[tuple[int, int]], random: Random
    ) -> None:
        asked = asked_of(["a", "b"], {"a": 1.0, "b": 3.0})

        def coverages(given: list[tuple[int, int]]) -> dict[int, float]:
            held = asked.held(np.array([each for _, each in given], np.int64))
            return session_coverages(asked, np.array([session for session, _ in given]), held)

        shuffled = list(memories)
        random.shuffle(shuffled)
        self.assertEqual(coverages(memories), coverages(shuffled))
        self.assertTrue(all(0 <= each < 1 for each in coverages(memories).values()))
