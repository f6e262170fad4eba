"""How a store begins and ends, and that it is one."""

from pathlib import Path

from zope.interface.verify import verifyObject

from mnemo.store.drafts import IDrafts
from mnemo.store.exchange import IExchange
from mnemo.store.interfaces import IStore, StoreError
from mnemo.store.jobs import IJobs
from mnemo.store.sessions import ISessionRows
from mnemo.store.studies import IStudies
from mnemo.store.tasks import ITaskRows
from mnemo.store.understanding import IUnderstanding
from mnemo.store.vectors import IVectors
from tests.store.inline import InlinePools, make_store, open_store, result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    ALL,
    NOW,
    found,
    new,
)


class Beginning(StoreTestCase):
    def test_it_is_a_store(self) -> None:
        verifyObject(IStore, self.store)

    def test_its_parts_keep_their_contracts(self) -> None:
        verifyObject(IDrafts, self.store.drafts)
        verifyObject(IExchange, self.store.exchange)
        verifyObject(IJobs, self.store.jobs)
        verifyObject(ISessionRows, self.store.sessions)
        verifyObject(IStudies, self.store.studies)
        verifyObject(ITaskRows, self.store.tasks)
        verifyObject(IUnderstanding, self.store.understanding)
        verifyObject(IVectors, self.store.vectors)

    def test_its_directory_is_made_for_its_owner_alone(self) -> None:
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)

    def test_a_directory_that_cannot_be_made_is_one_clear_error(self) -> None:
        file = Path(self.mktemp())
        file.write_text("")
        with self.assertRaises(StoreError) as raised:
            result_of(make_store(file / "home", self.clock).start())
        self.assertNotIn("\n", str(raised.exception))

    def test_a_damaged_database_is_one_clear_error_and_leaves_nothing_running(self) -> None:
        self.stop()
        (self.directory / "memory.sqlite3").write_bytes(b"nonsense" * 1_000)
        pools = InlinePools()
        with self.assertRaises(StoreError):
            open_store(self.directory, self.clock, pools=pools)
        self.assertTrue(pools.writer.joined)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_damage_beyond_the_first_page_is_one_clear_error(self) -> None:
        self.add(*(new(f"m{n}", "long " * 1_000) for n in range(100)))
        self.stop()
        path = self.directory / "memory.sqlite3"
        content = path.read_bytes()
        path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
        with self.assertRaises(StoreError) as raised:
            open_store(self.directory, self.clock)
        self.assertIn(str(path), str(raised.exception))


class Ending(StoreTestCase):
    def test_whoever_comes_later_is_told_that_it_is_closed(self) -> None:
        self.stop()
        for late in (
            self.store.add(new("a")),
            self.store.get(["a"]),
            self.store.search("a", None, ALL, 3),
            self.store.purge(["a"]),
            self.store.statistics(NOW),
        ):
            self.assertIn("closed", self.failureResultOf(late, StoreError).getErrorMessage())

    def test_stopping_twice_or_before_the_start_does_no_harm(self) -> None:
        self.stop()
        self.stop()

    def test_a_cancelled_add_is_found_all_the_same(self) -> None:
        self.pools.writer.hold()
        added = self.store.add(new("a", "walrus"))
        added.cancel()
        self.failureResultOf(added)
        self.pools.writer.release()
        self.assertEqual(list(found(self.store, "walrus")), ["a"])


class Replacing(StoreTestCase):
    """A database that is put in the place of another."""

    def test_the_indexes_of_the_other_are_not_searched(self) -> None:
        self.add(new("a", "walrus"), new("b", "zebra"))
        elsewhere = Path(self.mktemp())
        other = make_store(elsewhere, self.clock)
        result_of(other.start())
        for memory in (new("x", "apple"), new("y", "pear"), new("z", "plum")):
            result_of(other.add(memory))
        result_of(other.stop())
        self.stop()
        (elsewhere / "memory.sqlite3").replace(self.directory / "memory.sqlite3")
        self.reopen()
        self.assertEqual(list(found(self.store, "apple")), ["x"])
        self.assertEqual(list(found(self.store, "walrus")), [])

    def test_an_earlier_copy_of_it_is_searched_as_it_is(self) -> None:
        self.add(new("a", "walrus"))
        self.stop()
        path = self.directory / "memory.sqlite3"
        copy = path.read_bytes()
        self.reopen()
        self.add(new("b", "zebra"))
        self.stop()
        path.write_bytes(copy)
        self.reopen()
        self.assertEqual(list(found(self.store, "zebra")), [])
        self.add(new("c", "pear"))
        self.clock.advance(1)
        self.reopen()
        self.assertEqual(list(found(self.store, "pear")), ["c"])
