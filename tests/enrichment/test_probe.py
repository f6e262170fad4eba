from collections import Counter

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment import probe
from mnemo.enrichment.entities import numbers
from mnemo.enrichment.extractive import extract
from mnemo.enrichment.faithfulness import fabrication, number_preservation
from mnemo.enrichment.sentences import sentences
from tests.enrichment.room import faithful
from tests.inference.fake_generator import FakeGenerator

CASES = probe.cases()


class TheSet(SynchronousTestCase):
    def test_it_has_at_least_sixty_texts_of_every_kind(self) -> None:
        self.assertGreaterEqual(len(CASES), 60)
        self.assertEqual(
            set(Counter(case.category for case in CASES)),
            {
                "out_of_domain",
                "twins",
                "minimal",
                "dense_numbers",
                "negations",
                "code",
                "stack_traces",
                "mixed_languages",
                "very_long",
            },
        )

    def test_each_text_is_there_once_and_twins_know_each_other(self) -> None:
        by_id = {case.id: case for case in CASES}
        self.assertEqual(len({case.text for case in CASES}), len(by_id))
        for case in CASES:
            self.assertEqual(case.twin and by_id[case.twin].twin, case.twin and case.id)
            self.assertEqual(bool(case.twin), case.category == "twins")

    def test_a_good_answer_keeps_what_the_text_denies(self) -> None:
        for case in CASES:
            if case.category == "negations":
                self.assertRegex(
                    case.gold["summary"].lower(), r"\b(not|no|never|none|neither|nor|isn't)\b"
                )


class Measuring(SynchronousTestCase):
    def test_the_good_answers_are_without_fault(self) -> None:
        report = probe.measure("gold", probe.gold(CASES), CASES)
        self.assertTrue(report.good)
        for name in ("epr", "np", "sc", "mih"):
            self.assertEqual(report.metrics[name], 1.0)
        self.assertEqual((report.metrics["fr"], report.metrics["ted"]), (0.0, 0.0))
        self.assertEqual(report.kept, 1.0)

    def test_what_is_extracted_preserves_and_invents_nothing(self) -> None:
        report = probe.measure("extractive", probe.extracted(CASES), CASES)
        self.assertTrue(report.good)
        for name in ("epr", "np", "sc", "mih"):
            self.assertEqual(report.metrics[name], 1.0)
        self.assertEqual(report.metrics["fr"], 0.0)
        self.assertEqual([case.id for case in report.cases if case.fr or case.ted or case.sc], [])

    def test_each_sentence_that_is_picked_keeps_its_figures(self) -> None:
        for case in CASES:
            summary = extract(case.text).summary
            for sentence in sentences(case.text):
                if sentence in summary:
                    self.assertLessEqual(numbers(sentence), numbers(summary))
                    self.assertEqual(number_preservation(sentence, {"summary": summary}), 1)
            self.assertEqual(fabrication(case.text, {"summary": summary}), 0)

    def test_each_metric_can_fail(self) -> None:
        gold = probe.gold(CASES)
        wrong: dict[str, dict[str, object]] = {
            "epr": {"gist": "x", "summary": "x", "content": "x", "structured_concepts": {}},
            "fr": {"narrative": "it was Bob Marley at 99999"},
            "ted": {"narrative": "a memory encoder"},
            "sc": {"outcome": "fine"},
            "ccs": {"content": "the same " * 400, "gist": "", "summary": ""},
            "mih": {"salience": 0.9},
            "np": {"gist": "x", "summary": "x", "content": "x", "structured_concepts": {}},
        }
        for name, change in wrong.items():
            outputs = {case: {**output, **change} for case, output in gold.items()}
            report = probe.measure(name, outputs, CASES)
            self.assertFalse(report.passed[name], name)
            self.assertFalse(report.good)

    def test_an_answer_that_is_missing_counts_as_none(self) -> None:
        report = probe.measure("nobody", {}, CASES)
        self.assertEqual((report.metrics["sc"], report.kept), (0.0, 0.0))


class Asking(SynchronousTestCase):
    def ask(self, *script: str) -> probe.Output:
        case = evolve(CASES[0], text="we run Redis at 6379")
        work = Deferred.fromCoroutine(probe.generated(FakeGenerator(*script), case))
        return self.successResultOf(work)

    def test_a_model_is_measured_by_what_it_says_not_by_what_would_be_kept(self) -> None:
        said = faithful("we run Redis at 6379", summary="Bob Marley runs Kafka")
        self.assertEqual(self.ask(said)["summary"], "Bob Marley runs Kafka")

    def test_what_cannot_be_read_is_nothing(self) -> None:
        self.assertEqual(self.ask("no json"), {})
