"""Which beginnings of prompts are kept."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.prefix_cache import WORTH_KEEPING, PrefixCache, common

LONG = list(range(WORTH_KEEPING))
TOKENS = st.lists(st.integers(0, 2), max_size=12).map(tuple)


class PrefixCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cache = PrefixCache()

    def test_the_longest_that_a_prompt_begins_with_is_found(self) -> None:
        self.cache.keep(1, LONG, None)
        self.cache.keep(2, [*LONG, 90, 91], "a")
        found, shared = self.cache.best([*LONG, 90, 7], "a")
        assert found is not None
        self.assertEqual((found.sequence, shared), (2, len(LONG) + 1))

    def test_of_a_session_it_is_for_that_session(self) -> None:
        self.cache.keep(1, LONG, "a")
        self.assertEqual(self.cache.best([*LONG, 7], "b"), (None, 0))
        self.assertEqual(self.cache.best([*LONG, 7], ""), (None, 0))

    def test_one_token_is_left_for_the_model(self) -> None:
        self.cache.keep(1, [*LONG, 90], None)
        self.assertEqual(self.cache.best([*LONG, 90], "a")[1], len(LONG))

    def test_a_short_one_is_not_worth_it(self) -> None:
        self.cache.keep(1, LONG, None)
        self.assertEqual(self.cache.best([*LONG[:-1], 7, 8], "a"), (None, 0))

    def test_what_a_longer_one_begins_with_is_superfluous(self) -> None:
        self.cache.keep(1, LONG, "a")
        self.assertEqual([old.sequence for old in self.cache.keep(2, [*LONG, 7], "a")], [1])
        self.assertEqual(self.cache.keep(3, [*LONG, 7, 8], "b"), [])
        self.assertEqual((len(self.cache), self.cache.tokens), (2, 2 * len(LONG) + 3))

    def test_the_least_recently_used_gives_way_unless_it_is_in_use(self) -> None:
        for sequence in range(3):
            self.cache.keep(sequence, [*LONG, sequence], str(sequence))
        self.cache.best([*LONG, 0, 7], "0")
        relied_on, _ = self.cache.best([*LONG, 1, 7], "1")
        assert relied_on is not None
        relied_on.users += 1
        gone = [self.cache.give_way() for _ in range(3)]
        self.assertEqual([kept and kept.sequence for kept in gone], [2, 0, None])
        self.assertEqual(self.cache.tokens, len(LONG) + 1)

    def test_it_knows_what_it_has(self) -> None:
        self.cache.keep(1, [*LONG, 7], None)
        self.assertTrue(self.cache.has(LONG, None))
        self.assertFalse(self.cache.has(LONG, "a"))
        self.assertFalse(self.cache.has([*LONG, 8], None))

    @given(TOKENS, TOKENS)
    def test_common_counts_the_first_tokens_that_are_alike(
        self, one: tuple[int, ...], other: tuple[int, ...]
    ) -> None:
        alike = common(one, other)
        self.assertEqual(one[:alike], other[:alike])
        self.assertFalse(alike < min(len(one), len(other)) and one[alike] == other[alike])
