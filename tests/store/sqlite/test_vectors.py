"""The vectors of memories."""

from twisted.internet.defer import Deferred

from mnemo.store.interfaces import StoreError
from mnemo.store.records import Memory
from mnemo.store.vectors import Unembedded, Vector
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    DIMENSIONS,
    direction,
    embed,
    found,
    new,
)


class Embedding(StoreTestCase):
    def waiting(self) -> list[int]:
        return [each.key for each in result_of(self.store.vectors.unembedded(99))]

    def put(self, memory: Memory, vector: Vector, version: int = 1) -> Deferred[None]:
        made = (Unembedded(memory.key, version, memory.text), vector)
        return self.store.vectors.put([made])

    def test_memories_wait_for_their_vectors_oldest_first(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        kept = self.add(*(new(each, f"text {each}") for each in "abc"))
        self.assertEqual(
            result_of(self.store.vectors.unembedded(2)),
            [Unembedded(each.key, 1, each.text) for each in kept[:2]],
        )
        embed(self.store, {"a": direction(1)})
        self.assertEqual(self.waiting(), [kept[1].key, kept[2].key])
        result_of(self.store.amend("a", "new", 200.0))
        self.assertEqual(self.waiting(), [each.key for each in kept])

    def test_a_vector_is_there_after_a_restart(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("a"))
        embed(self.store, {"a": direction(1, 2, 3)})
        before = found(self.store, vector=direction(1))
        self.reopen()
        self.assertEqual(self.store.dimensions, DIMENSIONS)
        after = found(self.store, vector=direction(1))
        self.assertEqual(after["a"].memory, before["a"].memory)
        self.assertAlmostEqual(after["a"].cosine, before["a"].cosine, places=2)

    def test_a_vector_of_what_has_changed_or_gone_is_dropped(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        changed, gone = self.add(new("changed"), new("gone"))
        result_of(self.store.amend("changed", "new", 200.0))
        result_of(self.store.purge(["gone"]))
        result_of(self.put(changed, direction(1)))
        result_of(self.put(gone, direction(1)))
        self.assertEqual(found(self.store, vector=direction(1)), {})
        self.assertEqual(self.waiting(), [changed.key])
        result_of(self.put(changed, direction(1), version=2))
        self.assertEqual(self.waiting(), [])

    def test_the_vectors_of_another_model_count_as_missing(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        (kept,) = self.add(new("a"))
        embed(self.store, {"a": direction(1)})
        result_of(self.store.vectors.use_model("other", DIMENSIONS))
        self.assertEqual(self.waiting(), [kept.key])
        self.assertFalse(self.one("a").embedded)
        self.assertEqual(found(self.store, vector=direction(1)), {})
        self.reopen()
        self.assertEqual(found(self.store, vector=direction(1)), {})

    def test_going_back_to_a_model_finds_its_vectors_again(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("a"), new("b"))
        embed(self.store, {"a": direction(1), "b": direction(1)})
        result_of(self.store.vectors.use_model("other", 3))
        self.assertEqual(self.store.dimensions, 3)
        result_of(self.store.amend("b", "new", 200.0))
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.assertEqual(list(found(self.store, vector=direction(1))), ["a"])
        self.assertEqual(self.waiting(), [self.one("b").key])

    def test_what_is_no_vector_of_the_model_is_refused(self) -> None:
        (kept,) = self.add(new("a"))
        self.assertEqual(self.store.dimensions, 0)
        self.failureResultOf(self.put(kept, direction(1)), StoreError)
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.failureResultOf(self.put(kept, direction(1)[:3]), StoreError)
        self.failureResultOf(self.put(kept, direction(1) * float("nan")), StoreError)
        self.assertEqual(self.waiting(), [kept.key])
