"""What the store does with tasks."""

from attrs import evolve

from mnemo.store.tasks import TaskRow
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase

ROW = TaskRow("t1", "local", "slow", "working", "", 100.0, 100.0, 200.0)


class Tasks(StoreTestCase):
    def add(self, *rows: TaskRow, limit: int = 10) -> list[bool]:  # type: ignore[override]
        return [result_of(self.store.tasks.add(row, limit)) for row in rows]

    def find(self, id: str = "t1") -> TaskRow | None:
        return result_of(self.store.tasks.find(id))

    def test_a_task_is_kept_as_it_is_and_replaced(self) -> None:
        self.assertEqual(self.add(ROW), [True])
        self.assertEqual(self.find(), ROW)
        done = evolve(ROW, status="completed", message="m", updated=150.0, outcome="{}")
        result_of(self.store.tasks.save(done))
        self.assertEqual(self.find(), done)

    def test_it_is_there_after_a_restart(self) -> None:
        self.add(ROW)
        self.reopen()
        self.assertEqual(self.find(), ROW)

    def test_an_unknown_one_is_none_and_not_made_by_saving(self) -> None:
        self.assertIsNone(self.find())
        result_of(self.store.tasks.save(ROW))
        self.assertIsNone(self.find())

    def test_it_can_be_removed(self) -> None:
        self.add(ROW)
        result_of(self.store.tasks.remove("t1"))
        result_of(self.store.tasks.remove("t1"))
        self.assertIsNone(self.find())

    def test_a_principal_has_as_many_as_it_may(self) -> None:
        rows = [evolve(ROW, id=f"t{number}") for number in range(3)]
        self.assertEqual(self.add(*rows, limit=2), [True, True, False])
        self.assertIsNone(self.find("t2"))
        other = evolve(ROW, id="o", principal="other")
        self.assertEqual(self.add(other, limit=2), [True])

    def test_a_new_one_takes_the_place_of_those_that_expired(self) -> None:
        self.add(ROW)
        later = evolve(ROW, id="t2", created=200.0)
        self.assertEqual(self.add(later, limit=1), [True])
        self.assertIsNone(self.find("t1"))

    def test_those_that_have_not_ended_can_fail_together(self) -> None:
        self.add(
            ROW,
            evolve(ROW, id="asking", status="input_required"),
            evolve(ROW, id="done", status="completed", outcome="{}"),
            evolve(ROW, id="gone", expires=120.0),
        )
        self.assertEqual(result_of(self.store.tasks.fail("stopped", "why", 120.0)), 2)
        failed = evolve(ROW, status="failed", message="stopped", outcome="why", updated=120.0)
        self.assertEqual(self.find(), failed)
        self.assertEqual(self.find("asking"), evolve(failed, id="asking"))
        self.assertEqual(
            self.find("done"), evolve(ROW, id="done", status="completed", outcome="{}")
        )
        self.assertIsNone(self.find("gone"))
        self.assertEqual(result_of(self.store.tasks.fail("stopped", "why", 120.0)), 0)
