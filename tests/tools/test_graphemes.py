from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.graphemes import cut

ONES = (
    "e\u0301",  # a letter and its accent
    "👩\u200d💻",  # a picture made of two
    "👍🏽",  # one with a colour
    "❤\ufe0f",  # one with its variant
    "🇩🇪",  # a flag of two letters
    "\u1112\u1161\u11ab",  # a syllable of three parts
    "क्\u200dष",
    "\r\n",
)


class Cutting(SynchronousTestCase):
    def test_what_is_short_enough_stays(self) -> None:
        for length in (3, 4, 100):
            self.assertEqual(cut("abc", length), "abc")

    def test_plain_text_is_cut_where_asked(self) -> None:
        self.assertEqual(cut("heron", 3), "her")
        self.assertEqual(cut("鷺が立つ", 2), "鷺が")
        self.assertEqual(cut("heron", 0), "")

    def test_what_a_reader_sees_as_one_is_never_cut(self) -> None:
        for one in ONES:
            for length in range(1, len(one)):
                self.assertEqual(cut(f"{one}x", length), "", one)
                self.assertEqual(cut(f"a{one}x", length + 1), "a", one)
            self.assertEqual(cut(f"{one}x", len(one)), one)

    def test_flags_are_cut_apart_but_not_in_two(self) -> None:
        self.assertEqual(cut("🇩🇪🇫🇷", 2), "🇩🇪")
        self.assertEqual(cut("🇩🇪🇫🇷", 3), "🇩🇪")

    @given(st.text(), st.integers(0, 50))
    def test_it_is_a_beginning_no_longer_than_asked(self, text: str, length: int) -> None:
        beginning = cut(text, length)
        self.assertTrue(text.startswith(beginning))
        self.assertLessEqual(len(beginning), length)
