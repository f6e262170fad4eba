"""Counts."""

from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    DIMENSIONS,
    NOW,
    direction,
    embed,
    new,
)


class Counting(StoreTestCase):
    def test_it_counts_what_is_there(self) -> None:
        self.add(
            new("a"),
            new("b", type="error", project="q"),
            new("c", fades=5.0, source="user"),
            new("d"),
        )
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        embed(self.store, {"a": direction(1)})
        result_of(self.store.archive(["d"], True, 200.0))
        result_of(self.store.record_feedback("q1", ["a", "b"], "helpful", 1.0))
        counts = result_of(self.store.statistics(NOW))
        self.assertEqual((counts.active, counts.fading, counts.archived), (2, 1, 1))
        self.assertEqual(counts.unembedded, 3)
        self.assertEqual(counts.by_type, {"decision": 2, "error": 1})
        self.assertEqual(counts.by_project, {"p": 2, "q": 1})
        self.assertEqual(counts.by_source, {"agent": 2, "user": 1})
        self.assertEqual(counts.feedback, {"helpful": 2})
        self.assertGreater(counts.database_bytes, 0)

    def test_an_empty_store_has_nothing_to_count(self) -> None:
        counts = result_of(self.store.statistics(NOW))
        self.assertEqual((counts.active, counts.fading, counts.archived), (0, 0, 0))
