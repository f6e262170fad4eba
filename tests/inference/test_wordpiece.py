"""Texts become the tokens that the model was trained with."""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.wordpiece import WordPiece
from tests.inference.reference import Tokenizer
from tests.inference.tiny import vocabulary

WORDS = vocabulary()


def marked(words: list[str]) -> list[str]:
    """A vocabulary with the marks of a GGUF file."""
    return [
        word if len(word) > 1 and word[0] == "[" else word[2:] if word[:2] == "##" else f"▁{word}"
        for word in words
    ]


class WordPieceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.wordpiece = WordPiece(marked(WORDS))

    def tokens(self, text: str) -> str:
        return " ".join(WORDS[number] for number in self.wordpiece(text))

    def test_a_word_is_the_longest_pieces_from_its_beginning(self) -> None:
        self.assertEqual(self.tokens("the sitting cats"), "the s ##i ##t ##t ##ing cat ##s")

    def test_capitals_and_accents_do_not_matter(self) -> None:
        self.assertEqual(self.tokens("THE Ca\u0301t \u00c7\u00e2t"), "the cat cat")

    def test_each_punctuation_mark_is_a_word(self) -> None:
        self.assertEqual(self.tokens("cat.sat(the_mat)"), "cat . sat ( the _ mat )")

    def test_each_ideograph_is_a_word(self) -> None:
        self.assertEqual(self.tokens("cat漢字"), "cat 漢 字")

    def test_hangul_is_read_letter_by_letter(self) -> None:
        self.assertEqual(self.tokens("\u1112"), "\u1112")
        self.assertEqual(self.tokens("\ud558"), "[UNK]")  # its vowel is not in this vocabulary

    def test_what_looks_like_a_special_token_is_plain_text(self) -> None:
        self.assertEqual(self.tokens("[SEP]"), "[ s ##e ##p ]")

    def test_a_word_with_an_unknown_letter_is_unknown(self) -> None:
        self.assertEqual(self.tokens("catж cat"), "[UNK] cat")

    def test_a_word_of_over_a_hundred_letters_is_unknown(self) -> None:
        self.assertEqual(self.tokens("a" * 101), "[UNK]")
        self.assertEqual(len(self.tokens("a" * 100).split()), 100)

    def test_control_characters_are_no_text(self) -> None:
        self.assertEqual(self.tokens("c\0a\u200bt\ud800"), "cat")

    def test_the_marks_of_the_vocabulary_are_no_text(self) -> None:
        self.assertEqual(self.tokens("▁cat cat▁the"), "[UNK] [UNK]")

    def test_a_vocabulary_without_unknown_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, r"\[UNK\]"):
            WordPiece(["▁a"])

    @given(st.text() | st.text("abthe cats漢\u0301.İΣß1\u20e3"))
    @example("1\ufe0f\u20e3 किताब 한국어")
    def test_it_agrees_with_an_independent_tokeniser(self, text: str) -> None:
        self.assertEqual(self.wordpiece(text), Tokenizer(WORDS)(text))
