from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.sentences import LONGEST, sentences
from tests.enrichment.samples import LONG


class Sentences(SynchronousTestCase):
    def test_stops_lines_and_bullets_end_one(self) -> None:
        self.assertEqual(
            sentences("One is here. Two is 3.5 high!\n- three (e.g. this)\n\n1. four"),
            ("One is here.", "Two is 3.5 high!", "three (e.g. this)", "four"),
        )

    def test_scripts_without_spaces_end_theirs(self) -> None:
        self.assertEqual(sentences("一つです。二つです。"), ("一つです。", "二つです。"))

    @settings(max_examples=150, deadline=None)
    @given(LONG)
    def test_each_is_a_part_of_the_text_and_not_too_long(self, text: str) -> None:
        for each in sentences(text):
            self.assertIn(each, text)
            self.assertLessEqual(len(each), LONGEST)
