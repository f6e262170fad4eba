"""The embedding model of another server, over the loopback."""

import numpy as np
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase
from twisted.web.server import Request
from zope.interface.verify import verifyObject

from mnemo.inference import remote_embedder
from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, Priority
from mnemo.inference.remote_embedder import AT_ONCE, RemoteEmbedder
from tests.inference.fakes import bag_of_words
from tests.inference.loopback import Answer, Loopback, no_pause, says, waits

DIMENSIONS = 8


class EmbedderTestCase(TestCase):
    timeout = 10

    def setUp(self) -> None:
        self.there = Loopback()
        self.server = evolve(self.there.listen(), window=21)
        self.embedder = RemoteEmbedder(reactor, self.server, no_pause)
        self.addCleanup(self.close)

    async def close(self) -> None:
        await self.embedder.stop()
        await self.there.close()

    async def start(self, *answers: Answer) -> None:
        self.there.answers = [self.embeds, *answers]
        await self.embedder.start()
        await self.ready()

    def ready(self) -> Deferred[None]:
        ready: Deferred[None] = Deferred()
        self.embedder.on_ready(lambda: ready.callback(None))
        return ready

    def embeds(self, request: Request) -> bytes | int:
        """Vectors of the texts that are asked, not of unit length and not in their order."""
        texts = self.there.received[-1].content["input"]
        rows = [
            {"index": at, "embedding": (3 * bag_of_words(text, DIMENSIONS)).tolist()}
            for at, text in enumerate(texts)
        ]
        return says(200, {"data": rows[::-1]})(request)


class StartTests(EmbedderTestCase):
    """It asks for the dimensions, and goes on asking."""

    async def test_it_is_an_embedder(self) -> None:
        self.assertTrue(verifyObject(IEmbedder, self.embedder))
        await self.start()
        model = self.embedder.model
        assert model is not None
        self.assertEqual((model.name, model.dimensions, self.embedder.problem), ("big", 8, ""))

    async def test_a_server_that_is_not_there_yet_is_asked_again(self) -> None:
        self.patch(remote_embedder, "RETRY_SECONDS", 0.05)
        self.there.answers = [says(503, {"error": "loading"}), self.embeds]
        started = self.embedder.start()
        self.assertIsNone(self.embedder.model)
        self.assertIn("not been asked yet", self.embedder.problem)
        with self.assertRaises(EmbedderUnavailable):
            await self.embedder.embed(["a"])
        with capturedLogs() as logged:
            await started
            self.assertIn("loading", self.embedder.problem)
            await self.ready()
        problems = [event["problem"] for event in logged if "problem" in event]
        self.assertEqual(len(problems), 1)
        self.assertIn("loading", problems[0])
        self.assertEqual((self.embedder.problem, self.embedder.statistics.loads), ("", 1))

    async def test_a_server_that_is_slow_is_not_waited_for_long(self) -> None:
        self.patch(remote_embedder, "START_SECONDS", 0.05)
        self.there.answers = [waits]
        await self.embedder.start()
        self.assertIsNone(self.embedder.model)
        await self.embedder.stop()
        await self.there.gone

    async def test_who_comes_late_is_told_at_once(self) -> None:
        await self.start()
        told: list[int] = []
        self.embedder.on_ready(lambda: told.append(1))
        self.assertEqual(told, [1])


class EmbedTests(EmbedderTestCase):
    """The vectors of texts."""

    async def test_they_are_unit_vectors_in_the_order_of_the_texts(self) -> None:
        await self.start(self.embeds)
        vectors = await self.embedder.embed(["a cat", "a dog"])
        expected = [bag_of_words("a cat", DIMENSIONS), bag_of_words("a dog", DIMENSIONS)]
        np.testing.assert_allclose(vectors, expected, rtol=1e-5)
        self.assertEqual(self.embedder.statistics.texts, 2)

    async def test_the_tokens_are_as_many_as_the_server_says(self) -> None:
        def counts(request: Request) -> bytes | int:
            rows = [{"index": 0, "embedding": [1.0] * DIMENSIONS}]
            return says(200, {"data": rows, "usage": {"prompt_tokens": 7}})(request)

        await self.start(counts, self.embeds)
        told: list[int] = []
        for _ in range(2):
            await self.embedder.embed(["a cat"], counted=told.append)
        self.assertEqual(told, [7, 0])

    async def test_no_texts_are_no_request(self) -> None:
        await self.start()
        self.assertEqual((await self.embedder.embed([])).shape, (0, DIMENSIONS))

    async def test_many_are_some_requests(self) -> None:
        await self.start(self.embeds, self.embeds)
        vectors = await self.embedder.embed(["x"] * (AT_ONCE + 1))
        self.assertEqual(vectors.shape, (AT_ONCE + 1, DIMENSIONS))
        self.assertEqual(len(self.there.received[-1].content["input"]), 1)

    async def test_a_text_that_is_too_long_is_the_mean_of_its_parts(self) -> None:
        await self.start(self.embeds)
        first, second = "alpha " * 6, "beta"
        (vector,) = await self.embedder.embed([first + second])
        self.assertEqual(self.there.received[-1].content["input"], [first, second])
        mean = 36 * bag_of_words("alpha " * 6, DIMENSIONS) + 4 * bag_of_words("beta", DIMENSIONS)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-5)

    async def test_an_empty_text_has_a_vector(self) -> None:
        await self.start(self.embeds)
        self.assertEqual((await self.embedder.embed([""])).shape, (1, DIMENSIONS))
        self.assertEqual(self.there.received[-1].content["input"], [" "])

    async def test_to_cancel_closes_the_connection(self) -> None:
        await self.start(waits)
        answer = self.embedder.embed(["a"], Priority.BACKGROUND)
        self.assertEqual(self.embedder.statistics.waiting_background, 1)
        reactor.callLater(0.05, answer.cancel)
        with self.assertRaises(CancelledError):
            await answer
        await self.there.gone
        self.assertEqual(self.embedder.statistics.waiting_background, 0)

    async def test_answers_that_are_no_vectors_are_said_to_be_none(self) -> None:
        row = {"index": 0, "embedding": [1.0] * DIMENSIONS}
        contents: list[object] = [
            {"data": []},
            {"data": [row, row]},
            {"data": [{"index": 0, "embedding": [0.0] * DIMENSIONS}]},
            {"data": [{"index": 0, "embedding": "AAAA"}]},
            {"data": [{"index": 0, "embedding": [1.0] * 3}]},
            [],
            {"error": "no"},
        ]
        for content in contents:
            embedder = self.embedder = RemoteEmbedder(reactor, self.server, no_pause)
            await self.start(says(200, content))
            with self.assertRaises(EmbedderUnavailable) as caught:
                await embedder.embed(["a"])
            self.assertNotIn("\n", str(caught.exception))
            await embedder.stop()

    async def test_a_stop_ends_what_runs(self) -> None:
        await self.start(waits)
        answer = self.embedder.embed(["a"])
        await self.embedder.stop()
        with self.assertRaises(EmbedderUnavailable):
            await answer
