"""What looks or reads the same becomes the same characters."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.folding import fold


class FoldTests(SynchronousTestCase):
    def test_accents_go(self) -> None:
        for written, folded in {
            "naïve café": "naive cafe",
            "Ångström": "Angstrom",
            "cafe\u0301": "cafe",
            "Łódź": "Lodz",
            "Ærø": "AEro",
            "Việt Nam": "Viet Nam",
            "ёлка": "елка",
            "Ελλάδα": "Ελλαδα",
            "שָׁלוֹם": "שלום",
            "مُحَمَّد": "محمد",
        }.items():
            self.assertEqual(fold(written), folded)

    def test_marks_that_make_another_letter_stay(self) -> None:
        for text in ("が", "ぱ", "हिन्दी", "ไทย่", "한국어", "தமிழ்"):
            self.assertEqual(fold(text), text)

    def test_compatibility_forms_are_resolved(self) -> None:
        self.assertEqual(fold("\uff46\uff55\uff4c\uff4c ﬁne ①"), "full fine 1")

    def test_what_cannot_be_seen_goes(self) -> None:
        self.assertEqual(fold("pa\u200bss\u00adwo\u2060rd"), "password")
        self.assertEqual(fold("\u202eabc\u202c\ufeff"), "abc")
        self.assertEqual(fold("👍🏽 ❤\ufe0f"), "👍 ❤")

    def test_typographic_apostrophes_and_hyphens_become_plain_ones(self) -> None:
        self.assertEqual(fold("don\u2019t well\u2010known"), "don't well-known")

    def test_case_stays(self) -> None:
        self.assertEqual(fold("HTTPServer É"), "HTTPServer E")

    def test_a_million_combining_marks_take_no_time(self) -> None:
        # Normalisation sorts them, in quadratic time.
        self.assertLess(len(fold("e" + "\u0316\u0300" * 500_000)), 10)
        self.assertLess(len(fold("ก" + "\u0e48\u0e38" * 500_000)), 20)

    @settings(max_examples=300, deadline=None)
    @given(st.text())
    def test_folding_folded_text_changes_nothing(self, text: str) -> None:
        once = fold(text)
        self.assertEqual(fold(once), once)
