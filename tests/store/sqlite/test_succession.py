"""Vectors by the model that follows, beside those by the model in use."""

import sqlite3

import numpy as np
from twisted.internet.defer import Deferred

from mnemo.store.interfaces import StoreError
from mnemo.store.records import Memory
from mnemo.store.sqlite import succession
from mnemo.store.sqlite.schema import open_reader
from mnemo.store.vectors import Unembedded, Vector
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import ALL, DIMENSIONS, direction, embed, found, new, problems


class SuccessionTestCase(StoreTestCase):
    """Two memories, C{a} along the first axis and C{b} along the second, by the model C{m}."""

    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("a"), new("b"))
        embed(self.store, {"a": direction(1), "b": direction(0, 1)})

    def unembedded(self, model: str = "other", behind: int = 0, limit: int = 9) -> list[int]:
        missing = result_of(self.store.vectors.unembedded_by(model, behind, limit))
        return [each.key for each in missing]

    def make(self, id: str, vector: Vector, model: str = "other", version: int = 0) -> int:
        memory = self.one(id)
        made = Unembedded(memory.key, version or memory.version, memory.text)
        return result_of(self.store.vectors.put_by(model, len(vector), [(made, vector)]))

    def made(self, model: str = "other") -> int:
        return result_of(self.store.vectors.embedded_by(model))

    def nearest(self, *numbers: float) -> str:
        return next(iter(found(self.store, vector=direction(*numbers))))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        db: sqlite3.Connection = open_reader(self.directory / "memory.sqlite3")
        self.addCleanup(db.close)
        return db.execute(query).fetchall()


class Beside(SuccessionTestCase):
    def test_all_memories_wait_for_the_other_model_oldest_first(self) -> None:
        keys = [self.one(each).key for each in "ab"]
        self.assertEqual(self.unembedded(), keys)
        self.assertEqual(self.unembedded(limit=1), keys[:1])
        self.assertEqual(self.unembedded(behind=keys[0]), keys[1:])

    def test_what_is_made_changes_nothing_in_what_is_searched(self) -> None:
        self.assertEqual(self.make("a", direction(0, 1)), 1)
        self.assertEqual((self.made(), self.made("m")), (1, 0))
        self.assertEqual(self.unembedded(), [self.one("b").key])
        self.assertEqual((self.store.model, self.nearest(1)), ("m", "a"))

    def test_it_is_there_after_a_restart(self) -> None:
        self.make("a", direction(0, 1))
        self.reopen()
        self.assertEqual((self.store.model, self.made()), ("m", 1))
        self.assertEqual(self.unembedded(), [self.one("b").key])

    def test_what_has_changed_or_gone_meanwhile_is_dropped(self) -> None:
        a, b = self.one("a"), self.one("b")
        result_of(self.store.amend("a", "other words", 200.0))
        result_of(self.store.purge(["b"]))
        made = [(Unembedded(each.key, 1, each.text), direction(1)) for each in (a, b)]
        self.assertEqual(result_of(self.store.vectors.put_by("other", DIMENSIONS, made)), 0)
        self.assertEqual(self.unembedded(), [a.key])

    def test_of_what_is_amended_or_removed_nothing_stays(self) -> None:
        for each in "ab":
            self.make(each, direction(1))
        result_of(self.store.amend("a", "other words", 200.0))
        result_of(self.store.purge(["b"]))
        self.assertEqual(self.made(), 0)
        self.assertEqual(self.rows("SELECT * FROM next_vectors"), [])

    def test_a_third_model_begins_anew(self) -> None:
        self.make("a", direction(1))
        self.make("a", direction(1, 1), "third")
        self.assertEqual((self.made(), self.made("third")), (0, 1))

    def test_what_is_no_vector_of_the_model_is_refused(self) -> None:
        with self.assertRaises(StoreError):
            self.make("a", direction(1) * float("nan"))
        made = Unembedded(self.one("a").key, 1, "")
        wrong = self.store.vectors.put_by("other", 3, [(made, direction(1))])
        self.failureResultOf(wrong, StoreError)
        self.assertEqual(self.made(), 0)


class ChangingOver(SuccessionTestCase):
    """The model C{other} has it the other way round, in vectors of the same length."""

    def setUp(self) -> None:
        super().setUp()
        self.make("a", direction(0, 1))
        self.make("b", direction(1))

    def change_over(self, dimensions: int = DIMENSIONS) -> None:
        result_of(self.store.vectors.change_over("other", dimensions))

    def test_the_other_vectors_are_searched(self) -> None:
        self.change_over()
        self.assertEqual((self.store.model, self.nearest(1)), ("other", "b"))
        self.assertEqual(problems(self.store, vector=direction(1)), ())
        self.assertEqual(result_of(self.store.vectors.unembedded(9)), [])

    def test_so_they_are_after_a_restart(self) -> None:
        self.change_over()
        self.reopen()
        self.assertEqual((self.store.model, self.nearest(1)), ("other", "b"))

    def test_vectors_of_another_length_are_searched_as_well(self) -> None:
        for number, each in enumerate("ab"):
            self.make(each, np.eye(3, dtype=np.float32)[number], "small")
        result_of(self.store.vectors.change_over("small", 3))
        self.assertEqual(self.store.dimensions, 3)
        vector = np.array((0, 1, 0), np.float32)
        self.assertEqual(next(iter(found(self.store, vector=vector))), "b")

    def test_no_other_row_is_written_anew(self) -> None:
        before = self.rows("SELECT key, change, embedded FROM memories")
        self.change_over()
        self.assertEqual(self.rows("SELECT key, change, embedded FROM memories"), before)

    def test_what_was_written_meanwhile_waits_in_the_queue(self) -> None:
        (late,) = self.add(new("late"))
        result_of(self.store.amend("a", "other words", 200.0))
        embed(self.store, {"late": direction(1), "a": direction(1)})
        self.change_over()
        waiting = [each.key for each in result_of(self.store.vectors.unembedded(9))]
        self.assertEqual(waiting, [self.one("a").key, late.key])
        self.assertEqual(list(found(self.store, vector=direction(1))), ["b"])

    def test_vectors_that_are_put_from_then_on_are_those_of_the_model(self) -> None:
        self.add(new("late"))
        self.change_over()
        embed(self.store, {"late": direction(0, 0, 1)})
        self.assertEqual(self.nearest(0, 0, 1), "late")
        self.reopen()
        self.assertEqual(self.nearest(0, 0, 1), "late")

    def test_the_self_test_is_content(self) -> None:
        self.change_over()
        self.assertEqual(result_of(self.store.self_test(1.0)), {"text": "", "vector": ""})

    def test_a_search_that_has_begun_ends_among_the_vectors_it_began_with(self) -> None:
        self.pools.readers.hold()
        searching = self.store.search("", direction(1), ALL, 1)
        search = self.pools.readers.waiting.pop()
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        while self.store.model == "m":
            self.pools.readers.step()
        search()
        result_of(changing)
        self.assertEqual(result_of(searching).candidates[0].memory.id, "a")
        self.pools.readers.release()
        self.assertEqual(self.nearest(1), "b")

    def test_so_does_one_whose_vector_came_while_its_words_were_searched(self) -> None:
        self.pools.readers.hold()
        vector: Deferred[Vector | None] = Deferred()
        searching = self.store.search("words", vector, ALL, 1)
        reading = self.pools.readers.waiting.pop()
        vector.callback(direction(1))
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        while self.store.model == "m":
            self.pools.readers.step()
        reading()
        self.pools.readers.release()
        result_of(changing)
        cosines = {each.memory.id: each.cosine for each in result_of(searching).candidates}
        self.assertAlmostEqual(cosines["a"] or 0.0, 1.0, places=2)

    def test_while_the_vectors_are_read_those_in_use_are_searched(self) -> None:
        self.pools.writer.hold()
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        self.assertEqual((self.store.model, self.nearest(1)), ("m", "a"))
        self.pools.writer.release()
        result_of(changing)
        self.assertEqual((self.store.model, self.nearest(1)), ("other", "b"))

    def test_what_is_removed_meanwhile_is_found_by_neither(self) -> None:
        self.pools.writer.hold()
        removed = self.store.purge(["b"])
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        self.pools.writer.release()
        result_of(removed), result_of(changing)
        self.assertEqual(list(found(self.store, vector=direction(1))), ["a"])

    def test_what_is_amended_meanwhile_is_not_found_by_what_it_meant(self) -> None:
        self.pools.writer.hold()
        amended = self.store.amend("b", "other words", 200.0)
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        self.pools.writer.release()
        result_of(amended), result_of(changing)
        self.assertEqual(list(found(self.store, vector=direction(1))), ["a"])
        waiting = [each.key for each in result_of(self.store.vectors.unembedded(9))]
        self.assertEqual(waiting, [self.one("b").key])

    def test_it_is_done_once_at_a_time(self) -> None:
        self.pools.writer.hold()
        first = self.store.vectors.change_over("other", DIMENSIONS)
        self.failureResultOf(self.store.vectors.change_over("other", DIMENSIONS), StoreError)
        self.pools.writer.release()
        result_of(first)
        self.assertEqual(self.nearest(1), "b")

    def test_who_waits_no_longer_does_not_stop_it(self) -> None:
        self.pools.writer.hold()
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        changing.addErrback(lambda _: None)
        changing.cancel()
        self.pools.writer.release()
        self.assertEqual((self.store.model, self.nearest(1)), ("other", "b"))

    def test_a_store_that_stops_meanwhile_has_changed_all_of_it(self) -> None:
        self.pools.readers.hold()
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        stopped = self.store.stop()
        self.pools.readers.release()
        result_of(changing), result_of(stopped)
        self.reopen()
        self.assertEqual((self.store.model, self.nearest(1)), ("other", "b"))

    def test_where_the_vectors_cannot_be_read_those_in_use_stay(self) -> None:
        def damaged(*_: object) -> None:
            raise StoreError("the disk is damaged")

        self.patch(succession, "after", damaged)
        failure = self.failureResultOf(
            self.store.vectors.change_over("other", DIMENSIONS), StoreError
        )
        self.assertIn("the disk is damaged", str(failure.value))
        self.assertEqual((self.store.model, self.nearest(1)), ("m", "a"))
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 1)


class GoingBack(SuccessionTestCase):
    def test_what_the_earlier_model_made_is_there_still(self) -> None:
        self.make("a", direction(0, 1))
        self.make("b", direction(1))
        result_of(self.store.vectors.change_over("other", DIMENSIONS))
        self.assertEqual((self.unembedded("m"), self.made("m")), ([], 2))
        result_of(self.store.vectors.change_over("m", DIMENSIONS))
        self.assertEqual((self.store.model, self.nearest(1)), ("m", "a"))

    def test_without_the_earlier_model_what_was_made_is_used_at_once(self) -> None:
        self.make("b", direction(1))
        result_of(self.store.vectors.use_model("other", DIMENSIONS))
        waiting = [each.key for each in result_of(self.store.vectors.unembedded(9))]
        self.assertEqual(waiting, [self.one("a").key])
        self.assertEqual(list(found(self.store, vector=direction(1))), ["b"])

    def test_where_more_was_made_by_it_before_that_is_used(self) -> None:
        result_of(self.store.vectors.use_model("other", DIMENSIONS))
        embed(self.store, {"a": direction(0, 1)})
        self.assertEqual(self.one("a").embedded, True)
        self.make("a", direction(1), "m")
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.assertEqual(self.ids(self.embedded()), ["b"])

    def embedded(self) -> list[Memory]:
        return [each for each in map(self.one, "ab") if each.embedded]


class LargeMemories(StoreTestCase):
    """With a graph of vectors."""

    def test_the_graph_is_made_of_the_new_vectors_after_the_change(self) -> None:
        self.reopen(exact_limit=4)
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        ids = [f"m{number}" for number in range(8)]
        self.add(*(new(each) for each in ids))
        embed(self.store, {each: direction(*np.eye(7)[n % 7]) for n, each in enumerate(ids)})
        graph = self.directory / "index" / "vectors" / "graph.usearch"
        before = graph.read_bytes()
        for number, each in enumerate(ids):
            memory = self.one(each)
            made = (Unembedded(memory.key, 1, memory.text), direction(*np.eye(7)[-1 - number % 7]))
            result_of(self.store.vectors.put_by("other", DIMENSIONS, [made]))
        self.pools.writer.hold()
        changing = self.store.vectors.change_over("other", DIMENSIONS)
        self.assertEqual(graph.read_bytes(), before)
        self.pools.writer.release()
        result_of(changing)
        self.assertNotEqual(graph.read_bytes(), before)
        nearest = found(self.store, vector=direction(1), limit=1)
        self.assertEqual(list(nearest), ["m6"])
