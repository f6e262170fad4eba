from twisted.internet.defer import Deferred, fail

from mnemo.enrichment import extractive, generated, jobs
from mnemo.enrichment.jobs import (
    EXTRACTIVE,
    FIRST_PAUSE,
    LEASE,
    LOOK,
    MODEL_PAUSE,
    PAUSE,
    Recipe,
)
from mnemo.inference.generation import GenerationFailed, GeneratorUnavailable
from mnemo.inference.interfaces import EngineStatistics, Priority
from mnemo.store.interfaces import StoreError
from mnemo.store.jobs import JobCounts
from mnemo.store.sqlite.jobs import TRIES
from tests.enrichment.room import EnrichmentTestCase, faithful
from tests.inference.fake_generator import FakeGenerator

TEXT = (
    "We decided to move the Billing Service to Postgres v15.1 on 2024-03-05, since replication"
    " broke twice. The old primary must not be started again before 14 days are over."
    " Sarah Chen watches the lag of 120 ms."
)


class Deriving(EnrichmentTestCase):
    def test_what_is_remembered_is_derived_from_at_the_next_look(self) -> None:
        self.enricher()
        kept = self.remember(TEXT).id
        self.assertEqual((self.derived(kept), self.counts().waiting), ({}, 1))
        self.look()
        fields = self.derived(kept)
        self.assertEqual(fields["type"].value, "decision")
        self.assertIn({"name": "Sarah Chen", "type": "name"}, fields["entities"].value)
        self.assertEqual(self.counts().waiting, 0)

    def test_each_field_says_what_made_it_and_how_well(self) -> None:
        self.enricher()
        kept = self.remember(TEXT).id
        self.look()
        derived = self.derived(kept)
        self.assertLessEqual({"concepts", "entities", "type", "salience"}, set(derived))
        for each in derived.values():
            self.assertEqual((each.model, each.prompt), (extractive.MODEL, extractive.VERSION))
            self.assertEqual(each.scores, {"epr": 1.0, "np": 1.0, "fr": 0.0})
            self.assertGreater(each.made, 0)

    def test_the_text_stays_as_it_is(self) -> None:
        self.enricher()
        kept = self.remember(TEXT)
        self.look()
        now = self.known(kept.id)
        self.assertEqual(now.text, TEXT)
        self.assertEqual((now.type, now.salience, now.concepts), ("general", kept.salience, ()))

    def test_an_amendment_is_derived_from_anew_and_the_old_goes_at_once(self) -> None:
        self.enricher()
        kept = self.remember(TEXT).id
        self.look()
        self.done(
            self.memories.remembering.amend(kept, "Anna Weber found a bug in parse_header().")
        )
        self.assertEqual(self.derived(kept), {})
        self.look()
        self.assertEqual(self.derived(kept)["type"].value, "error")

    def test_memories_that_hold_the_same_names_are_linked_and_say_which(self) -> None:
        self.enricher()
        first = self.remember("Sarah Chen owns src/pay/main.py and knows the Billing Service.").id
        self.remember("Nothing of this is about anything.")
        second = self.remember("We ask Sarah Chen before src/pay/main.py is changed.").id
        self.look()
        self.assertEqual(
            self.derived(second)["links"].value,
            [{"id": first, "shared": ["Sarah Chen", "src/pay/main.py"]}],
        )

    def test_a_link_to_a_memory_that_is_gone_is_not_told(self) -> None:
        self.enricher()
        first = self.remember("Sarah Chen owns src/pay/main.py and knows the Billing Service.").id
        second = self.remember("We ask Sarah Chen before src/pay/main.py is changed.").id
        self.look()
        self.done(self.store.purge([first]))
        self.assertEqual(self.derived(second).get("links"), None)

    def test_a_memory_that_is_removed_meanwhile_is_no_trouble(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        generator.hold()
        self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        self.look()
        self.done(self.store.purge([kept]))
        generator.release()
        self.look()
        self.assertEqual(self.derived(kept), {})
        self.assertEqual(self.counts().waiting, 0)

    def test_hard_forgetting_leaves_no_byte_of_what_was_derived(self) -> None:
        self.enricher()
        kept = self.remember("Zebulon Quagmire signed /vault/xylophone.md in v77.31 of it.").id
        self.look()
        self.assertIn("entities", self.derived(kept))
        self.done(self.store.purge([kept]))
        self.done(self.store.stop())
        files = list(self.store._directory.glob("memory.sqlite3*"))
        self.assertTrue(files)
        for path in files:
            for word in (b"Zebulon", b"zebulon", b"xylophone", b"v77.31"):
                self.assertNotIn(word, path.read_bytes())

    def test_many_are_done_in_small_batches(self) -> None:
        self.enricher()
        for number in range(3 * jobs.BATCH + 1):
            self.remember(f"Number {number} of the series.")
        self.look()
        self.assertEqual(self.counts().waiting, 0)

    def test_phrases_are_embedded_while_nobody_waits(self) -> None:
        self.enricher()
        self.remember(TEXT)
        before = len(self.embedder.priorities)
        self.look()
        self.assertEqual(set(self.embedder.priorities[before:]), {Priority.BACKGROUND})
        self.assertGreater(len(self.embedder.priorities), before)

    def test_without_an_embedding_model_words_must_do(self) -> None:
        self.embedder.take_model_away()
        self.enricher()
        kept = self.remember(TEXT).id
        self.look()
        self.assertIn("concepts", self.derived(kept))

    def test_it_pauses_while_somebody_or_a_vector_waits_for_a_model(self) -> None:
        self.enricher()
        kept = self.remember(TEXT).id
        quiet = self.embedder.statistics
        for waiting in (EngineStatistics(1, 1, 0, 0, 0, 0), EngineStatistics(1, 0, 1, 0, 0, 0)):
            self.embedder.statistics = waiting
            self.look()
            self.assertEqual(self.derived(kept), {})
        self.embedder.statistics = quiet
        self.clock.advance(PAUSE)
        self.assertNotEqual(self.derived(kept), {})

    def test_a_text_that_breaks_the_rules_is_tried_again_ever_later_and_then_parked(self) -> None:
        enricher = self.enricher(start=False)

        def breaks(text: str, *more: object) -> None:
            raise ZeroDivisionError("by it")

        self.patch(jobs, "extracted", breaks)
        enricher.start()
        self.addCleanup(lambda: self.done(enricher.stop()))
        self.remember(TEXT)
        for number in range(TRIES):
            self.look()
            self.clock.advance(FIRST_PAUSE * 2**number)
        self.look()
        self.assertEqual(self.counts(), JobCounts(0, 1, "by it"))
        self.assertEqual(enricher.counts.parked, 1)

    def test_one_text_that_breaks_does_not_hold_up_the_others(self) -> None:
        bad, good = self.remember("poison").id, self.remember(TEXT).id
        real = generated.extracted

        def picky(text: str, *more: object) -> object:
            if text == "poison":
                raise ZeroDivisionError("by it")
            return real(text, *more)  # type: ignore[arg-type]

        self.patch(jobs, "extracted", picky)
        self.enricher()
        self.look()
        self.assertEqual((bool(self.derived(bad)), bool(self.derived(good))), (False, True))

    def test_a_store_that_fails_is_said_and_tried_again(self) -> None:
        enricher = self.enricher()
        kept = self.remember(TEXT).id
        real = self.store.jobs
        self.patch(self.store, "jobs", Broken())
        self.look()
        self.assertIn("the disk is full", enricher.problem)
        self.patch(self.store, "jobs", real)
        self.look()
        self.assertEqual(enricher.problem, "")
        self.assertNotEqual(self.derived(kept), {})
        self.assertTrue(self.flushLoggedErrors(StoreError))


class Broken:
    """A queue on a full disk."""

    def recipe(self) -> Deferred[str]:
        return fail(StoreError("the disk is full"))

    claim = coaching = recipe


class AskingAModel(EnrichmentTestCase):
    def test_what_it_says_is_kept_with_its_name(self) -> None:
        self.enricher(FakeGenerator(faithful(TEXT, gist="Billing moves to Postgres")), "fake")
        kept = self.remember(TEXT).id
        self.look()
        gist = self.derived(kept)["gist"]
        self.assertEqual(gist.value, "Billing moves to Postgres")
        self.assertEqual((gist.model, gist.prompt), ("fake", generated.PROMPT_VERSION))

    def test_nobody_waits_for_it(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        self.enricher(generator, "fake")
        self.remember(TEXT)
        self.look()
        (request,) = generator.requests
        self.assertEqual((request.priority, request.fixed), (Priority.BACKGROUND, 1))

    def test_it_is_asked_about_few_texts_at_once(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        generator.hold()
        self.enricher(generator, "fake")
        for number in range(5):
            self.remember(f"{TEXT} It is number {number}.")
        self.look()
        self.assertEqual(len(generator.held), jobs.WIDTH)

    def test_what_fails_the_checks_is_replaced_and_marked(self) -> None:
        lie = faithful(TEXT, summary="Bob Marley moved it to Oracle v99.1.")
        generator = FakeGenerator(lie)
        self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        self.look()
        kind = self.derived(kept)["type"]
        self.assertEqual(kind.model, extractive.MODEL)
        self.assertIn("bob marley", str(kind.scores["refused"]))
        self.assertEqual(len(generator.requests), 2)
        self.assertEqual(self.counts().waiting, 0)

    def test_while_it_is_not_there_what_can_be_extracted_is_kept_and_the_job_waits(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        generator.take_model_away()
        self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        self.look()
        self.assertEqual(self.derived(kept)["type"].model, extractive.MODEL)
        self.assertEqual(self.counts().waiting, 1)
        generator.give_model_back()
        self.look()
        self.assertEqual(self.derived(kept)["type"].model, "fake")
        self.assertEqual(self.counts().waiting, 0)

    def test_one_that_goes_while_it_is_asked_costs_the_job_no_try(self) -> None:
        generator = FakeGenerator(GeneratorUnavailable("released"))
        self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        for _ in range(3 * TRIES):
            self.look()
            self.clock.advance(MODEL_PAUSE)
        self.assertEqual(self.counts().parked, 0)
        self.assertEqual(self.derived(kept)["type"].model, extractive.MODEL)
        generator.say(faithful(TEXT))
        self.clock.advance(MODEL_PAUSE)
        self.look()
        self.assertEqual(self.derived(kept)["type"].model, "fake")

    def test_one_that_fails_again_and_again_leaves_what_can_be_extracted(self) -> None:
        self.enricher(FakeGenerator(GenerationFailed("it fell over")), "fake")
        kept = self.remember(TEXT).id
        for number in range(TRIES):
            self.look()
            self.clock.advance(FIRST_PAUSE * 2**number)
        self.look()
        self.assertEqual(self.derived(kept)["type"].model, extractive.MODEL)
        self.assertEqual((self.counts().parked, self.counts().reason), (1, "it fell over"))

    def test_one_that_never_answers_is_given_up(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        generator.hold()
        self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        self.clock.advance(LOOK)
        self.clock.advance(jobs.BUDGET)
        self.assertEqual(generator.held, [])
        self.assertEqual(self.derived(kept)["type"].model, extractive.MODEL)


class Recipes(EnrichmentTestCase):
    def test_another_language_model_makes_all_anew(self) -> None:
        kept = self.remember(TEXT).id
        first = self.enricher(FakeGenerator(faithful(TEXT)), "one")
        self.look()
        self.done(first.stop())
        self.enricher(FakeGenerator(faithful(TEXT, gist="Another")), "two")
        self.look()
        self.assertEqual(self.derived(kept)["gist"].value, "Another")

    def test_another_version_of_the_prompt_makes_all_anew(self) -> None:
        self.remember(TEXT)
        generator = FakeGenerator(faithful(TEXT))
        first = self.enricher(generator, "one")
        self.look()
        self.done(first.stop())
        self.patch(jobs, "PROMPT_VERSION", "next")
        self.enricher(generator, "one")
        self.look()
        self.assertEqual(len(generator.requests), 2)

    def test_the_same_recipe_makes_nothing_anew(self) -> None:
        self.remember(TEXT)
        generator = FakeGenerator(faithful(TEXT))
        for _ in range(3):
            enricher = self.enricher(generator, "one")
            self.look()
            self.done(enricher.stop())
        self.assertEqual(len(generator.requests), 1)

    def test_what_a_model_made_outlives_the_model(self) -> None:
        kept = self.remember(TEXT).id
        first = self.enricher(FakeGenerator(faithful(TEXT)), "one")
        self.look()
        self.done(first.stop())
        self.enricher()
        self.look()
        self.assertEqual(self.derived(kept)["type"].model, "fake")
        self.assertEqual(self.counts().waiting, 0)

    def test_a_recipe_is_named_after_all_that_decides(self) -> None:
        self.assertEqual(Recipe.of("").name, EXTRACTIVE)
        self.assertNotEqual(Recipe.of("a").name, Recipe.of("b").name)

    def test_memories_from_before_there_were_jobs_are_found(self) -> None:
        kept = self.remember(TEXT).id
        self.done(self.store._database.write(lambda db: db.execute("DELETE FROM jobs")))
        self.enricher()
        self.look()
        self.assertNotEqual(self.derived(kept), {})


class Ending(EnrichmentTestCase):
    def test_stopping_gives_back_what_was_begun(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        generator.hold()
        enricher = self.enricher(generator, "fake")
        kept = self.remember(TEXT).id
        self.look()
        self.done(enricher.stop())
        self.assertEqual(generator.held, [])
        self.enricher()
        self.look()
        self.assertNotEqual(self.derived(kept), {})

    def test_after_a_crash_what_was_begun_is_done_when_its_lease_has_ended(self) -> None:
        kept = self.remember(TEXT).id
        now = self.clock.seconds()
        self.done(self.store.jobs.claim("of the dead", now, now + LEASE, 5))
        self.enricher()
        self.look()
        self.assertEqual(self.derived(kept), {})
        self.clock.advance(LEASE)
        self.look()
        self.assertNotEqual(self.derived(kept), {})
