from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed

from mnemo.memory.memories import Memories
from mnemo.memory.remember import LONGEST_TEXT, SHORT, Unfit
from mnemo.memory.salience import INITIAL, fades
from mnemo.store.index.analyser import terms
from mnemo.store.interfaces import UnknownMemory
from mnemo.store.records import NEVER, Link, Memory
from mnemo.store.search import Filter
from mnemo.store.sqlite.digest import digest
from tests.memory.room import NOW, MemoryTestCase
from tests.store.inline import InlinePools, open_store

DAY = 86400.0


class Remembering(MemoryTestCase):
    def test_a_text_is_kept_word_for_word(self) -> None:
        text = "  Line one\n\tline two — ✓ \n"
        self.assertEqual(self.known(self.remember(text).id).text, text)

    def test_the_salience_is_that_of_the_type(self) -> None:
        for kind, salience in INITIAL.items():
            kept = self.remember(f"a {kind}", type=kind)
            self.assertEqual(self.known(kept.id).salience, salience)

    def test_a_decision_never_fades_and_an_error_does(self) -> None:
        self.assertEqual(self.remember("we use tantivy", type="decision").fades, NEVER)
        self.assertEqual(self.remember("it broke", type="error").fades, fades("error", 0.8, NOW))

    def test_concepts_are_trimmed_and_kept_once(self) -> None:
        kept = self.remember("x", concepts=["search", " search ", "", "full  text"])
        self.assertEqual(kept.concepts, ("search", "full text"))

    def test_links_are_made(self) -> None:
        first = self.remember("cause")
        second = self.remember("effect", links=[(first.id, "caused_by"), (first.id, "caused_by")])
        links = self.done(self.store.links([second.id]))
        self.assertEqual(links[second.id], [Link(first.id, "caused_by", True)])

    def test_a_link_to_nothing_is_refused_by_name_and_nothing_is_kept(self) -> None:
        said = self.refused(
            UnknownMemory,
            self.memories.remembering.remember(
                "x",
                type="general",
                source="mcp",
                project="",
                session="",
                links=[("m404", "similar")],
            ),
        )
        self.assertIn("m404", said)
        self.assertEqual(self.done(self.store.statistics(NOW)).active, 0)

    def test_it_is_recalled_at_once_even_before_its_vector_exists(self) -> None:
        self.embedder.hold()
        kept = self.remember("the heron stands still")
        self.embedder.take_model_away()
        self.assertFalse(self.known(kept.id).embedded)
        self.assertEqual(self.recalled("heron"), [kept.id])

    def refuse(self, text: str) -> str:
        return self.refused(
            Unfit,
            self.memories.remembering.remember(
                text, type="general", source="mcp", project="", session=""
            ),
        )

    def test_a_blank_text_is_refused(self) -> None:
        for blank in ("", "   ", "\n\t"):
            self.assertIn("blank", self.refuse(blank))

    def test_a_text_over_a_mebibyte_is_refused_with_its_size(self) -> None:
        self.remember("é" * (LONGEST_TEXT // 2))
        said = self.refuse("é" * (LONGEST_TEXT // 2) + "x")
        self.assertIn("1,048,577 bytes", said)
        self.assertIn("at most 1,048,576", said)

    def test_half_a_character_is_refused(self) -> None:
        self.assertIn("surrogate", self.refuse("\ud800"))


class Hiding(MemoryTestCase):
    SECRET = "ghp_" + "a1" * 18
    MARK = "[secret: github token]"

    def test_a_secret_is_not_stored_and_that_is_told(self) -> None:
        kept = self.done(
            self.memories.remembering.remember(
                f"the token is {self.SECRET} for now",
                type="general",
                source=self.SECRET,
                project="p",
                session="s1",
                concepts=[self.SECRET, "<private>heron</private>"],
            )
        )
        self.assertEqual((kept.hidden.kinds, kept.hidden.private), ({"github token": 3}, 1))
        self.assertEqual(kept.memory.text, f"the token is {self.MARK} for now")
        self.assertEqual(kept.memory.source, self.MARK)
        self.assertEqual(kept.memory.concepts, (self.MARK, "[private]"))
        self.assertEqual(self.recalled("token"), [kept.memory.id])

    def test_nor_by_an_amendment(self) -> None:
        kept = self.remember("one")
        amended = self.done(self.memories.remembering.amend(kept.id, f"two {self.SECRET}"))
        self.assertEqual(amended.memory.text, f"two {self.MARK}")
        self.assertEqual(amended.hidden.kinds, {"github token": 1})
        again = self.done(self.memories.remembering.amend(kept.id, f"two {self.SECRET}"))
        self.assertFalse(again.changed)

    def test_nor_with_what_was_asked(self) -> None:
        query_id = self.recall(f"who uses {self.SECRET}").query_id
        row = self.done(self.store.query(query_id))
        self.assertEqual(row.text, f"who uses {self.MARK}")

    def test_it_is_in_no_file(self) -> None:
        self.remember(f"a {self.SECRET} <private>zweibrücken</private>")
        self.recall(self.SECRET)
        self.done(self.store.stop())
        there = [path for path in Path(self.directory).rglob("*") if path.is_file()]
        files = {path: path.read_bytes() for path in there}
        self.assertIn(self.MARK.encode(), b"".join(files.values()))
        for path, held in files.items():
            self.assertNotIn(self.SECRET.encode(), held, path)
            self.assertNotIn("zweibrücken".encode(), held, path)

    def test_only_private_text_is_refused(self) -> None:
        said = self.refused(
            Unfit,
            self.memories.remembering.remember(
                "<private>a</private> ", type="general", source="mcp", project="", session=""
            ),
        )
        self.assertIn("private", said)

    def test_a_long_text_is_looked_through_aside(self) -> None:
        aside: list[str] = []

        def beside(work: Callable[[], Any]) -> Deferred[Any]:
            aside.append("work")
            return succeed(work())

        memories = Memories(self.store, self.embedder, self.clock, aside=beside)
        for text, times in (("x " * 100, 0), ("x " * SHORT, 1)):
            self.done(
                memories.remembering.remember(
                    text, type="general", source="mcp", project="p", session="s1"
                )
            )
            self.assertEqual(len(aside), times)


class Again(MemoryTestCase):
    def test_the_same_text_is_kept_once(self) -> None:
        first = self.remember("the heron")
        self.assertEqual(self.remember("the heron  \r\n").id, first.id)
        self.assertEqual(self.done(self.store.statistics(NOW)).active, 1)
        self.assertEqual(self.embedder.embedded, ["the heron"])

    def test_two_at_once_are_one(self) -> None:
        pools = InlinePools()
        store = open_store(self.mktemp(), self.clock, pools=pools)
        self.addCleanup(lambda: self.successResultOf(store.stop()))
        remembering = Memories(store, self.embedder, self.clock).remembering
        pools.writer.hold()
        asked = [
            Deferred.fromCoroutine(
                remembering.remember(
                    "the heron", type="general", source="mcp", project="p", session=session
                )
            )
            for session in ("s1", "s2")
        ]
        pools.writer.release()
        one, other = map(self.successResultOf, asked)
        self.assertEqual(one.memory.id, other.memory.id)
        self.assertEqual([one.duplicate, other.duplicate], [False, True])

    def test_what_is_superseded_is_not_found_any_more_and_can_be_restored(self) -> None:
        old = self.remember("the port is ninety")
        new = self.remember("the port is forty", supersedes=old.id)
        self.assertEqual(self.recalled("port"), [new.id])
        self.done(self.memories.remembering.restore([old.id]))
        self.assertEqual(set(self.recalled("port")), {old.id, new.id})


class Pinning(MemoryTestCase):
    def pin(self, id: str, pinned: bool = True) -> Memory:
        memory: Memory = self.done(self.memories.remembering.pin(id, pinned))
        return memory

    def test_what_is_pinned_never_fades(self) -> None:
        kept = self.remember("use tabs")
        self.assertEqual(self.pin(kept.id), self.known(kept.id))
        self.clock.advance(3_650 * DAY)
        self.assertEqual(self.known(kept.id).state(self.clock.seconds()), "active")

    def test_it_stays_pinned_through_amendments_and_judgements(self) -> None:
        kept = self.remember("use tabs")
        self.pin(kept.id)
        self.done(self.memories.remembering.amend(kept.id, "use spaces"))
        query = self.done(self.memories.judging.query(self.recall("spaces").query_id))
        self.clock.advance(1)
        self.done(self.memories.judging.judge(query, [], "irrelevant"))
        self.assertEqual(self.known(kept.id).fades, NEVER)
        self.assertLess(self.known(kept.id).salience, 0.7)

    def test_it_fades_again_where_it_is_no_longer_pinned(self) -> None:
        kept = self.remember("use tabs")
        self.pin(kept.id)
        self.pin(kept.id, False)
        self.assertEqual(self.known(kept.id).fades, kept.fades)

    def test_an_unknown_memory_is_refused(self) -> None:
        said = self.refused(UnknownMemory, self.memories.remembering.pin("m404", True))
        self.assertIn("m404", said)


class Linking(MemoryTestCase):
    def test_two_memories_are_linked_once(self) -> None:
        one, other = self.remember("cause"), self.remember("effect of something")
        for _ in range(2):
            self.done(self.memories.remembering.link(other.id, one.id, "caused_by"))
        links = self.done(self.store.links([one.id]))[one.id]
        self.assertEqual(links, [Link(other.id, "caused_by", False)])

    def test_one_with_itself_or_with_nothing_is_refused(self) -> None:
        kept = self.remember("x").id
        self.refused(Unfit, self.memories.remembering.link(kept, kept, "similar"))
        self.refused(UnknownMemory, self.memories.remembering.link(kept, "m404", "similar"))


class Amending(MemoryTestCase):
    def amend(self, id: str, text: str) -> Memory:
        memory: Memory = self.done(self.memories.remembering.amend(id, text)).memory
        return memory

    def test_the_new_text_is_found_and_the_old_one_is_not(self) -> None:
        kept = self.remember("the port is ninety")
        self.amend(kept.id, "the socket is forty")
        self.assertEqual(self.recalled("socket forty"), [kept.id])
        self.assertEqual(self.recalled("port ninety"), [])

    def test_a_new_vector_is_made(self) -> None:
        kept = self.remember("the port is ninety")
        self.assertTrue(self.known(kept.id).embedded)
        self.embedder.hold()
        amended = self.amend(kept.id, "forty")
        self.assertFalse(self.known(kept.id).embedded)
        self.embedder.release()
        self.assertTrue(self.known(kept.id).embedded)
        self.assertEqual(self.embedder.embedded[-1], "forty")
        self.assertEqual(amended.version, 2)

    def test_the_earlier_text_is_kept_as_a_version(self) -> None:
        kept = self.remember("one")
        self.clock.advance(10)
        self.amend(kept.id, "two")
        (version,) = self.done(self.store.versions(kept.id))
        self.assertEqual((version.text, version.since, version.until), ("one", NOW, NOW + 10))

    def test_the_same_text_changes_nothing(self) -> None:
        kept = self.remember("one")
        self.clock.advance(10)
        self.assertEqual(self.amend(kept.id, "one"), self.known(kept.id))
        self.assertEqual(self.known(kept.id).version, 1)

    def test_what_was_fading_is_young_again(self) -> None:
        kept = self.remember("one")
        self.clock.advance(200 * DAY)
        self.assertEqual(self.known(kept.id).state(self.clock.seconds()), "fading")
        amended = self.amend(kept.id, "two")
        self.assertEqual(amended, self.known(kept.id))
        self.assertEqual(amended.state(self.clock.seconds()), "active")
        self.assertEqual(amended.created, NOW)

    def test_an_unknown_memory_is_refused(self) -> None:
        said = self.refused(UnknownMemory, self.memories.remembering.amend("m404", "x"))
        self.assertIn("m404", said)

    def test_a_blank_text_is_refused(self) -> None:
        kept = self.remember("one")
        self.refused(Unfit, self.memories.remembering.amend(kept.id, " "))
        self.assertEqual(self.known(kept.id).text, "one")


class Forgetting(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept = self.remember("the heron stands still").id

    def test_what_is_forgotten_is_not_found_any_more(self) -> None:
        outcome = self.done(self.memories.remembering.forget([self.kept]))
        self.assertEqual(outcome.done, (self.kept,))
        self.assertEqual(self.recalled("heron"), [])
        self.assertEqual(self.recalled("the heron stands still"), [])

    def test_it_is_found_when_forgotten_ones_are_asked_for(self) -> None:
        self.done(self.memories.remembering.forget([self.kept]))
        self.assertEqual(self.recalled("heron", state="archived"), [self.kept])

    def test_restoring_brings_it_back(self) -> None:
        self.done(self.memories.remembering.forget([self.kept]))
        self.done(self.memories.remembering.restore([self.kept]))
        self.assertEqual(self.recalled("heron"), [self.kept])

    def test_purging_removes_it_for_good(self) -> None:
        other = self.remember("a heron too", links=[(self.kept, "similar")]).id
        self.done(self.memories.remembering.purge([self.kept]))
        self.assertEqual(self.done(self.store.get([self.kept])), [])
        self.assertEqual(self.recalled("heron", state="archived"), [])
        self.assertEqual(self.recalled("heron"), [other])
        self.assertEqual(self.done(self.store.links([other])).get(other, []), [])

    def test_unknown_ids_are_told_from_known_ones(self) -> None:
        for act in (
            self.memories.remembering.forget,
            self.memories.remembering.restore,
            self.memories.remembering.purge,
        ):
            outcome = self.done(act(["m404", self.kept, "m404"]))
            self.assertEqual((outcome.done, outcome.unknown), ((self.kept,), ("m404",)))


class Removing(MemoryTestCase):
    def test_no_byte_of_a_text_is_left_in_any_file(self) -> None:
        """Of no version of it, and of nothing that was made by comparing it."""
        old = self.remember("the zweibrücken daemon of the house listens on port 9999")
        other = self.remember("the daemon of the house listens on port 8080")
        kept = self.remember(
            "the zweibrücken daemon of the house listens on port 8081", supersedes=old.id
        )
        self.clock.advance(10)
        self.done(
            self.memories.remembering.amend(kept.id, "the saarbrücken daemon is on port 8081")
        )
        self.done(self.memories.remembering.purge([old.id, kept.id]))
        self.clock.pump([1.0] * 120)
        links = self.done(self.store.links([other.id]))
        self.assertEqual(links, {other.id: []})
        wanted = Filter(now=self.clock.seconds(), as_of=NOW + 5)
        found = self.done(self.store.search("daemon", None, wanted, 9)).candidates
        self.assertEqual([each.memory.id for each in found], [other.id])
        self.memories.stop()
        self.done(self.store.stop())
        gone = [
            "zweibrücken".encode(),
            "saarbrücken".encode(),
            *(stem.encode() for stem in terms("zweibrücken saarbrücken")),
            *(digest(each.text) for each in (old, kept)),
        ]
        there = [path for path in Path(self.directory).rglob("*") if path.is_file()]
        files = {path: path.read_bytes() for path in there}
        self.assertIn(other.text.encode(), b"".join(files.values()))
        for path, held in files.items():
            for each in gone:
                self.assertNotIn(each, held, path)
