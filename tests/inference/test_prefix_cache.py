"""Which beginnings of prompts are kept."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.prefix_cache import MOST, WORTH_KEEPING, Kept, PrefixCache, common

LONG = list(range(WORTH_KEEPING))
TOKENS = st.lists(st.integers(0, 2), max_size=12).map(tuple)


class PrefixCacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.dropped: list[Kept] = []
        self.cache = PrefixCache(1000, self.dropped.append)

    def keep(self, tokens: Sequence[int], session: str | None) -> Kept:
        kept = self.cache.keep(tokens, session)
        assert kept is not None
        return kept

    def test_the_longest_that_a_prompt_begins_with_is_found(self) -> None:
        self.keep(LONG, None)
        longer = self.keep([*LONG, 90, 91], "a")
        self.assertEqual(self.cache.best([*LONG, 90, 7], "a"), (longer, len(LONG) + 1))

    def test_of_a_session_it_is_for_that_session(self) -> None:
        self.keep(LONG, "a")
        self.assertEqual(self.cache.best([*LONG, 7], "b"), (None, 0))
        self.assertEqual(self.cache.best([*LONG, 7], ""), (None, 0))

    def test_one_token_is_left_for_the_model(self) -> None:
        self.keep([*LONG, 90], None)
        self.assertEqual(self.cache.best([*LONG, 90], "a")[1], len(LONG))

    def test_a_short_one_is_not_worth_it(self) -> None:
        self.keep(LONG, None)
        self.assertEqual(self.cache.best([*LONG[:-1], 7, 8], "a"), (None, 0))

    def test_what_a_longer_one_begins_with_is_superfluous(self) -> None:
        first = self.keep(LONG, "a")
        self.keep([*LONG, 7], "a")
        self.assertEqual(self.dropped, [first])
        self.keep([*LONG, 7, 8], "b")
        self.assertEqual(self.dropped, [first])
        self.assertEqual((len(self.cache), self.cache.tokens), (2, 2 * len(LONG) + 3))

    def test_the_least_recently_used_gives_way_unless_it_is_in_use(self) -> None:
        self.cache = PrefixCache(3 * len(LONG) + 3, self.dropped.append)
        kept = [self.keep([*LONG, number], str(number)) for number in range(3)]
        self.cache.best([*LONG, 0, 7], "0")
        kept[1].users = 1
        newest = self.keep(range(100, 101 + len(LONG)), "3")
        self.assertEqual(self.dropped, [kept[2]])
        kept[0].users = newest.users = 1
        self.assertIsNone(self.cache.keep(LONG, "4"))
        self.assertEqual((len(self.cache), self.cache.tokens), (3, 3 * len(LONG) + 3))

    def test_there_are_only_so_many(self) -> None:
        for number in range(MOST + 2):
            self.cache.keep([number], str(number))
        self.assertEqual((len(self.cache), len(self.dropped)), (MOST, 2))

    def test_what_is_longer_than_all_may_be_is_not_kept(self) -> None:
        self.assertIsNone(self.cache.keep(range(1001), None))

    def test_what_is_relied_on_is_not_dropped(self) -> None:
        kept = self.keep(LONG, None)
        kept.users = 1
        self.cache.drop(kept)
        self.assertEqual(list(self.cache), [kept])

    def test_it_knows_what_it_has(self) -> None:
        self.keep([*LONG, 7], None)
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
