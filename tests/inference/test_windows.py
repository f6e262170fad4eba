"""Splitting long texts, and pooling what was split."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.windows import SPECIAL, cost, normalised, pieces, weighted, windows


class PiecesTests(SynchronousTestCase):
    def test_a_short_text_is_one_piece(self) -> None:
        self.assertEqual(list(pieces("a cat", 8)), ["a cat"])

    def test_a_long_text_is_cut_after_white_space(self) -> None:
        self.assertEqual(list(pieces("the cat sat down", 8)), ["the cat ", "sat down"])

    def test_a_cut_that_falls_on_white_space_stays_there(self) -> None:
        self.assertEqual(list(pieces("cat sat", 3)), ["cat", " ", "sat"])

    def test_a_word_longer_than_a_piece_is_cut(self) -> None:
        self.assertEqual(list(pieces("x" * 10, 4)), ["xxxx", "xxxx", "xx"])

    def test_a_blank_text_has_no_pieces(self) -> None:
        self.assertEqual((list(pieces("", 4)), list(pieces(" \n" * 9, 4))), ([], []))

    @given(st.text("ab \n\u3000😀"), st.integers(1, 9))
    def test_nothing_is_lost_and_no_piece_is_too_long(self, text: str, longest: int) -> None:
        parts = list(pieces(text, longest))
        self.assertEqual("".join(parts), "" if text.isspace() else text)
        self.assertTrue(all(0 < len(part) <= longest for part in parts))

    @given(st.lists(st.text("ab", min_size=1, max_size=5)), st.integers(5, 20))
    def test_words_that_fit_are_never_cut(self, words: list[str], longest: int) -> None:
        parts = list(pieces(" ".join(words), longest))
        self.assertEqual([word for part in parts for word in part.split()], words)


class WindowsTests(SynchronousTestCase):
    def test_a_text_without_tokens_is_one_empty_window(self) -> None:
        self.assertEqual(windows([], 8), [[]])

    def test_a_window_leaves_room_for_the_special_tokens(self) -> None:
        self.assertEqual(windows([1, 2, 3, 4, 5], 4), [[1, 2], [3, 4], [5]])

    @given(st.lists(st.integers(0, 9)), st.integers(3, 9))
    def test_nothing_is_lost_and_every_window_fits(self, tokens: list[int], window: int) -> None:
        parts = windows(tokens, window)
        self.assertEqual([token for part in parts for token in part], tokens)
        self.assertTrue(all(cost(part) <= window for part in parts))


class PoolingTests(SynchronousTestCase):
    def test_a_window_weighs_as_much_as_it_has_tokens(self) -> None:
        vectors = np.array([[1, 0], [0, 1]], np.float32)
        sums = weighted(vectors, [[7, 8, 9], []]).sum(axis=0, keepdims=True)
        np.testing.assert_allclose(sums, [[3 + SPECIAL, SPECIAL]])
        np.testing.assert_allclose(normalised(sums), sums / np.sqrt(25 + 4), rtol=1e-6)

    def test_it_is_the_mean_over_all_tokens(self) -> None:
        outputs = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
        parts = [outputs[:12], outputs[12:]]
        means = np.array([part.mean(axis=0) for part in parts])
        tokens = [[0] * (len(part) - SPECIAL) for part in parts]
        sums = weighted(means, tokens).sum(axis=0)
        np.testing.assert_allclose(sums / len(outputs), outputs.mean(axis=0), rtol=1e-4)
