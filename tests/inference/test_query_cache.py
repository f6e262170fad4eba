"""The vectors of recent queries."""

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.query_cache import LONGEST, QueryCache


def vectors(*numbers: float) -> np.ndarray:
    return np.array([[number, 0.0] for number in numbers], np.float32)


class QueryCacheTests(SynchronousTestCase):
    def test_what_was_kept_is_found(self) -> None:
        cache = QueryCache()
        cache.keep(["a", "b"], vectors(1, 2), [3, 4])
        found = cache.find(["b", "a"])
        assert found is not None
        np.testing.assert_array_equal(found[0], vectors(2, 1))
        self.assertEqual((found[1], cache.hits), (7, 1))

    def test_all_texts_of_a_call_must_be_known(self) -> None:
        cache = QueryCache()
        cache.keep(["a"], vectors(1), [3])
        self.assertIsNone(cache.find(["a", "b"]))
        self.assertEqual((cache.hits, cache.misses), (0, 1))

    def test_what_was_used_least_recently_gives_way(self) -> None:
        cache = QueryCache(capacity=2)
        cache.keep(["a", "b"], vectors(1, 2), [3, 4])
        cache.find(["a"])
        cache.keep(["c"], vectors(3), [5])
        self.assertIsNone(cache.find(["b"]))
        self.assertIsNotNone(cache.find(["a", "c"]))

    def test_a_long_text_is_no_query(self) -> None:
        cache = QueryCache()
        cache.keep(["a" * (LONGEST + 1)], vectors(1), [3])
        self.assertIsNone(cache.find(["a" * (LONGEST + 1)]))

    def test_nobody_changes_what_is_kept(self) -> None:
        cache, given = QueryCache(), vectors(1)
        cache.keep(["a"], given, [3])
        given[:] = 9
        found = cache.find(["a"])
        assert found is not None
        found[0][:] = 9
        again = cache.find(["a"])
        assert again is not None
        np.testing.assert_array_equal(again[0], vectors(1))
