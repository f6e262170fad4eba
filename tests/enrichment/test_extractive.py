import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.entities import folded
from mnemo.enrichment.extractive import extract, guess, wanted, weigh
from mnemo.enrichment.faithfulness import fabrication, schema_faults
from mnemo.enrichment.sentences import sentences
from tests.enrichment.samples import LONG
from tests.inference.fakes import bag_of_words


class Substrings(SynchronousTestCase):
    def holds(self, text: str, encoding: Encoding) -> None:
        self.assertIn(encoding.gist, text)
        self.assertIn(encoding.narrative, text)
        if encoding.summary:
            self.assertLessEqual(set(encoding.summary.split("\n")), set(sentences(text)))
        if encoding.content != text.strip():
            for line in encoding.content.split("\n"):
                self.assertIn(line, text)
        for entity in encoding.structured_concepts.entities:
            self.assertIn(entity.name, text)
        for concept in encoding.concepts:
            self.assertIn(concept, folded(text))
        self.assertEqual(schema_faults(as_json(encoding)), ())
        self.assertTrue(0 <= encoding.salience <= 1)

    @settings(max_examples=150, deadline=None)
    @given(LONG)
    def test_all_that_is_derived_stands_in_the_text(self, text: str) -> None:
        self.holds(text, extract(text))

    @settings(max_examples=60, deadline=None)
    @given(LONG)
    def test_vectors_change_what_is_picked_and_not_that_it_stands_there(self, text: str) -> None:
        asked = (*wanted(text), *sentences(text))
        self.holds(text, extract(text, {each: bag_of_words(each) for each in asked}))

    @settings(max_examples=100, deadline=None)
    @given(LONG)
    def test_nothing_is_made_up(self, text: str) -> None:
        self.assertEqual(fabrication(text, as_json(extract(text))), 0)

    @settings(max_examples=100, deadline=None)
    @given(LONG)
    def test_it_is_the_same_each_time(self, text: str) -> None:
        self.assertEqual(extract(text), extract(text))


class Picking(SynchronousTestCase):
    def test_the_summary_is_what_most_of_the_text_is_about(self) -> None:
        text = (
            "Lunch was late. The pool of connections is too small. The pool of connections holds"
            " 5 connections. A larger pool of connections is slow to fill. Birds sang. "
            + "Nobody came by that day. "
            * 20
        )
        summary = extract(text).summary
        self.assertIn("pool of connections", summary)
        self.assertNotIn("Birds", summary)

    def test_with_vectors_it_is_what_is_near_to_the_middle(self) -> None:
        parts = [f"Sentence number {'abcdef'[at]} is here." for at in range(6)]
        text = " ".join(parts)
        near, far = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
        vectors = {part: near if at > 1 else far for at, part in enumerate(parts[:5])}
        vectors[parts[5]] = near
        self.assertEqual(extract(text, vectors).gist, parts[2])

    def test_the_line_that_names_the_error_is_the_gist_of_a_trace(self) -> None:
        text = "Traceback:\n  File \"a.py\", line 3, in run\n    go()\nKeyError: 'price'"
        self.assertEqual(extract(text).gist, "KeyError: 'price'")

    def test_a_negation_is_never_cut_from_its_sentence(self) -> None:
        text = "We do not use Kafka for orders. " + "Other things are said of it too. " * 30
        self.assertIn("We do not use Kafka for orders.", extract(text).summary)

    def test_key_phrases_are_no_repeats_of_each_other(self) -> None:
        concepts = extract(
            "The billing service. The billing service fails. Billing is slow."
        ).concepts
        self.assertIn("billing service", concepts)
        self.assertNotIn("billing", concepts)

    def test_a_key_phrase_never_cuts_a_version_or_a_path(self) -> None:
        concepts = extract("Postgres v15.1 is used by src/pay/main.py and nobody else.").concepts
        self.assertIn("postgres v15.1", concepts)
        self.assertIn("src/pay/main.py", concepts)

    def test_a_blank_text_gives_nothing(self) -> None:
        self.assertEqual(extract(" \n").summary, "")


class Guessing(SynchronousTestCase):
    def test_words_speak_for_a_kind(self) -> None:
        for text, kind in (
            ("We decided to use Kafka", "decision"),
            ("KeyError: it crashed", "error"),
            ("It turns out that DNS was slow", "learning"),
            ("I noticed a pattern", "insight"),
            ("The sky is blue", "general"),
        ):
            self.assertEqual(guess(text), kind)

    def test_what_says_next_to_nothing_matters_little(self) -> None:
        self.assertLess(weigh("ok", "general"), 0.4)
        self.assertGreater(weigh("We decided that it must never happen again.", "decision"), 0.7)
