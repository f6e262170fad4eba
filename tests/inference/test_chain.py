"""The first language model that can answers."""

from attrs import evolve
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.chain import Chain, Link
from mnemo.inference.generation import (
    Generation,
    GenerationFailed,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
    Overloaded,
    UnfitRequest,
)
from mnemo.inference.interfaces import Priority
from mnemo.inference.none import NoGenerator
from tests.api.scripted_generator import ScriptedGenerator, completion, info

ASKED = Generation("Hello")


class ChainTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.first = ScriptedGenerator(completion("first"), model=info("first"))
        self.second = ScriptedGenerator(completion("second"), model=info("second"))
        self.chain = Chain([Link(self.first), Link(self.second)])

    def test_it_is_a_generator(self) -> None:
        self.assertTrue(verifyObject(IGenerator, self.chain))

    def test_the_first_answers(self) -> None:
        said: list[str] = []
        answer = self.successResultOf(self.chain.generate(ASKED, said.append))
        self.assertEqual((answer.text, said), ("first", ["first"]))
        self.assertEqual(self.second.asked, [])

    def test_where_it_cannot_the_next_does(self) -> None:
        for failure in (
            GeneratorUnavailable("It is down."),
            Overloaded("It is busy.", 2),
            GenerationFailed("It failed."),
            UnfitRequest("It is too long."),
        ):
            self.first.failure = failure
            self.assertEqual(self.successResultOf(self.chain.generate(ASKED)).text, "second")

    def test_where_none_can_the_first_says_why(self) -> None:
        self.first.failure = Overloaded("It is busy.", 2)
        self.second.failure = GeneratorUnavailable("It is down.")
        failure = self.failureResultOf(self.chain.generate(ASKED), Overloaded)
        self.assertEqual(str(failure.value), "It is busy.")

    def test_time_that_is_up_is_up_for_all(self) -> None:
        self.first.failure = TimeoutError("It is up.")
        self.failureResultOf(self.chain.generate(ASKED), TimeoutError)
        self.assertEqual(self.second.asked, [])

    def test_an_answer_that_has_begun_is_not_begun_again(self) -> None:
        self.first.reply = None
        said: list[str] = []
        answer = self.chain.generate(ASKED, said.append)
        (asked,) = self.first.waiting
        asked.say("Hel")
        asked.answer.errback(GenerationFailed("It failed."))
        self.failureResultOf(answer, GenerationFailed)
        self.assertEqual((said, self.second.asked), (["Hel"], []))

    def test_cancelling_reaches_the_one_that_is_asked(self) -> None:
        self.first.failure, self.second.reply = GeneratorUnavailable("It is down."), None
        answer = self.chain.generate(ASKED)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.second.cancelled, 1)

    def test_some_are_for_one_kind_of_work_alone(self) -> None:
        chain = Chain([Link(self.first, Priority.BACKGROUND), Link(self.second)])
        self.assertEqual(self.successResultOf(chain.generate(ASKED)).text, "second")
        background = evolve(ASKED, priority=Priority.BACKGROUND)
        self.assertEqual(self.successResultOf(chain.generate(background)).text, "first")

    def test_where_none_is_for_it_that_is_said(self) -> None:
        chain = Chain([Link(self.first, Priority.BACKGROUND)])
        failure = self.failureResultOf(chain.generate(ASKED), GeneratorUnavailable)
        self.assertIn("interactive", str(failure.value))

    def test_its_model_is_the_first_that_works(self) -> None:
        self.assertEqual((self.chain.model, self.chain.problem), (info("first"), ""))
        self.first.problem = "It is down."
        self.assertEqual((self.chain.model, self.chain.problem), (info("second"), ""))
        self.second.problem = "It is down as well."
        self.assertEqual((self.chain.model, self.chain.problem), (info("first"), "It is down."))
        self.first.model = self.second.model = None
        self.assertIsNone(self.chain.model)

    def test_one_may_be_preferred_and_the_others_follow(self) -> None:
        chain = self.chain.preferring("second")
        self.assertEqual(self.successResultOf(chain.generate(ASKED)).text, "second")
        self.second.failure = GenerationFailed("It failed.")
        self.assertEqual(self.successResultOf(chain.generate(ASKED)).text, "first")
        self.assertEqual([model.name for model in chain.models], ["second", "first"])

    def test_its_counters_are_those_of_all(self) -> None:
        self.first.statistics = GeneratorStatistics(running=1, tokens=5)
        self.second.statistics = GeneratorStatistics(running=2, tokens=7)
        self.assertEqual(self.chain.statistics, GeneratorStatistics(running=3, tokens=12))

    def test_it_is_known_how_long_answers_took_to_begin_whoever_gave_them(self) -> None:
        self.first.failure = Overloaded("It is busy.", 2)
        self.successResultOf(self.chain.generate(ASKED))
        self.successResultOf(self.chain.preferring("second").generate(ASKED))
        self.assertEqual(len(self.chain.firsts), 2)


class NoGeneratorTests(SynchronousTestCase):
    def test_it_says_what_mends_it(self) -> None:
        none = NoGenerator()
        self.assertTrue(verifyObject(IGenerator, none))
        failure = self.failureResultOf(none.generate(ASKED), GeneratorUnavailable)
        self.assertIn("inference.language_model", str(failure.value))
        self.assertEqual((none.model, none.problem), (None, str(failure.value)))
