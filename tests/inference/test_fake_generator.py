"""The stand-in keeps the contract it stands in for."""

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.generation import (
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    IGenerator,
)
from tests.inference.fake_generator import FakeGenerator, completion

HELLO = Generation("Hello")


class FakeGeneratorTests(SynchronousTestCase):
    def said(self, generator: FakeGenerator, request: Generation = HELLO) -> str:
        return self.successResultOf(generator.generate(request)).text

    def test_it_is_a_generator(self) -> None:
        self.assertTrue(verifyObject(IGenerator, FakeGenerator("Hi.")))

    def test_it_follows_its_script_and_stays_with_the_last_line(self) -> None:
        generator = FakeGenerator("One.", completion("Two."))
        self.assertEqual([self.said(generator) for _ in range(3)], ["One.", "Two.", "Two."])
        generator.say(lambda request: f"You said {request.prompt}")
        self.assertEqual(self.said(generator), "You said Hello")
        self.assertEqual(generator.requests, [HELLO] * 4)

    def test_a_line_may_be_a_failure(self) -> None:
        generator = FakeGenerator(GenerationFailed("no"), "Yes.")
        self.failureResultOf(generator.generate(HELLO), GenerationFailed)
        self.assertEqual(self.said(generator), "Yes.")

    def test_what_is_too_long_is_cut_off(self) -> None:
        answer = self.successResultOf(
            FakeGenerator("one two three").generate(Generation("", max_tokens=2))
        )
        self.assertEqual((answer.text, answer.finish, answer.tokens), ("one two", "length", 2))

    def test_it_tells_its_answer_in_pieces(self) -> None:
        told: list[str] = []
        self.successResultOf(FakeGenerator("one  two").generate(HELLO, told.append))
        self.assertEqual("".join(told), "one  two")
        self.assertGreater(len(told), 1)

    def test_without_a_model_it_fails_and_says_why(self) -> None:
        generator = FakeGenerator("Hi.")
        generator.take_model_away()
        failure = self.failureResultOf(generator.generate(HELLO), GeneratorUnavailable)
        self.assertIn("mnemo model fetch", str(failure.value))
        generator.give_model_back()
        self.assertEqual(self.said(generator), "Hi.")

    def test_held_calls_are_answered_on_release_unless_cancelled(self) -> None:
        generator = FakeGenerator("One.", "Two.")
        generator.hold()
        first, second = generator.generate(HELLO), generator.generate(HELLO)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(generator.held), 1)
        self.assertNoResult(second)
        generator.release()
        self.assertEqual(self.successResultOf(second).text, "One.")
