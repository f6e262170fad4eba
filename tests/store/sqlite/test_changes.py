"""What the indexes are told of the database."""

from mnemo.store.sqlite import changes
from mnemo.store.sqlite.changes import Changed
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import new


class Changes(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start = self.numbers().start

    def numbers(self) -> range:
        return result_of(self.store._database.read(changes.change_numbers))

    def since(self, change: int, limit: int = 9) -> Changed:
        read = self.store._database.read(lambda db: changes.changed_since(db, change, limit))
        return result_of(read)

    def count(self, change: int) -> int:
        return result_of(self.store._database.read(lambda db: changes.count_changed(db, change)))

    def test_each_change_has_a_number_of_its_own_and_a_failed_one_has_none(self) -> None:
        self.add(new("a"), new("b"))
        self.failureResultOf(self.store.add(new("a")))
        result_of(self.store.archive(["a", "b"], True, 1.0))
        self.assertEqual(self.numbers(), range(self.start, self.start + 5))

    def test_they_come_in_the_order_they_happened_the_last_of_each_memory(self) -> None:
        self.add(new("a"), new("b"), new("c"))
        result_of(self.store.amend("a", "new", 1.0))
        told = self.since(self.start)
        self.assertEqual([each.id for each in told.memories], ["b", "c", "a"])
        self.assertEqual(told.memories[-1].text, "new")
        self.assertEqual((told.change, told.more), (self.start + 4, False))

    def test_what_is_gone_is_told_as_well(self) -> None:
        gone, _ = self.add(new("a"), new("b"))
        result_of(self.store.purge(["a"]))
        told = self.since(self.start)
        self.assertEqual([each.id for each in told.memories], ["b"])
        self.assertEqual(told.removed, (gone.key,))
        self.assertEqual(self.count(self.start), told.count)

    def test_they_can_be_told_piece_by_piece(self) -> None:
        self.add(*(new(f"m{number}") for number in range(5)))
        told, at = [], self.start
        while True:
            piece = self.since(at, limit=2)
            told += [each.id for each in piece.memories]
            at = piece.change
            if not piece.more:
                break
        self.assertEqual(told, [f"m{number}" for number in range(5)])
        self.assertEqual(self.since(at), Changed((), (), at, more=False))
        self.assertEqual(self.count(at), 0)
