from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.understanding.wording import central, phrases, says_nothing_else, title
from tests.understanding.room import OTHERS, POOL


class Central(SynchronousTestCase):
    def test_the_sentence_that_shares_most_with_the_others_comes_first(self) -> None:
        first = central([OTHERS[0], *POOL])[0]
        self.assertIn(first.text, POOL)
        self.assertEqual([OTHERS[0], *POOL][first.source], first.text)

    def test_sentences_that_differ_in_a_figure_are_both_there(self) -> None:
        texts = ["The pool has 20 connections.", "The pool has 40 connections."]
        self.assertEqual({each.text for each in central(texts, 5)}, set(texts))

    def test_a_sentence_that_says_no_more_than_another_is_left_out(self) -> None:
        texts = ["The pool is empty.", "The  pool is empty."]
        self.assertEqual(len(central(texts, 5)), 1)

    def test_a_statement_is_preferred_to_a_question(self) -> None:
        texts = ["Does the pool of billing run out?", "The pool of billing did run out."]
        self.assertEqual(central(texts)[0].text, texts[1])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text(max_size=120), max_size=5))
    def test_every_sentence_stands_in_its_source(self, texts: list[str]) -> None:
        for each in central(texts, 5):
            self.assertIn(each.text, texts[each.source])


class Titles(SynchronousTestCase):
    def test_a_title_is_phrases_that_the_memories_share(self) -> None:
        found = title(POOL, {}, POOL[0])
        self.assertIn("connection pool", found)
        for phrase in phrases(POOL, {}):
            self.assertTrue(sum(phrase in text.lower() for text in POOL) >= 2)

    def test_several_words_come_before_one(self) -> None:
        concepts = {n: ["runs", "connection pool"] for n in range(len(POOL))}
        self.assertEqual(phrases(POOL, concepts)[0], "connection pool")

    def test_phrases_that_were_derived_are_used(self) -> None:
        found = phrases(POOL, {n: ["billing service"] for n in range(len(POOL))})
        self.assertEqual(found, ("billing service",))

    def test_a_derived_phrase_that_no_memory_holds_is_left_out(self) -> None:
        self.assertEqual(phrases(POOL, {n: ["quantum foam"] for n in range(len(POOL))}), ())

    def test_where_nothing_is_shared_it_is_how_the_sentence_begins(self) -> None:
        self.assertEqual(title(OTHERS, {}, OTHERS[0]), OTHERS[0])


class SayingNothingElse(SynchronousTestCase):
    def test_words_of_the_texts_and_little_ones_may_be_said(self) -> None:
        self.assertTrue(says_nothing_else("The billing pool runs out of connections.", POOL))

    def test_another_word_or_a_negation_may_not(self) -> None:
        for said in ("The pool is fine.", "The pool does not run out.", "Kafka runs out.", "40"):
            self.assertFalse(says_nothing_else(said, POOL), said)
