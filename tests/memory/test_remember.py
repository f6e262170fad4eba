from mnemo.memory.remember import LONGEST_TEXT, Unfit
from mnemo.memory.salience import INITIAL, fades
from mnemo.store.interfaces import UnknownMemory
from mnemo.store.records import NEVER, Link, Memory
from tests.memory.room import NOW, MemoryTestCase

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
