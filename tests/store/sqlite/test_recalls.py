"""Recalls and what was judged of them."""

from typing import Any, Literal

from mnemo.store.interfaces import StoreError
from mnemo.store.records import QueryRow
from mnemo.store.sqlite import recalls
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import new

Quality = Literal["helpful", "partial", "irrelevant"]


def recall(id: str, **fields: Any) -> QueryRow:
    """A recall that was answered."""
    defaults: dict[str, Any] = {
        "text": "what was it?",
        "session": "s",
        "project": "p",
        "returned": (),
        "at": 1.0,
    }
    return QueryRow(id=id, **{**defaults, **fields})


class Recording(StoreTestCase):
    def kept(self) -> list[str]:
        return self.successResultOf(
            self.store._database.read(
                lambda db: [row[0] for row in db.execute("SELECT id FROM queries ORDER BY number")]
            )
        )

    def test_those_of_a_project_can_be_removed_written_or_not(self) -> None:
        self.store.record_query(recall("old"))
        self.store.record_query(recall("other", project="q"))
        self.reopen()
        self.store.record_query(recall("new"))
        result_of(self.store.forget_queries("p"))
        self.assertIsNone(result_of(self.store.query("new")))
        self.assertEqual(self.kept(), ["other"])
        self.reopen()
        self.assertEqual(self.kept(), ["other"])

    def test_a_recall_is_known_at_once_and_after_a_restart(self) -> None:
        row = recall("q", returned=("a", "b"))
        self.store.record_query(row)
        self.assertEqual(result_of(self.store.query("q")), row)
        self.reopen()
        self.assertEqual(result_of(self.store.query("q")), row)
        self.assertIsNone(result_of(self.store.query("nobody")))

    def test_nothing_is_written_on_the_read_path_and_later_all_at_once(self) -> None:
        self.pools.writer.hold()
        for number in range(50):
            self.store.record_query(recall(f"q{number}"))
        self.assertEqual(self.pools.writer.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(self.pools.writer.waiting), 1)
        self.pools.writer.release()
        self.assertEqual(len(self.kept()), 50)

    def test_a_recall_is_known_while_it_is_being_written(self) -> None:
        self.store.record_query(recall("q"))
        self.pools.writer.hold()
        self.clock.advance(1)
        self.assertEqual(result_of(self.store.query("q")), recall("q"))
        self.pools.writer.release()
        self.assertEqual(result_of(self.store.query("q")), recall("q"))

    def test_only_the_newest_are_kept(self) -> None:
        self.patch(recalls, "KEPT", 3)
        for number in range(5):
            self.store.record_query(recall(f"q{number}"))
            self.clock.advance(1)
        self.assertEqual(self.kept(), ["q2", "q3", "q4"])

    def test_those_that_cannot_be_written_wait_for_the_next(self) -> None:
        full = self.store._database.write(lambda db: db.execute("PRAGMA max_page_count = 1"))
        self.successResultOf(full)
        self.store.record_query(recall("q1", text="long " * 100_000))
        self.clock.advance(1)
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 1)
        self.assertIsNotNone(result_of(self.store.query("q1")))
        free = self.store._database.write(lambda db: db.execute("PRAGMA max_page_count = 99999"))
        self.successResultOf(free)
        self.store.record_query(recall("q2"))
        self.clock.advance(1)
        self.assertEqual(self.kept(), ["q1", "q2"])


class Judging(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add(new("a"), new("b"))

    def judge(self, ids: list[str], quality: Quality, query: str = "q") -> dict[str, str | None]:
        return result_of(self.store.record_feedback(query, ids, quality, 1.0))

    def test_the_first_judgement_has_none_before_it(self) -> None:
        self.assertEqual(self.judge(["a", "b"], "helpful"), {"a": None, "b": None})

    def test_a_later_one_replaces_it_and_tells_it(self) -> None:
        self.judge(["a"], "helpful")
        self.assertEqual(self.judge(["a", "b"], "partial"), {"a": "helpful", "b": None})
        self.assertEqual(self.judge(["a"], "irrelevant"), {"a": "partial"})
        counts = result_of(self.store.statistics(1.0))
        self.assertEqual(counts.feedback, {"irrelevant": 1, "partial": 1})

    def test_each_query_has_judgements_of_its_own(self) -> None:
        self.judge(["a"], "helpful")
        self.assertEqual(self.judge(["a"], "partial", query="other"), {"a": None})

    def test_what_does_not_exist_is_left_out(self) -> None:
        self.assertEqual(self.judge(["nobody", "a"], "helpful"), {"a": None})


class AfterTheEnd(StoreTestCase):
    def test_a_recall_is_dropped_quietly(self) -> None:
        self.stop()
        self.store.record_query(recall("q"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.failureResultOf(self.store.query("other"), StoreError)
