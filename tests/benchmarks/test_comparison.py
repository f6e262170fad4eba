from typing import Any

from comparison import OURS, Kept, Trial, bars, figures, judged, table
from labelled import Labelled, Said
from twisted.trial.unittest import SynchronousTestCase


def said(label: str, text: str, speaker: str = "") -> Said:
    return Said(id=label, text=text, speaker=speaker, session="", date="")


def made(
    recall: float = 0.5, gain: float = 0.5, search: float = 5.0, insert: float = 5.0
) -> dict[str, Any]:
    return {
        "measures": dict.fromkeys(("R@1", "R@5", "MRR"), 0.1) | {"R@10": recall, "nDCG@10": gain},
        "search_ms": {"p50": search, "p99": search},
        "insert_ms": {"p50": insert, "p99": insert},
        "inserts_per_second": 10.0,
        "silent": 0.25,
        "unanswerable": 4,
    }


class Keeping(SynchronousTestCase):
    def setUp(self) -> None:
        self.kept = Kept.of(
            Labelled("s", (said("a", "Hi", "Ann"), said("b", "Oh"), said("c", "Hi", "Ann")), ())
        )

    def test_what_was_found_has_the_labels_of_its_text(self) -> None:
        self.kept.add("1", "Ann: Hi")
        self.kept.add("2", "Oh")
        self.assertEqual(self.kept.labels(["2"]), ["b"])

    def test_a_text_that_is_there_twice_is_found_in_both_places(self) -> None:
        self.kept.add("1", "Ann: Hi")
        self.assertEqual(self.kept.labels(["1"]), ["a", "c"])

    def test_a_text_that_a_system_keeps_twice_counts_once(self) -> None:
        self.kept.add("1", "Ann: Hi")
        self.kept.add("2", "Oh")
        self.kept.add("3", "Ann: Hi")
        self.assertEqual(self.kept.labels(["3", "1", "2"]), ["a", "c", "b"])

    def test_a_text_that_was_refused_has_no_id(self) -> None:
        self.kept.add("1", "Oh")
        self.kept.add("", "Oh")
        self.assertEqual(self.kept.labels(["1"]), ["b"])

    def test_what_nobody_was_told_cannot_be_found(self) -> None:
        with self.assertRaises(KeyError):
            self.kept.labels(["9"])


class Judging(SynchronousTestCase):
    def test_what_stands_first_counts_most(self) -> None:
        trial = Trial(inserts=[0.001], busy=0.1, searches=[0.002])
        judged(trial, ["a", "b"], ("a",))
        judged(trial, ["b", "a"], ("a",))
        measures = figures(trial)["measures"]
        self.assertEqual(measures["R@1"], 0.5)
        self.assertEqual(measures["R@5"], 1.0)
        self.assertEqual(measures["MRR"], 0.75)
        self.assertEqual(measures["nDCG@10"], round((1 + 0.63093) / 2, 4))

    def test_only_the_first_ten_count(self) -> None:
        trial = Trial(inserts=[0.001], busy=0.1, searches=[0.002])
        judged(trial, [*map(str, range(10)), "a"], ("a",))
        self.assertEqual(set(figures(trial)["measures"].values()), {0.0})

    def test_where_nothing_answers_it_counts_whether_nothing_is_shown(self) -> None:
        trial = Trial(inserts=[0.001], busy=0.1, searches=[0.002])
        judged(trial, [], ())
        judged(trial, ["a"], ())
        found = figures(trial)
        self.assertEqual((found["silent"], found["unanswerable"]), (0.5, 2))
        self.assertEqual(trial.rows, [])

    def test_latencies_are_in_milliseconds_and_rates_count_the_background_work(self) -> None:
        trial = Trial(inserts=[0.001, 0.003, 0.002], busy=1.5, searches=[0.004])
        found = figures(trial)
        self.assertEqual(found["insert_ms"], {"p50": 2.0, "p99": 3.0})
        self.assertEqual(found["search_ms"], {"p50": 4.0, "p99": 4.0})
        self.assertEqual(found["inserts_per_second"], 2.0)


class Promising(SynchronousTestCase):
    def missed(self, ours: dict[str, Any]) -> list[str]:
        return [text for text, met in bars({OURS: ours, "other": made()}) if not met]

    def test_what_is_no_worse_is_kept(self) -> None:
        self.assertEqual(self.missed(made()), [])

    def test_finding_less_is_missed(self) -> None:
        (recall,) = self.missed(made(recall=0.4))
        self.assertEqual(recall, "R@10 0.4000, other 0.5000")
        self.assertEqual(len(self.missed(made(gain=0.4))), 1)

    def test_being_slower_is_missed(self) -> None:
        self.assertEqual(len(self.missed(made(search=6.0))), 2)
        self.assertEqual(len(self.missed(made(insert=6.0))), 2)

    def test_every_other_system_is_a_bar(self) -> None:
        self.assertEqual(len(bars({OURS: made(), "one": made(), "two": made()})), 12)


class Showing(SynchronousTestCase):
    def test_each_system_has_a_column(self) -> None:
        lines = table({OURS: made(), "other": made(recall=0.25)})
        self.assertEqual(lines[0], "| | mnemo | other |")
        self.assertIn("| R@10 | 0.500 | 0.250 |", lines)
        self.assertIn("| search, p50 / p99 | 5.0 / 5.0 ms | 5.0 / 5.0 ms |", lines)
        self.assertEqual({line.count("|") for line in lines}, {4})
