"""What the stores of other systems have in common."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transfer.systems.records import moment, paragraphs, relation, type_of, words

DAY = 1_735_689_600.0
"""2025-01-01T00:00:00Z"""


class Moments(SynchronousTestCase):
    def test_every_way_in_which_they_are_written(self) -> None:
        every: tuple[object, ...] = (
            DAY,
            int(DAY),
            DAY * 1000,
            "2025-01-01",
            "2025-01-01T00:00:00Z",
            "2025-01-01T01:00:00+01:00",
            "2025-01-01 00:00:00",
            "2025-01-01T00:00:00.000000000Z",
            "2025-01-01 01:00:00.000000001 +0100 CET m=+0.012",
            "2025-01-01 00:00:00 +0000 UTC",
        )
        for written in every:
            self.assertEqual(moment(written), DAY, written)

    def test_what_is_no_time_is_refused(self) -> None:
        none: tuple[object, ...] = (
            "",
            None,
            "soon",
            -1,
            1e18,
            float("nan"),
            True,
            [],
            "9999-99-99",
        )
        for written in none:
            self.assertRaises(ValueError, moment, written)


class Words(SynchronousTestCase):
    def test_lists_are_json_or_separated_by_commas(self) -> None:
        for written in ('["a", "b b", "a"]', "a, b  b,,a", ["a", "b b"]):
            self.assertEqual(words(written), ("a", "b b"))
        nothings: tuple[object, ...] = (None, "", 7, {})
        for nothing in nothings:
            self.assertEqual(words(nothing), ())
        self.assertRaises(ValueError, words, '["a')

    def test_paragraphs_that_say_nothing_are_left_out(self) -> None:
        self.assertEqual(paragraphs("a", None, " ", "b\n"), "a\n\nb")

    def test_unknown_words_have_a_plain_meaning(self) -> None:
        self.assertEqual((relation("Causes"), relation("loves")), ("caused_by", "similar"))
        self.assertEqual((type_of("BugFix"), type_of(None)), ("error", "general"))
