"""Group commit, reading beside it, and the end of both."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.threads import Threads
from tests.store.inline import ClockReactor, InlinePools


def insert(number: int) -> Callable[[sqlite3.Connection], int]:
    """A write of one row that answers its number."""

    def work(db: sqlite3.Connection) -> int:
        db.execute("INSERT INTO removed VALUES (?, 0)", (number,))
        return number

    return work


def numbers(db: sqlite3.Connection) -> list[int]:
    return [number for (number,) in db.execute("SELECT change FROM removed ORDER BY change")]


class DatabaseTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.pools = InlinePools()
        self.threads = Threads(ClockReactor(Clock()), self.pools)
        self.threads.start()
        self.database = Database(self.path, self.threads)
        self.successResultOf(self.database.start())

    def tearDown(self) -> None:
        self.stop()

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.database.stop()))

    def read(self) -> list[int]:
        return self.successResultOf(self.database.read(numbers))

    def pages(self, limit: int) -> Deferred[object]:
        """Let the file have no more than C{limit} pages."""
        return self.database.write(lambda db: db.execute(f"PRAGMA max_page_count = {limit}"))


class Writing(DatabaseTestCase):
    def test_a_write_is_answered_when_it_is_committed(self) -> None:
        self.pools.writer.hold()
        written = self.database.write(insert(1))
        self.assertNoResult(written)
        self.pools.writer.release()
        self.assertEqual(self.successResultOf(written), 1)
        other = sqlite3.connect(self.path)
        self.addCleanup(other.close)
        self.assertEqual(numbers(other), [1])

    def test_all_that_wait_share_one_commit(self) -> None:
        self.pools.writer.hold()
        for number in range(10):
            self.database.write(insert(number))
        # The first went alone; the other nine came while it was under way.
        self.pools.writer.step()
        self.assertEqual(self.read(), [0])
        self.pools.writer.step()
        self.assertEqual(self.read(), list(range(10)))
        self.assertEqual(self.pools.writer.waiting, [])
        self.pools.writer.release()

    def test_callers_are_answered_in_the_order_they_came(self) -> None:
        answered: list[int] = []
        self.pools.writer.hold()
        for number in range(10):
            self.database.write(insert(number)).addCallback(answered.append)
        self.pools.writer.release()
        self.assertEqual(answered, list(range(10)))

    def test_one_that_fails_is_undone_and_harms_no_other(self) -> None:
        def fails(db: sqlite3.Connection) -> int:
            insert(99)(db)
            raise ValueError("no")

        self.pools.writer.hold()
        first, bad, clash, last = (
            self.database.write(work) for work in (insert(1), fails, insert(1), insert(2))
        )
        self.pools.writer.release()
        self.assertEqual(self.successResultOf(first), 1)
        self.failureResultOf(bad, ValueError)
        self.failureResultOf(clash, StoreError)
        self.assertEqual(self.successResultOf(last), 2)
        self.assertEqual(self.read(), [1, 2])

    def test_what_a_write_changed_is_applied_before_it_is_answered(self) -> None:
        order: list[tuple[str, int]] = []
        self.database.write(insert(1), lambda n: order.append(("applied", n))).addCallback(
            lambda n: order.append(("answered", n))
        )
        self.assertEqual(order, [("applied", 1), ("answered", 1)])

    def test_it_is_applied_even_where_the_caller_has_gone(self) -> None:
        applied: list[int] = []
        self.pools.writer.hold()
        written = self.database.write(insert(1), applied.append)
        written.cancel()
        self.failureResultOf(written)
        self.pools.writer.release()
        self.assertEqual(applied, [1])

    def test_nothing_is_applied_of_a_write_that_failed(self) -> None:
        applied: list[int] = []
        self.successResultOf(self.database.write(insert(1)))
        self.failureResultOf(self.database.write(insert(1), applied.append), StoreError)
        self.assertEqual(applied, [])

    def test_a_write_asked_for_by_an_answer_comes_after_it(self) -> None:
        answered: list[int] = []

        def again(number: int) -> None:
            answered.append(number)
            self.database.write(insert(number + 10)).addCallback(answered.append)

        self.pools.writer.hold()
        for number in (1, 2, 3):
            self.database.write(insert(number)).addCallback(again)
        self.pools.writer.release()
        self.assertEqual(answered, [1, 2, 3, 11, 12, 13])

    def test_a_text_that_is_no_unicode_is_one_clear_error(self) -> None:
        failure = self.failureResultOf(
            self.database.write(lambda db: db.execute("SELECT ?", ("\ud800",))), StoreError
        )
        self.assertIn("no valid Unicode", failure.getErrorMessage())


class FullDisk(DatabaseTestCase):
    """PRAGMA max_page_count makes a disk as full as one likes."""

    def large(self, db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO removed VALUES (7, zeroblob(1000000))")

    def test_it_fails_with_a_clear_error_and_the_next_write_goes_well(self) -> None:
        self.successResultOf(self.pages(1))
        failure = self.failureResultOf(self.database.write(self.large), StoreError)
        self.assertIn("full", failure.getErrorMessage())
        self.assertIn(str(self.path), failure.getErrorMessage())
        self.successResultOf(self.pages(1_000_000))
        self.successResultOf(self.database.write(insert(1)))
        self.assertEqual(self.read(), [1])

    def test_a_commit_that_fails_fails_all_who_shared_it(self) -> None:
        # A deferred constraint speaks up at the commit, as a full disk does.
        def owes(db: sqlite3.Connection) -> int:
            db.execute("PRAGMA defer_foreign_keys = ON")
            db.execute("INSERT INTO versions VALUES (404, 1, 0, 0, '')")
            return 0

        self.pools.writer.hold()
        under_way, one, other = (self.database.write(work) for work in (insert(1), insert(2), owes))
        self.pools.writer.release()
        self.assertEqual(self.successResultOf(under_way), 1)
        self.failureResultOf(one, StoreError)
        self.failureResultOf(other, StoreError)
        self.assertEqual(self.read(), [1])
        self.assertEqual(self.successResultOf(self.database.write(insert(2))), 2)


class Reading(DatabaseTestCase):
    def test_a_read_cannot_write(self) -> None:
        self.failureResultOf(self.database.read(insert(1)), StoreError)
        self.assertEqual(self.read(), [])

    def test_what_a_read_raises_reaches_its_caller(self) -> None:
        def fails(db: sqlite3.Connection) -> int:
            raise ValueError("no")

        self.failureResultOf(self.database.read(fails), ValueError)
        self.assertEqual(self.read(), [])

    def test_a_connection_is_used_again(self) -> None:
        first, second = (self.successResultOf(self.database.read(lambda db: db)) for _ in "12")
        self.assertIs(first, second)


class Stopping(DatabaseTestCase):
    def test_what_was_asked_for_is_done_first(self) -> None:
        self.pools.writer.hold()
        self.pools.readers.hold()
        written = [self.database.write(insert(number)) for number in range(3)]
        read = self.database.read(numbers)
        stopped = Deferred.fromCoroutine(self.database.stop())
        self.pools.writer.release()
        self.assertNoResult(stopped)
        self.pools.readers.release()
        self.successResultOf(stopped)
        self.assertEqual([self.successResultOf(each) for each in written], [0, 1, 2])
        self.assertEqual(self.successResultOf(read), [0, 1, 2])

    def test_the_log_is_emptied_into_the_file(self) -> None:
        self.successResultOf(self.database.write(insert(1)))
        self.read()
        self.stop()
        self.assertEqual(
            [each.name for each in self.path.parent.glob(f"{self.path.name}*")], [self.path.name]
        )

    def test_whoever_comes_later_is_told_that_it_is_closed(self) -> None:
        self.stop()
        for late in (self.database.write(insert(1)), self.database.read(numbers)):
            self.assertIn("closed", self.failureResultOf(late, StoreError).getErrorMessage())

    def test_stopping_twice_does_no_harm(self) -> None:
        self.stop()
        self.stop()
