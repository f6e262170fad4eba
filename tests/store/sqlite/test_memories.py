"""Memories, their versions and their links."""

from typing import Any

from mnemo.store.interfaces import StoreError, UnknownMemory
from mnemo.store.records import Link, ProjectRow, Version
from mnemo.store.search import Filter
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    ALL,
    DIMENSIONS,
    NOW,
    direction,
    embed,
    found,
    new,
)


class Keeping(StoreTestCase):
    def test_what_is_added_is_kept_word_for_word(self) -> None:
        text = "  line\r\n\ttab \x00 nul é 漢字 🧠 '; DROP TABLE memories; --\n"
        memory = new("a", text, concepts=("x", 'y"z'), fades=5.0, salience=0.25)
        (kept,) = self.add(memory)
        self.assertEqual(kept, self.one("a"))
        for field in ("id", "text", "type", "source", "project", "session", "salience", "fades"):
            self.assertEqual(getattr(kept, field), getattr(memory, field))
        self.assertEqual(kept.concepts, memory.concepts)
        self.assertEqual((kept.version, kept.created, kept.updated), (1, 100.0, 100.0))
        self.assertEqual((kept.archived, kept.embedded), (False, False))

    def test_it_is_there_after_a_restart(self) -> None:
        (kept,) = self.add(new("a"))
        self.reopen()
        self.assertEqual(self.one("a"), kept)

    def test_memories_come_in_the_order_asked_for_without_the_unknown(self) -> None:
        self.add(new("a"), new("b"), new("c"))
        got = result_of(self.store.get(["c", "nobody", "a"]))
        self.assertEqual(self.ids(got), ["c", "a"])

    def test_more_ids_can_be_asked_for_than_a_statement_takes(self) -> None:
        self.add(new("a"))
        got = result_of(self.store.get([*(f"no{n}" for n in range(5_000)), "a"]))
        self.assertEqual(self.ids(got), ["a"])

    def test_an_id_that_is_taken_is_refused(self) -> None:
        (kept,) = self.add(new("a", "first"))
        self.failureResultOf(self.store.add(new("a", "second")), StoreError)
        self.assertEqual(self.one("a"), kept)

    def test_a_key_is_never_used_again(self) -> None:
        (first,) = self.add(new("a"))
        result_of(self.store.purge(["a"]))
        self.reopen()
        (second,) = self.add(new("b"))
        self.assertGreater(second.key, first.key)


class OfProjects(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.add(
            new("a", project="p", created=10.0),
            new("b", project="q", created=30.0),
            new("c", project="p", created=20.0),
            new("d", project="", created=40.0),
            new("e", project="r", created=50.0),
        )
        result_of(self.store.archive(["e", "c"], True, NOW))

    def test_those_that_have_memories_come_with_the_newest_first(self) -> None:
        self.assertEqual(
            result_of(self.store.projects()), [ProjectRow("q", 1, 30.0), ProjectRow("p", 1, 10.0)]
        )

    def test_the_ids_of_one_come_oldest_first_forgotten_ones_too(self) -> None:
        self.assertEqual(result_of(self.store.memory_ids("p")), ["a", "c"])
        self.assertEqual(result_of(self.store.memory_ids("")), ["d"])
        self.assertEqual(result_of(self.store.memory_ids("nowhere")), [])


class Amending(StoreTestCase):
    def test_the_new_text_takes_the_place_and_the_old_becomes_a_version(self) -> None:
        self.add(new("a", "one"))
        result_of(self.store.amend("a", "two", 200.0))
        amended = result_of(self.store.amend("a", "three", 300.0))
        self.assertEqual(amended, self.one("a"))
        self.assertEqual((amended.text, amended.version, amended.updated), ("three", 3, 300.0))
        self.assertEqual(amended.created, 100.0)
        self.assertEqual(
            result_of(self.store.versions("a")),
            [Version(1, "one", 100.0, 200.0), Version(2, "two", 200.0, 300.0)],
        )

    def test_what_is_unknown_cannot_be_amended(self) -> None:
        failure = self.failureResultOf(self.store.amend("nobody", "x", 1.0), UnknownMemory)
        self.assertIn("nobody", failure.getErrorMessage())
        self.assertEqual(result_of(self.store.versions("nobody")), [])

    def test_it_is_found_by_its_new_words_alone(self) -> None:
        self.add(new("a", "walrus"))
        self.clock.advance(1)
        result_of(self.store.amend("a", "zebra", 200.0))
        for _ in range(2):
            self.assertEqual(list(found(self.store, "zebra")), ["a"])
            self.assertEqual(list(found(self.store, "walrus")), [])
            self.clock.advance(1)

    def test_the_vector_of_the_old_text_goes(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("a"))
        embed(self.store, {"a": direction(1)})
        self.assertTrue(self.one("a").embedded)
        result_of(self.store.amend("a", "other", 200.0))
        self.assertFalse(self.one("a").embedded)
        self.assertEqual(found(self.store, vector=direction(1)), {})


class Forgetting(StoreTestCase):
    def test_archived_memories_are_found_only_where_they_are_asked_for(self) -> None:
        self.add(new("a", "walrus"), new("b", "walrus"))
        archived = result_of(self.store.archive(["a", "nobody", "a"], True, 200.0))
        self.assertEqual(archived, ["a"])
        self.assertTrue(self.one("a").archived)
        forgotten = Filter(now=NOW, state="archived")
        for _ in range(2):
            self.assertEqual(list(found(self.store, "walrus")), ["b"])
            self.assertEqual(list(found(self.store, "walrus", wanted=forgotten)), ["a"])
            self.assertEqual(self.ids(result_of(self.store.newest(ALL, 9))), ["b"])
            self.clock.advance(1)

    def test_restored_ones_are_found_again(self) -> None:
        (kept,) = self.add(new("a", "walrus"))
        result_of(self.store.archive(["a"], True, 200.0))
        self.clock.advance(1)
        result_of(self.store.archive(["a"], False, 300.0))
        self.assertEqual(self.one("a"), kept)
        self.assertEqual(list(found(self.store, "walrus")), ["a"])


class Purging(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("a", "xylophone quartet"), new("b", "walrus", links=(("a", "similar"),)))
        embed(self.store, {"a": direction(1), "b": direction(1, 1)})
        result_of(self.store.record_feedback("q", ["a"], "helpful", 1.0))
        result_of(self.store.amend("a", "xylophone quintet", 150.0))
        embed(self.store, {"a": direction(1)})
        self.clock.advance(1)

    def test_it_answers_those_that_were_there(self) -> None:
        self.assertEqual(result_of(self.store.purge(["nobody", "a", "a"])), ["a"])
        self.assertEqual(result_of(self.store.purge(["a"])), [])

    def test_nothing_finds_it_any_more(self) -> None:
        result_of(self.store.purge(["a"]))
        for _ in range(3):
            self.assertEqual(result_of(self.store.get(["a"])), [])
            self.assertEqual(result_of(self.store.versions("a")), [])
            self.assertEqual(result_of(self.store.links(["b"])), {"b": []})
            self.assertEqual(self.ids(result_of(self.store.newest(ALL, 9))), ["b"])
            self.assertEqual(list(found(self.store, "xylophone", direction(1))), ["b"])
            self.assertEqual(result_of(self.store.statistics(NOW)).feedback, {})
            self.clock.advance(1)
            self.reopen()

    def test_its_text_and_vector_are_in_no_file(self) -> None:
        vector = direction(1).astype("float16").tobytes()
        self.assertTrue(self.files_with(b"xylophone"))
        self.assertTrue(self.files_with(vector))
        result_of(self.store.purge(["a"]))
        self.clock.advance(1)
        self.assertEqual(self.files_with(b"quartet"), [])
        self.assertEqual(self.files_with(b"quintet"), [])
        self.assertEqual(self.files_with(vector), [])
        self.stop()
        self.assertEqual(self.files_with(b"quintet"), [])

    def files_with(self, content: bytes) -> list[str]:
        return [
            path.relative_to(self.directory).as_posix()
            for path in self.directory.rglob("*")
            if path.is_file() and content in path.read_bytes()
        ]


class Linking(StoreTestCase):
    def test_a_link_is_seen_from_both_ends(self) -> None:
        self.add(new("a"), new("b", links=(("a", "caused_by"),)), new("c"))
        self.assertEqual(
            result_of(self.store.links(["a", "b", "c", "nobody"])),
            {
                "a": [Link("b", "caused_by", outgoing=False)],
                "b": [Link("a", "caused_by", outgoing=True)],
                "c": [],
            },
        )

    def test_a_link_to_nothing_is_refused_with_the_memory(self) -> None:
        self.add(new("a"))
        memory = new("b", links=(("a", "similar"), ("nobody", "similar")))
        failure = self.failureResultOf(self.store.add(memory), UnknownMemory)
        self.assertIn("nobody", failure.getErrorMessage())
        self.assertEqual(result_of(self.store.get(["b"])), [])
        self.assertEqual(result_of(self.store.links(["a"])), {"a": []})


class Listing(StoreTestCase):
    def newest(self, limit: int = 9, **wanted: Any) -> list[str]:
        return self.ids(result_of(self.store.newest(Filter(now=NOW, **wanted), limit)))

    def test_the_newest_come_first_and_no_more_than_asked_for(self) -> None:
        self.add(new("b", created=2.0), new("a", created=1.0))
        self.add(new("c", created=3.0), new("d", created=3.0))
        self.assertEqual(self.newest(), ["d", "c", "b", "a"])
        self.assertEqual(self.newest(limit=2), ["d", "c"])

    def test_each_field_of_the_filter_holds(self) -> None:
        self.add(
            new("plain"),
            new("project", project=""),
            new("type", type="error"),
            new("source", source="user"),
            new("session", session="t"),
            new("fading", fades=NOW),
            new("archived"),
            new("created", created=500.0),
            new("salience", salience=0.1),
            new("concepts", concepts=("x", "y")),
        )
        result_of(self.store.archive(["archived"], True, NOW))
        everything = set(self.newest(99))
        self.assertNotIn("archived", everything)
        for wanted, only in (
            ({"project": ""}, {"project"}),
            ({"types": ("error", "insight")}, {"type"}),
            ({"source": "user"}, {"source"}),
            ({"session": "t"}, {"session"}),
            ({"state": "fading"}, {"fading"}),
            ({"state": "archived"}, {"archived"}),
            ({"state": "active"}, everything - {"fading"}),
            ({"since": 500.0}, {"created"}),
            ({"until": 500.0}, everything - {"created"}),
            ({"min_salience": 0.5}, everything - {"salience"}),
            ({"concepts": ("y", "z")}, {"concepts"}),
            ({"exclude_concepts": ("x", "z")}, everything - {"concepts"}),
        ):
            self.assertEqual(set(self.newest(99, **wanted)), only, wanted)


class Weighing(StoreTestCase):
    def test_salience_and_fading_are_set_and_filtered_by(self) -> None:
        self.add(new("a", "walrus"), new("b", "walrus"))
        self.clock.advance(1)
        changes = {"a": (0.9, 5.0), "nobody": (0.1, 0.1)}
        self.assertIsNone(result_of(self.store.set_salience(changes)))
        self.assertEqual((self.one("a").salience, self.one("a").fades), (0.9, 5.0))
        for _ in range(2):
            salient = Filter(now=NOW, min_salience=0.8)
            self.assertEqual(list(found(self.store, "walrus", wanted=salient)), ["a"])
            fading = Filter(now=NOW, state="fading")
            self.assertEqual(list(found(self.store, "walrus", wanted=fading)), ["a"])
            self.clock.advance(1)
