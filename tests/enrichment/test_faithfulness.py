from typing import Any

from attrs import fields
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.extractive import extract
from mnemo.enrichment.faithfulness import (
    ECHOES,
    FIELDS,
    contamination,
    entity_preservation,
    fabricated,
    fabrication,
    lost,
    minimal,
    number_preservation,
    schema_faults,
    template_echo,
    thresholds,
)
from mnemo.enrichment.generated import RULES
from tests.enrichment.samples import OUTPUTS, TEXTS

GOLDEN: tuple[tuple[str, dict[str, Any], float, float, float], ...] = (
    # text, output, EPR, NP, FR: worked out by hand
    ("we moved Postgres from v14.2 to v15.1", {"summary": "postgres is at v15.1"}, 2 / 3, 1, 0),
    ("it took 1,234 ms and 5 tries", {"summary": "it took 1234 ms"}, 1 / 2, 1 / 2, 0),
    ("nothing much happened here", {"summary": "it rained in Paris"}, 1, 1, 1),
    # Sarah Chen, Sarah, Chen and 3; concepts are no prose.
    ("we asked Sarah Chen about 3 things", {"concepts": ["sarah chen"]}, 3 / 4, 0, 0),
    ("use port 80", {"summary": "use port 80 or 81"}, 1, 1, 1 / 2),
    ("see src/App/Main.py", {"content": "SRC/APP/MAIN.PY"}, 1, 1, 0),
    ("ask @bob about the parseInput call", {"gist": "ask @bob"}, 1 / 2, 1, 0),
    ("there are 5 of them", {"summary": "there are 15 of them"}, 0, 0, 1),
    ("it was -7 in there", {"summary": "it was 7 in there"}, 0, 0, 1),
    ("on 2024-03-05 it broke", {"narrative": "it broke in 2024"}, 1 / 3, 1 / 3, 0),
    ("we run Redis at 6379", {}, 0, 0, 0),
    (
        "we pay 2 of 5 for v2.0 of FooBar and @ann",
        {"summary": "we pay 2 for v2.0 of BazQux", "outcome": "success"},
        2 / 5,
        1 / 2,
        1 / 3,
    ),
)


class Golden(SynchronousTestCase):
    def test_the_pairs_worked_out_by_hand_come_out_as_they_should(self) -> None:
        self.assertEqual(len(GOLDEN), 12)
        for text, output, epr, np, fr in GOLDEN:
            self.assertAlmostEqual(entity_preservation(text, output), epr, 6, text)
            self.assertAlmostEqual(number_preservation(text, output), np, 6, text)
            self.assertAlmostEqual(fabrication(text, output), fr, 6, text)

    def test_contamination_is_the_cosine_of_the_word_counts(self) -> None:
        one, other = {"summary": "a b b"}, {"content": "b b c"}
        self.assertAlmostEqual(contamination(one, other), 4 / 5, 6)
        self.assertAlmostEqual(contamination(one, one), 1, 6)
        self.assertEqual(contamination(one, {"summary": "x"}), 0)

    def test_words_of_the_schema_are_no_contamination(self) -> None:
        self.assertEqual(contamination({"summary": "gist red"}, {"summary": "gist blue"}), 0)

    def test_what_is_lost_and_what_is_made_up_is_named(self) -> None:
        text, output = "we run Redis at 6379", {"summary": "we run Kafka at 6379"}
        self.assertEqual(lost(text, output), ("redis",))
        self.assertEqual(fabricated(text, output), ("kafka",))


class Echoes(SynchronousTestCase):
    def test_each_phrase_stands_in_the_instructions(self) -> None:
        self.assertEqual(len(ECHOES), 18)
        self.assertEqual(set(template_echo({"gist": RULES})), set(ECHOES))

    def test_an_echo_is_found_wherever_it_is(self) -> None:
        said = {"concepts": ["Keep Every\nnumber"]}
        self.assertEqual(template_echo(said), ("keep every number",))

    def test_other_words_are_no_echo(self) -> None:
        self.assertEqual(template_echo({"gist": "keep the number"}), ())


class Minimal(SynchronousTestCase):
    def test_little_is_little(self) -> None:
        good = {"salience": 0.39, "content": "x" * 150, "narrative": "x" * 200}
        self.assertTrue(minimal(good))
        for much in ({"salience": 0.4}, {"content": "x" * 151}, {"narrative": "x" * 201}):
            self.assertFalse(minimal(good | much))
        self.assertFalse(minimal({}))


class Schema(SynchronousTestCase):
    def test_the_form_that_is_asked_for_has_no_fault(self) -> None:
        self.assertEqual(schema_faults(as_json(extract("we run Redis at 6379"))), ())

    def test_each_fault_is_told(self) -> None:
        good = as_json(extract("we run Redis at 6379"))
        faults: tuple[dict[str, Any], ...] = (
            {"gist": "x" * 61},
            {"summary": "x" * 401},
            {"content": 3},
            {"outcome": "fine"},
            {"emotional_tone": "purple"},
            {"significance": None},
            {"salience": 1.1},
            {"salience": "0.5"},
            {"salience": True},
            {"concepts": "redis"},
            {"structured_concepts": []},
            {"structured_concepts": {"topics": []}},
        )
        for wrong in faults:
            self.assertTrue(schema_faults(good | wrong), wrong)

    def test_ten_fields_are_asked_for(self) -> None:
        self.assertEqual(len(FIELDS), 10)
        self.assertEqual(len(schema_faults({})), 10)
        self.assertLessEqual(set(FIELDS), {each.name for each in fields(Encoding)})


class Bounds(SynchronousTestCase):
    def test_there_is_a_threshold_for_each(self) -> None:
        self.assertEqual((thresholds().epr, thresholds().fr, thresholds().np), (0.9, 0.05, 0.95))

    @settings(max_examples=150, deadline=None)
    @given(TEXTS, OUTPUTS, OUTPUTS)
    def test_each_is_a_share_whatever_a_model_says(
        self, text: str, output: dict[str, Any], other: dict[str, Any]
    ) -> None:
        for value in (
            entity_preservation(text, output),
            number_preservation(text, output),
            fabrication(text, output),
        ):
            self.assertTrue(0 <= value <= 1)
        self.assertTrue(0 <= contamination(output, other) <= 1 + 1e-9)
        schema_faults(output), minimal(output), template_echo(output)

    @settings(max_examples=150, deadline=None)
    @given(TEXTS)
    def test_a_text_is_faithful_to_itself(self, text: str) -> None:
        output = {"content": text}
        self.assertEqual(entity_preservation(text, output), 1)
        self.assertEqual(number_preservation(text, output), 1)
        self.assertEqual(fabrication(text, output), 0)
