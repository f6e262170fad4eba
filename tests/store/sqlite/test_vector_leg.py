"""The vectors that are searched are those that the database has."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.python.monkey import MonkeyPatcher

from mnemo.store.index.vectors import VectorIndex
from mnemo.store.sqlite import vector_leg
from mnemo.store.vectors import Vector
from tests.store.inline import InlinePools, make_store, result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import ALL, DIMENSIONS, NOW, direction, embed, found, new, problems


class VectorLegTestCase(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(*(new(f"m{number}") for number in range(5)))
        embed(self.store, {f"m{number}": direction(1, number) for number in range(5)})

    def nearest(self, vector: Vector | None = None, **options: Any) -> list[str]:
        return list(found(self.store, vector=direction(1) if vector is None else vector, **options))

    def self_test(self) -> str:
        return result_of(self.store.self_test(NOW))["vector"]


class Loading(VectorLegTestCase):
    def load_slowly(self) -> Deferred[None]:
        """Start over with a reader thread that does one thing at a time when it is told to."""
        self.patch(vector_leg, "_PIECE", 2)
        self.stop()
        self.pools = InlinePools()
        self.store = make_store(self.directory, self.clock, pools=self.pools)
        result_of(self.store.start())
        self.pools.readers.hold()
        loaded = self.store._vectors.load(self.store._vectors.model)
        self.pools.readers.step()
        return loaded

    def finish(self, loaded: Deferred[None]) -> None:
        self.pools.readers.release()
        self.successResultOf(loaded)
        self.assertEqual(problems(self.store, vector=direction(1)), ())

    def test_it_says_so_until_all_are_there(self) -> None:
        loaded = self.load_slowly()
        self.assertIn("loaded", self.store._vectors.problem)
        self.finish(loaded)
        self.assertEqual(len(self.nearest()), 5)

    def test_what_comes_and_goes_meanwhile_is_not_undone(self) -> None:
        loaded = self.load_slowly()
        gone = self.store.purge(["m3"])
        amended = self.store.amend("m4", "new", NOW)
        self.finish(loaded)
        self.successResultOf(gone)
        self.successResultOf(amended)
        self.assertEqual(set(self.nearest()), {"m0", "m1", "m2"})

    def test_another_model_meanwhile_wins(self) -> None:
        loaded = self.load_slowly()
        result_of(self.store.vectors.use_model("other", 3))
        self.pools.readers.release()
        self.successResultOf(loaded)
        self.assertEqual(found(self.store, vector=direction(1)[:3]), {})
        self.assertEqual(problems(self.store, vector=direction(1)[:3]), ())


class Starting(VectorLegTestCase):
    def test_words_are_searched_before_all_memories_are_read(self) -> None:
        self.add(new("old", "the walrus"))
        self.stop()
        self.pools = InlinePools()
        self.store = make_store(self.directory, self.clock, pools=self.pools)
        self.pools.readers.hold()
        started = self.store.start()
        # What it needs of the database is read before the reading of all, or after it.
        reading = None
        while not started.called:
            waiting = self.pools.readers.waiting
            if reading is None and self.store.dimensions:
                reading = waiting.pop(0)
            else:
                self.pools.readers.step()
        assert reading is not None
        added = self.store.add(new("young", "a walrus"))
        searched = self.store.search("walrus", direction(1), ALL, 9)
        while self.pools.readers.waiting:
            self.pools.readers.step()
        result_of(added)
        there = result_of(searched)
        self.assertEqual({each.memory.id for each in there.candidates}, {"old", "young"})
        self.assertIn("words alone", there.problems[0])
        self.pools.readers.held = False
        reading()
        self.assertEqual(problems(self.store, vector=direction(1)), ())
        self.assertEqual(len(self.nearest(limit=9)), 5)
        self.assertEqual(self.store.memories, 7)


class Failing(VectorLegTestCase):
    def break_index(self) -> MonkeyPatcher:
        def fails(*_: object) -> None:
            raise ArithmeticError("it is broken")

        patched: MonkeyPatcher = self.patch(VectorIndex, "search", fails)
        return patched

    def test_the_search_says_so_and_the_words_are_searched(self) -> None:
        self.break_index()
        answer = result_of(self.store.search("words", direction(1), ALL, 5))
        self.assertIn("it is broken", answer.problems[0])
        self.assertEqual(len(answer.candidates), 5)
        self.flushLoggedErrors(ArithmeticError)

    def test_it_is_loaded_anew(self) -> None:
        broken = self.break_index()
        self.nearest()
        self.flushLoggedErrors(ArithmeticError)
        broken.restore()
        self.clock.advance(0)
        self.assertEqual(len(self.nearest()), 5)
        self.assertEqual(problems(self.store, vector=direction(1)), ())

    def test_the_self_test_fails(self) -> None:
        self.break_index()
        self.assertIn("it is broken", self.self_test())
        self.flushLoggedErrors(ArithmeticError)

    def test_the_self_test_fails_where_the_sentinel_is_gone(self) -> None:
        self.patch(VectorIndex, "search", lambda *_: [])
        self.assertIn("sentinel", self.self_test())
        self.flushLoggedErrors(LookupError)

    def test_without_a_model_there_is_nothing_to_find(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)
        self.reopen()
        self.assertIn("no model", self.self_test())


class Graph(VectorLegTestCase):
    """Above C{exact_limit} a graph proposes; it may be deleted or damaged like all indexes."""

    def setUp(self) -> None:
        super().setUp()
        self.random = np.random.default_rng(11)
        self.vectors = {f"g{number}": self.vector() for number in range(60)}
        self.add(*(new(each) for each in self.vectors))
        self.reopen(exact_limit=20)
        embed(self.store, self.vectors)

    def vector(self) -> Vector:
        return direction(*self.random.normal(size=DIMENSIONS - 1))

    def files(self) -> list[Path]:
        return [
            path for path in (self.directory / "index" / "vectors").rglob("*") if path.is_file()
        ]

    def assert_whole(self) -> None:
        self.assertEqual(problems(self.store, vector=direction(1)), ())
        self.assertEqual(self.self_test(), "")
        for name in ("g0", "g30", "g59"):
            self.assertEqual(self.nearest(self.vectors[name], limit=1), [name])

    def test_it_is_made_and_kept(self) -> None:
        self.assertTrue(self.files())
        self.assert_whole()
        self.reopen(exact_limit=20)
        self.assert_whole()

    def test_each_of_its_files_may_be_deleted_or_damaged_between_two_runs(self) -> None:
        for number in range(len(self.files())):
            for hurt in (
                lambda path: path.unlink(),
                lambda path: path.write_bytes(b""),
                lambda path: path.write_bytes(b"\xff" * path.stat().st_size),
            ):
                self.stop()
                hurt(sorted(self.files())[number])
                self.reopen(exact_limit=20)
                self.assert_whole()

    def test_what_came_and_went_since_it_was_made_is_seen(self) -> None:
        result_of(self.store.amend("g0", "new", NOW))
        self.add(new("later"))
        embed(self.store, {"g1": self.vectors["g0"], "later": self.vectors["g30"]})
        result_of(self.store.purge(["g30"]))
        for _ in range(2):
            self.assertEqual(self.nearest(self.vectors["g0"], limit=1), ["g1"])
            self.assertEqual(self.nearest(self.vectors["g30"], limit=1), ["later"])
            self.reopen(exact_limit=20)

    def test_the_vector_of_a_purged_memory_is_in_none_of_its_files(self) -> None:
        gone = self.vectors["g7"].astype(np.float16).tobytes()
        self.assertTrue(any(gone in path.read_bytes() for path in self.files()))
        result_of(self.store.purge(["g7"]))
        self.assertFalse(any(gone in path.read_bytes() for path in self.files()))

    def test_where_it_cannot_be_built_the_search_is_exact_and_it_is_tried_again(self) -> None:
        self.stop()
        shutil.rmtree(self.directory / "index" / "vectors")

        def fails(*_: object) -> None:
            raise OSError("no room")

        broken = self.patch(VectorIndex, "build", fails)
        self.reopen(exact_limit=20)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assert_whole()
        broken.restore()
        self.clock.advance(60)
        self.assertTrue(self.files())
        self.assert_whole()


class Sentinel(VectorLegTestCase):
    def test_it_is_found_by_the_self_test_alone(self) -> None:
        along_it = np.roll(direction(1), -1)
        self.assertEqual(self.self_test(), "")
        for wanted in (ALL, evolve(ALL, min_salience=-2.0)):
            self.assertEqual(len(self.nearest(along_it, wanted=wanted)), 5)
