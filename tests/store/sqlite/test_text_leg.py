"""The text index comes after the database, whatever happens to it."""

import contextlib
import shutil
from pathlib import Path

from attrs import evolve

from mnemo.store.index.text import IndexBroken, TextIndex
from mnemo.store.sqlite import text_leg
from tests.store.inline import InlinePools, make_store, open_store, result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import ALL, NOW, found, new, problems, word


class TextLegTestCase(StoreTestCase):
    @property
    def index(self) -> Path:
        return self.directory / "index" / "text"

    def damage(self) -> None:
        """Overwrite every file of the index."""
        for path in self.index.rglob("*"):
            if path.is_file():
                path.write_bytes(b"\xff" * max(path.stat().st_size, 64))

    def self_test(self, leg: str) -> str:
        return result_of(self.store.self_test(NOW))[leg]


class KeepingInStep(TextLegTestCase):
    def test_many_changes_are_one_commit_a_moment_later(self) -> None:
        self.pools.text.hold()
        for number in range(50):
            self.add(new(f"m{number}", word(number)))
        self.assertEqual(self.pools.text.waiting, [])
        self.clock.advance(1)
        self.assertEqual(len(self.pools.text.waiting), 1)
        self.pools.text.release()
        self.assertEqual(list(found(self.store, word(7))), ["m7"])

    def test_very_many_changes_do_not_wait(self) -> None:
        self.patch(text_leg, "_COMMIT_ROWS", 10)
        self.pools.text.hold()
        self.add(*(new(f"m{number}") for number in range(10)))
        self.assertEqual(len(self.pools.text.waiting), 1)
        self.pools.text.release()

    def test_many_at_once_are_found_and_nothing_is_said_to_be_missing(self) -> None:
        self.patch(text_leg, "_COMMIT_ROWS", 10)
        self.pools.text.hold()
        self.add(*(new(f"m{number:02}", "walrus") for number in range(35)))
        said = []
        while self.pools.text.waiting:
            self.assertEqual(len(found(self.store, "walrus", limit=99)), 35)
            said.append(problems(self.store))
            self.pools.text.step()
        self.pools.text.release()
        self.assertGreater(len(said), 3)
        self.assertEqual(set(said), {()})

    def test_what_comes_during_a_commit_is_in_the_next_one_and_found_meanwhile(self) -> None:
        self.add(new("a", "walrus"))
        self.pools.text.hold()
        self.clock.advance(1)
        self.add(new("b", "walrus"))
        result_of(self.store.amend("a", "zebra", NOW))
        for _ in range(3):
            self.assertEqual(list(found(self.store, "walrus")), ["b"])
            self.assertEqual(list(found(self.store, "zebra")), ["a"])
            self.pools.text.release()
            self.clock.advance(1)

    def test_when_all_is_told_nothing_more_is_to_do(self) -> None:
        self.add(new("a"))
        self.clock.pump([1] * 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class CatchingUp(TextLegTestCase):
    """After a start, from what the index has."""

    def crash(self) -> None:
        """Open what a process that ended at once has left."""
        copy = self.directory.with_name(self.directory.name + "-left")
        # Files that are merged just now may vanish.
        with contextlib.suppress(shutil.Error):
            shutil.copytree(self.directory, copy)
        self.stop()
        self.directory = copy
        self.pools = InlinePools()
        self.store = open_store(self.directory, self.clock, pools=self.pools)

    def test_what_it_was_not_told_before_a_crash_is_found_at_once(self) -> None:
        self.add(new("a", "walrus"), new("b", "zebra"), new("c", "pear"))
        self.clock.advance(1)
        self.add(new("d", "walrus"))
        result_of(self.store.amend("a", "apple", NOW))
        result_of(self.store.purge(["b"]))
        result_of(self.store.archive(["c"], True, NOW))
        self.crash()
        self.assertEqual(list(found(self.store, "walrus")), ["d"])
        self.assertEqual(list(found(self.store, "apple")), ["a"])
        self.assertEqual(list(found(self.store, "zebra pear")), [])
        self.assertEqual(problems(self.store), ())

    def test_where_much_is_missing_it_says_so_and_answers_with_what_is_there(self) -> None:
        self.patch(text_leg, "_COMMIT_ROWS", 10)
        self.add(*(new(f"m{number:02}", "walrus") for number in range(35)))
        self.stop()
        shutil.rmtree(self.index)
        self.pools = InlinePools()
        self.pools.text.hold()
        self.store = make_store(self.directory, self.clock, pools=self.pools)
        self.store.start()
        self.pools.text.step()  # it is opened
        self.pools.text.step()  # its first piece is there
        self.assertEqual(len(found(self.store, "walrus", limit=99)), 10)
        (problem,) = problems(self.store)
        self.assertIn("25", problem)
        self.assertIn("rebuilt", self.self_test("text"))
        self.add(new("new", "walrus"))
        self.assertEqual(len(found(self.store, "walrus", limit=99)), 11)
        self.pools.text.release()
        self.assertEqual(len(found(self.store, "walrus", limit=99)), 36)
        self.assertEqual(problems(self.store), ())
        self.assertEqual(self.self_test("text"), "")


class Losing(TextLegTestCase):
    """The index may be deleted or damaged at any time."""

    def setUp(self) -> None:
        super().setUp()
        self.add(new("a", "walrus"), new("b", "zebra"))
        self.clock.advance(1)

    def assert_whole(self) -> None:
        self.assertEqual(problems(self.store, "walrus"), ())
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.assertEqual(list(found(self.store, "zebra")), ["b"])
        self.assertEqual(self.self_test("text"), "")

    def test_deleted_between_two_runs(self) -> None:
        self.stop()
        shutil.rmtree(self.directory / "index")
        self.reopen()
        self.assert_whole()

    def test_damaged_between_two_runs(self) -> None:
        self.stop()
        self.damage()
        self.reopen()
        self.assert_whole()

    def test_each_file_deleted_or_damaged_between_two_runs(self) -> None:
        self.stop()
        for file in [path for path in self.index.rglob("*") if path.is_file()]:
            for hurt in (lambda file: file.unlink(), lambda file: file.write_bytes(b"")):
                if file.exists():
                    hurt(file)
                    self.reopen()
                    self.clock.pump([1, 40, 40])
                    self.flushLoggedErrors()
                    self.assert_whole()
                    self.stop()

    def test_deleted_while_it_runs(self) -> None:
        shutil.rmtree(self.index)
        self.add(new("c", "pear"))
        self.clock.pump([1, 1])
        self.flushLoggedErrors()
        self.assert_whole()
        self.assertEqual(list(found(self.store, "pear")), ["c"])
        self.reopen()
        self.assert_whole()


class Failing(TextLegTestCase):
    """An index whose every call fails, put in the place of the real one."""

    def setUp(self) -> None:
        super().setUp()
        self.add(new("a", "walrus"))
        self.clock.advance(1)

    def break_index(self) -> None:
        def fails(*_: object) -> None:
            raise IndexBroken("it is broken")

        for method in ("search", "commit", "weights"):
            self.patch(self.store._texts._index, method, fails)

    def test_the_search_says_so_and_finds_what_is_fresh(self) -> None:
        self.break_index()
        self.add(new("b", "walrus"))
        answer = result_of(self.store.search("walrus", None, ALL, 5))
        self.assertIn("it is broken", answer.problems[0])
        self.assertEqual([each.memory.id for each in answer.candidates], ["b"])
        self.flushLoggedErrors(IndexBroken)

    def test_it_is_made_anew(self) -> None:
        self.break_index()
        found(self.store, "walrus")
        self.clock.advance(1)
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.assertEqual(problems(self.store, "walrus"), ())
        self.assertEqual(len(self.flushLoggedErrors(IndexBroken)), 1)

    def test_a_commit_that_fails_has_it_made_anew_too(self) -> None:
        self.break_index()
        self.add(new("b", "walrus"))
        self.clock.pump([1, 1])
        self.assertEqual(sorted(found(self.store, "walrus")), ["a", "b"])
        self.assertEqual(len(self.flushLoggedErrors(IndexBroken)), 1)

    def test_the_self_test_fails(self) -> None:
        self.break_index()
        self.assertIn("it is broken", self.self_test("text"))
        self.flushLoggedErrors(IndexBroken)

    def test_the_self_test_fails_where_the_sentinel_is_gone(self) -> None:
        self.patch(self.store._texts._index, "search", lambda *_: [])
        self.assertIn("sentinel", self.self_test("text"))
        self.flushLoggedErrors(IndexBroken)

    def test_where_it_cannot_be_made_it_is_tried_again_later(self) -> None:
        def fails(*_: object) -> None:
            raise IndexBroken("the disk is full")

        patched = self.patch(TextIndex, "commit", fails)
        self.add(new("b", "zebra"))
        self.clock.pump([1, 1, 1])
        self.assertIn("the disk is full", problems(self.store)[0])
        self.assertEqual(list(found(self.store, "zebra")), ["b"])
        attempts = len(self.flushLoggedErrors(IndexBroken))
        self.clock.pump([1] * 20)
        self.assertEqual(self.flushLoggedErrors(IndexBroken), [])
        self.assertEqual(attempts, 2)
        patched.restore()
        self.clock.advance(30)
        self.assertEqual(problems(self.store), ())
        self.assertEqual(list(found(self.store, "walrus")), ["a"])


class Sentinel(TextLegTestCase):
    def test_nothing_finds_it(self) -> None:
        self.clock.advance(1)
        for text in ("sentinel", "\x00sentinel", ""):
            for wanted in (ALL, evolve(ALL, min_salience=-2.0)):
                self.assertEqual(found(self.store, text, wanted=wanted), {})
        self.assertEqual(result_of(self.store.newest(evolve(ALL, min_salience=-2.0), 9)), [])
        self.assertEqual(result_of(self.store.statistics(NOW)).active, 0)
