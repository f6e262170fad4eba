"""A generator whose model comes and goes."""

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.generation import Generation, GeneratorUnavailable, IGenerator
from mnemo.inference.keeping import PATIENCE, RELEASED
from mnemo.inference.kept import KeptGenerator
from tests.inference.fake_generator import FakeGenerator

ASKED = Generation("hello", timeout=100.0)


class ComingAndGoing(FakeGenerator):
    """
    A generator with a model that is loaded and unloaded.

    @ivar loading: the load that is under way, where it takes time
    """

    def __init__(self, *script: str) -> None:
        super().__init__(*script)
        self.loading: Deferred[None] | None = None
        self.fails = ""
        self.did: list[str] = []
        self.take_model_away("")

    async def start(self) -> None:
        self.did.append("start")
        if self.fails:
            self.problem = self.fails
        else:
            self.give_model_back()

    async def stop(self) -> None:
        self.did.append("stop")
        self.take_model_away("mnemo is stopping")

    def load(self) -> Deferred[None]:
        self.did.append("load")
        self.loading = Deferred()
        self.loading.addCallback(lambda _: self.give_model_back())
        return self.loading

    def unload(self) -> Deferred[None]:
        self.did.append("unload")
        self.take_model_away("")
        return succeed(None)

    def loaded(self) -> None:
        assert self.loading is not None
        self.loading.callback(None)


class KeptGeneratorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inner = ComingAndGoing("good day")
        self.kept = KeptGenerator(self.clock, self.inner, 300.0)

    def start(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.kept.start()))

    def test_it_is_a_generator(self) -> None:
        verifyObject(IGenerator, self.kept)

    def test_it_answers_as_the_one_within(self) -> None:
        self.start()
        pieces: list[str] = []
        answer = self.successResultOf(self.kept.generate(ASKED, pieces.append))
        self.assertEqual((answer.text, "".join(pieces).split()), ("good day", ["good", "day"]))
        self.assertEqual(self.kept.statistics, self.inner.statistics)

    def test_it_leaves_memory_when_idle_and_comes_back_when_it_is_asked(self) -> None:
        self.start()
        known = self.kept.model
        self.clock.advance(300)
        self.assertEqual((self.inner.did, self.kept.state), (["start", "unload"], "idle"))
        # It is there for whoever asks.
        self.assertEqual((self.kept.model, self.kept.problem), (known, ""))
        answers = [self.kept.generate(ASKED) for _ in range(4)]
        self.inner.loaded()
        for answer in answers:
            self.assertEqual(self.successResultOf(answer).text, "good day")
        self.assertEqual(self.inner.did, ["start", "unload", "load"])

    def test_the_time_until_it_is_there_counts(self) -> None:
        self.start()
        self.clock.advance(300)
        answers = [self.kept.generate(ASKED) for _ in range(2)]
        self.clock.advance(2)
        self.assertEqual([each.asked for each in self.kept.entering], [300.0, 300.0])
        answers[1].cancel()
        self.failureResultOf(answers[1])
        self.inner.loaded()
        answer = self.successResultOf(answers[0])
        self.assertEqual((answer.waited, answer.first, answer.seconds), (2.0, 2.0, 2.0))
        self.assertEqual(self.kept.entering, [])

    def test_it_stays_while_it_works(self) -> None:
        self.start()
        self.inner.hold()
        answer = self.kept.generate(ASKED)
        self.clock.advance(1000)
        self.assertEqual(self.inner.did, ["start"])
        answer.cancel()
        self.failureResultOf(answer)
        self.clock.advance(300)
        self.assertEqual(self.inner.did, ["start", "unload"])

    def test_what_was_released_is_a_problem_and_says_what_mends_it(self) -> None:
        self.start()
        self.successResultOf(self.kept.release())
        self.assertEqual((self.kept.problem, self.kept.state), (RELEASED, "released"))
        answer = self.kept.generate(ASKED)
        self.clock.advance(PATIENCE)
        self.failureResultOf(answer, GeneratorUnavailable)
        loaded = self.kept.load()
        self.inner.loaded()
        self.successResultOf(loaded)
        self.assertEqual((self.kept.problem, self.kept.state), ("", "loaded"))
        self.successResultOf(self.kept.generate(ASKED))

    def test_one_that_cannot_be_loaded_says_why(self) -> None:
        self.inner.fails = "the file is damaged"
        self.start()
        self.assertEqual(self.kept.problem, "the file is damaged")
        self.assertIsNone(self.kept.model)

    def test_the_time_of_a_request_counts_while_the_model_is_loaded(self) -> None:
        self.start()
        self.clock.advance(300)
        late, timely = self.kept.generate(ASKED), self.kept.generate(Generation("x", timeout=200))
        self.clock.advance(100)
        self.failureResultOf(late, TimeoutError)
        self.inner.loaded()
        self.successResultOf(timely)
        self.assertEqual([request.timeout for request in self.inner.requests], [100.0])

    def test_it_ends_with_the_daemon(self) -> None:
        self.start()
        self.successResultOf(Deferred.fromCoroutine(self.kept.stop()))
        self.assertEqual(self.inner.did[-1], "stop")
        self.assertEqual(self.clock.getDelayedCalls(), [])
