from collections.abc import Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment import extractive
from mnemo.enrichment.extractive import extract
from mnemo.enrichment.generated import LONGEST_TEXT, RULES, Derived, faults, generate
from mnemo.inference.generation import Generation, GenerationFailed, GeneratorUnavailable, Message
from mnemo.inference.interfaces import Priority
from tests.enrichment.room import at_once, faithful
from tests.inference.fake_generator import FakeGenerator, Line

TEXT = "we moved the Billing Service to Postgres v15.1 on 2024-03-05 in 120 ms"


def messages(request: Generation) -> Sequence[Message]:
    assert not isinstance(request.prompt, str)
    return request.prompt


async def nothing_to_renew() -> None:
    pass


class Generating(SynchronousTestCase):
    def start(self, *script: Line, text: str = TEXT) -> tuple[FakeGenerator, Deferred[Derived]]:
        generator = FakeGenerator(*script)
        return generator, Deferred.fromCoroutine(
            generate(generator, text, at_once, nothing_to_renew)
        )

    def made(self, *script: Line, text: str = TEXT) -> Derived:
        return self.successResultOf(self.start(*script, text=text)[1])

    def refused(self, **changes: Any) -> str:
        said = faithful(TEXT, **changes)
        derived = self.made(said)
        self.assertEqual(derived.model, extractive.MODEL)
        self.assertEqual(derived.encoding, extract(TEXT))
        return derived.refused

    def test_the_rules_come_first_and_are_kept_computed(self) -> None:
        generator, _ = self.start(faithful(TEXT))
        (request,) = generator.requests
        first, second = messages(request)
        self.assertEqual((first.role, first.content), ("system", RULES))
        self.assertIn(TEXT, second.content)
        self.assertEqual((request.fixed, request.priority), (1, Priority.BACKGROUND))
        self.assertIsNotNone(request.schema)

    def test_a_faithful_answer_is_kept_with_its_scores(self) -> None:
        derived = self.made(faithful(TEXT))
        self.assertEqual((derived.model, derived.refused, derived.repaired), ("fake", "", False))
        self.assertEqual(derived.scores, {"epr": 1.0, "np": 1.0, "fr": 0.0})

    def test_a_failing_answer_is_repaired_once_told_what_was_wrong(self) -> None:
        generator, answer = self.start(
            faithful(TEXT, summary="Bob Marley did it in 999 ms"), faithful(TEXT)
        )
        derived = self.successResultOf(answer)
        self.assertEqual((derived.model, derived.repaired), ("fake", True))
        told = messages(generator.requests[1])[-1].content
        self.assertIn("the text does not say", told)
        self.assertIn("999", told)

    def test_one_that_fails_twice_is_replaced_and_says_why(self) -> None:
        generator, answer = self.start(faithful(TEXT, summary="it took 999 ms"))
        self.assertIn("999", self.successResultOf(answer).refused)
        self.assertEqual(len(generator.requests), 2)

    def test_what_leaves_out_a_number_is_refused(self) -> None:
        nothing: dict[str, object] = {"topics": [], "entities": [], "actions": [], "causality": []}
        bare = {"gist": "moved", "summary": "moved", "content": "moved", "concepts": []}
        self.assertIn("leaves out 03", self.refused(**bare, structured_concepts=nothing))

    def test_what_repeats_the_instructions_is_refused(self) -> None:
        self.assertIn("repeats", self.refused(narrative="a memory encoder"))

    def test_a_text_about_instructions_may_be_quoted(self) -> None:
        text = "the memory encoder of Port 7 was told to keep every number"
        self.assertEqual(self.made(faithful(text), text=text).refused, "")

    def test_much_made_of_little_is_refused(self) -> None:
        derived = self.made(faithful("ok", salience=0.9), text="ok")
        self.assertIn("next to nothing", derived.refused)

    def test_an_answer_without_form_is_repaired_once_then_replaced(self) -> None:
        generator, answer = self.start("no json", "no json")
        self.assertTrue(self.successResultOf(answer).refused)
        self.assertEqual(len(generator.requests), 2)

    def test_one_that_took_a_repair_of_its_form_gets_no_other(self) -> None:
        generator, answer = self.start("no json", faithful(TEXT, summary="it took 999 ms"))
        self.assertIn("999", self.successResultOf(answer).refused)
        self.assertEqual(len(generator.requests), 2)

    def test_entities_and_concepts_that_the_text_does_not_name_are_left_out(self) -> None:
        said = msgspec.json.decode(faithful(TEXT))
        said["concepts"] = ["postgres", "oracle"]
        said["structured_concepts"]["entities"] += [{"name": "Xyz", "type": "", "context": ""}]
        encoding = self.made(msgspec.json.encode(said).decode()).encoding
        self.assertEqual(encoding.concepts, ("postgres",))
        self.assertNotIn("Xyz", [each.name for each in encoding.structured_concepts.entities])

    def test_a_text_that_is_too_long_for_it_is_extracted_from(self) -> None:
        generator, answer = self.start(faithful(TEXT), text="word " * LONGEST_TEXT)
        self.assertIn("more than", self.successResultOf(answer).refused)
        self.assertEqual(generator.requests, [])

    def test_no_model_and_a_failing_one_are_the_callers_to_know(self) -> None:
        for problem in (GeneratorUnavailable("none"), GenerationFailed("fell over")):
            self.failureResultOf(self.start(problem)[1], type(problem))

    def test_the_lease_is_renewed_before_the_second_try(self) -> None:
        renewed: list[int] = []

        async def renew() -> None:
            renewed.append(1)

        generator = FakeGenerator(faithful(TEXT, summary="it took 999 ms"))
        work = Deferred.fromCoroutine(generate(generator, TEXT, at_once, renew))
        self.successResultOf(work)
        self.assertEqual(renewed, [1])

    def test_what_is_extracted_passes_the_checks(self) -> None:
        for text in (TEXT, "ok", "Never!", "KeyError: 3\n" * 40):
            self.assertEqual(faults(text, extract(text)), ())
