"""Notes of the user take effect at once, and take nothing from the checks."""

from attrs import evolve

from mnemo.enrichment import extractive, generated
from mnemo.enrichment.coaching import read
from mnemo.enrichment.encoding import Encoding
from mnemo.enrichment.generated import RULES, faults, instructions
from mnemo.enrichment.jobs import Enricher, Recipe
from mnemo.inference.generation import Generation
from tests.enrichment.room import EnrichmentTestCase, faithful
from tests.enrichment.test_jobs import TEXT
from tests.inference.fake_generator import FakeGenerator

NOTES = "coaching:\n  - put the ticket at the beginning\n"


def told(request: Generation) -> str:
    """What the model was told before the text."""
    assert not isinstance(request.prompt, str)
    return request.prompt[0].content


class Coached(EnrichmentTestCase):
    def coach(self, document: str) -> None:
        self.done(self.store.jobs.use_coaching(document))

    def asking(self, generator: FakeGenerator) -> Enricher:
        return self.enricher(generator, "fake")

    def test_the_next_prompt_has_them_behind_the_rules(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        self.asking(generator)
        self.coach(NOTES)
        self.remember(TEXT)
        self.look()
        (request,) = generator.requests
        self.assertTrue(told(request).startswith(RULES))
        self.assertTrue(told(request).endswith("\n- put the ticket at the beginning"))
        self.assertEqual(request.fixed, 1)

    def test_what_was_made_before_is_made_anew_without_a_restart(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        self.asking(generator)
        kept = self.remember(TEXT).id
        self.look()
        self.assertEqual(self.derived(kept)["gist"].prompt, generated.PROMPT_VERSION)
        self.coach(NOTES)
        self.look()
        self.assertEqual(len(generator.requests), 2)
        prompt = generated.PROMPT_VERSION + read(NOTES).version
        self.assertEqual(self.derived(kept)["gist"].prompt, prompt)
        self.assertEqual(self.counts().waiting, 0)

    def test_the_same_notes_make_nothing_anew(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        enricher = self.asking(generator)
        self.coach(NOTES)
        self.remember(TEXT)
        self.look()
        self.coach("# again\n" + NOTES)
        self.look()
        self.done(enricher.stop())
        self.asking(generator)
        self.look()
        self.assertEqual(len(generator.requests), 1)

    def test_without_them_all_is_as_before(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        self.asking(generator)
        self.coach(NOTES)
        kept = self.remember(TEXT).id
        self.look()
        self.coach("")
        self.look()
        self.assertEqual(told(generator.requests[-1]), RULES)
        self.assertEqual(self.derived(kept)["gist"].prompt, generated.PROMPT_VERSION)

    def test_an_invention_is_refused_whatever_they_ask_for(self) -> None:
        generator = FakeGenerator(faithful(TEXT, content=f"{TEXT} Ask Peter Muster about v99.9."))
        self.asking(generator)
        self.coach("coaching: add whom to ask, always Peter Muster\n")
        kept = self.remember(TEXT).id
        self.look()
        summary = self.derived(kept)["entities"]
        self.assertEqual(summary.model, extractive.MODEL)
        self.assertIn("the text does not say", str(summary.scores["refused"]))

    def test_an_answer_that_repeats_them_is_refused(self) -> None:
        coaching = read(NOTES)
        encoding = extractive.extract(TEXT)
        self.assertEqual(faults(TEXT, encoding, coaching), ())
        note = coaching.notes[0]
        (fault,) = faults(f"{TEXT}", _with_narrative(note), coaching)
        self.assertEqual(fault, f"it repeats the notes: {note}")
        self.assertEqual(faults(f"{TEXT} {note}", _with_narrative(note), coaching), ())

    def test_the_rules_need_no_model_and_heed_no_notes(self) -> None:
        self.enricher()
        kept = self.remember(TEXT).id
        self.look()
        made = self.derived(kept)["type"].made
        self.clock.advance(60)
        self.coach(NOTES)
        self.look()
        self.assertEqual(self.derived(kept)["type"].made, made)
        self.assertEqual(Recipe.of("", read(NOTES)), Recipe.of(""))

    def test_notes_that_another_version_cannot_read_are_left_out(self) -> None:
        generator = FakeGenerator(faithful(TEXT))
        self.asking(generator)
        self.coach("coach: x")
        self.remember(TEXT)
        self.look()
        self.assertEqual(told(generator.requests[0]), instructions(read("")))


def _with_narrative(text: str) -> Encoding:
    return evolve(extractive.extract(TEXT), narrative=text)
