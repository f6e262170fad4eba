from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import (
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    Message,
    UnfitRequest,
)
from mnemo.inference.grammar import of_schema
from mnemo.inference.structured import Extracted, ExtractionFailed, extract, schema_of
from tests.inference.fake_generator import FakeGenerator, Line, completion
from tests.inference.gbnf import parse

CHAT = Generation(
    [Message("system", "Read."), Message("user", "Tea is hot.")], max_tokens=50, fixed=1
)


@frozen
class Fact:
    """What a text says."""

    text: str
    sure: bool
    parts: "tuple[Fact, ...]" = ()


@frozen
class Note:
    """Something that a grammar knows all rules of."""

    title: Annotated[str, msgspec.Meta(max_length=20)]
    kind: Literal["fact", "plan"]
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)]
    about: list[str] = field(factory=list)


@frozen
class Even:
    """Something with a rule that no grammar knows."""

    number: int = field()

    @number.validator
    def _even(self, attribute: object, value: int) -> None:
        if value % 2:
            raise ValueError("it is odd")


class Extractions(SynchronousTestCase):
    def start(
        self, script: Sequence[Line], kind: type = Fact, request: Generation = CHAT
    ) -> tuple[FakeGenerator, Deferred[Extracted[object]]]:
        generator = FakeGenerator(*script)
        return generator, Deferred.fromCoroutine(extract(generator, kind, request))

    def test_a_good_answer_is_a_value(self) -> None:
        said = '{"text": "Tea", "sure": true, "parts": [{"text": "hot", "sure": false}]}'
        _, answer = self.start([said])
        extracted = self.successResultOf(answer)
        self.assertEqual(extracted.value, Fact("Tea", True, (Fact("hot", False),)))
        self.assertEqual(extracted.completion, completion(said))
        self.assertFalse(extracted.repaired)

    def test_the_model_is_bound_by_the_schema_of_the_class(self) -> None:
        generator, _ = self.start(['{"text": "Tea", "sure": true}'])
        (request,) = generator.requests
        self.assertEqual(evolve(request, schema=None), CHAT)
        grammar = parse(of_schema(request.schema or {}))
        self.assertTrue(grammar.accepts('{"text": "Tea", "sure": true, "parts": []}'))
        self.assertFalse(grammar.accepts('{"text": "Tea", "sure": 1, "parts": []}'))

    def test_the_model_is_asked_for_every_field_and_no_other(self) -> None:
        schema = schema_of(Fact)
        self.assertEqual((schema["type"], schema["additionalProperties"]), ("object", False))
        self.assertEqual(schema["required"], ["text", "sure", "parts"])
        self.assertNotIn("default", schema["properties"]["parts"])
        self.assertEqual(schema["$defs"]["Fact"]["required"], ["text", "sure", "parts"])

    def test_a_wrong_answer_may_be_mended_once(self) -> None:
        generator, answer = self.start(['{"text": "Tea"}', '{"text": "Tea", "sure": true}'])
        extracted = self.successResultOf(answer)
        self.assertEqual(extracted.value, Fact("Tea", True))
        self.assertTrue(extracted.repaired)
        first, second = generator.requests
        assert not isinstance(second.prompt, str)
        self.assertEqual(list(second.prompt[:2]), list(first.prompt))
        self.assertEqual(second.prompt[2], Message("assistant", '{"text": "Tea"}'))
        self.assertEqual(second.prompt[3].role, "user")
        self.assertIn("missing required field `sure`", second.prompt[3].content)
        self.assertEqual((second.max_tokens, second.fixed), (100, 1))
        self.assertEqual(second.schema, first.schema)

    def test_one_that_was_cut_off_is_wrong_even_if_it_looks_whole(self) -> None:
        cut = evolve(completion('{"text": "Tea", "sure": true}'), finish="length", tokens=50)
        generator, answer = self.start([cut, '{"text": "Coffee", "sure": true}'])
        self.assertEqual(self.successResultOf(answer).value, Fact("Coffee", True))
        self.assertIn("cut off after 50 tokens", str(generator.requests[1].prompt))

    def test_half_an_answer_is_wrong_whatever_is_said_of_its_end(self) -> None:
        _, answer = self.start(['{"text": "Tea", "su', '{"text": "Te'])
        failure = self.failureResultOf(answer, ExtractionFailed)
        self.assertEqual(len(failure.value.reasons), 2)
        self.assertIn("truncated", failure.value.reasons[0])

    def test_after_two_wrong_answers_it_has_failed_and_says_why(self) -> None:
        generator, answer = self.start(['{"text": 1, "sure": true}', "nonsense", "never"])
        failure = self.failureResultOf(answer, GenerationFailed)
        self.assertEqual(len(generator.requests), 2)
        text = str(failure.value)
        self.assertIn("no usable Fact", text)
        self.assertIn("$.text", text)
        self.assertIn("malformed", text)
        self.assertNotIn("\n", text)

    def test_calls_of_tools_are_no_answer(self) -> None:
        calling = evolve(completion(""), finish="tool_calls")
        _, answer = self.start([calling])
        self.failureResultOf(answer, ExtractionFailed)

    def test_a_long_wrong_answer_is_not_told_whole(self) -> None:
        generator, answer = self.start(["x" * 9000, '{"text": "Tea", "sure": true}'])
        self.successResultOf(answer)
        self.assertEqual(len(generator.requests[1].prompt[2].content), 2002)  # type: ignore[union-attr]

    def test_a_prompt_without_messages_goes_on(self) -> None:
        generator, answer = self.start(
            ["{}", '{"text": "Tea", "sure": true}'], request=Generation("Tea is hot.\n")
        )
        self.successResultOf(answer)
        second = generator.requests[1].prompt
        assert isinstance(second, str)
        self.assertTrue(second.startswith("Tea is hot.\n{}\n\nThat cannot be used: "))

    def test_a_second_try_that_does_not_fit_is_a_failure(self) -> None:
        _, answer = self.start(["{}", UnfitRequest("The prompt has 9,999 tokens.")])
        failure = self.failureResultOf(answer, ExtractionFailed)
        self.assertIn("9,999", failure.value.reasons[1])

    def test_a_first_try_that_does_not_fit_is_told_as_it_is(self) -> None:
        _, answer = self.start([UnfitRequest("too long")])
        self.failureResultOf(answer, UnfitRequest)

    def test_where_there_is_no_model_that_is_told(self) -> None:
        _, answer = self.start([GeneratorUnavailable("none")])
        self.failureResultOf(answer, GeneratorUnavailable)

    def test_rules_that_no_grammar_knows_are_held_to(self) -> None:
        _, answer = self.start(['{"number": 3}', '{"number": 4}'], Even)
        self.assertEqual(self.successResultOf(answer).value, Even(4))

    def test_nesting_without_end_is_wrong(self) -> None:
        _, answer = self.start(['{"text": "", "sure": true, "parts": ' + "[" * 100_000], Fact)
        self.failureResultOf(answer, ExtractionFailed)

    def test_cancelling_cancels_the_generation(self) -> None:
        generator = FakeGenerator('{"text": "Tea", "sure": true}')
        generator.hold()
        answer = Deferred.fromCoroutine(extract(generator, Fact, CHAT))
        answer.addErrback(lambda failure: None)
        answer.cancel()
        self.assertEqual(generator.held, [])

    def test_constraints_are_in_the_grammar_already(self) -> None:
        good = '{"title": "Tea", "kind": "fact", "weight": 0.5, "about": []}'
        generator, answer = self.start([good], Note)
        self.assertEqual(self.successResultOf(answer).value, Note("Tea", "fact", 0.5))
        grammar = parse(of_schema(generator.requests[0].schema or {}))
        self.assertTrue(grammar.accepts(good))
        for wrong in (
            good.replace("Tea", "T" * 21),
            good.replace("fact", "hunch"),
            good.replace("0.5", "1.5"),
        ):
            self.assertFalse(grammar.accepts(wrong), wrong)
