"""mnemo as the client of another mnemo: both sides of OpenAI's API, over the loopback."""

from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    Message,
    Overloaded,
    TokenChoice,
    UnfitRequest,
)
from mnemo.inference.interfaces import EmbedderUnavailable
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.remote_embedder import RemoteEmbedder
from mnemo.inference.servers import ServerModel
from mnemo.transports.credentials import Credentials
from tests.api.scripted_generator import NAME, Asked, completion
from tests.api.serving import Serving
from tests.inference.fakes import bag_of_words
from tests.inference.loopback import no_pause

TOKEN = "0123456789abcdef"
ASKED = Generation([Message("user", "Hello?")])


class SocketTestCase(TestCase):
    timeout = 10

    def setUp(self) -> None:
        self.there = Serving(Credentials({"me": TOKEN}), clock=reactor)
        site: Any = self.there.front.site
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.server = ServerModel(f"http://127.0.0.1:{port.getHost().port}/v1", NAME, TOKEN)
        self.generator = RemoteGenerator(reactor, self.server, no_pause)
        self.addCleanup(self.generator.stop)

    async def until_asked(self, count: int = 1) -> Asked:
        """The last request, when so many wait."""
        while len(self.there.generator.waiting) < count:
            await deferLater(reactor, 0.01)
        return self.there.generator.waiting[-1]


class GenerationTests(SocketTestCase):
    async def test_what_is_asked_and_answered_is_the_same_on_both_sides(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        sent = completion(
            "Grüezi 😀",
            finish="tool_calls",
            reused=3,
            tool_calls=(call,),
            choices=(TokenChoice("Grüezi", -0.5, (("Hoi", -1.0),)),),
            logprob=-0.5,
        )
        self.there.generator.reply = sent
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        asked = Generation(
            [Message("system", "Be kind."), Message("user", "Hello?", {"name": "me"})],
            max_tokens=33,
            stop=("END",),
            tools=[tool],
            logprobs=1,
        )
        said: list[str] = []
        got = await self.generator.generate(asked, said.append)
        self.assertEqual(
            evolve(got, first=0.0, seconds=0.0), evolve(sent, tool_calls=got.tool_calls)
        )
        self.assertEqual(got.tool_calls[0]["function"], call["function"])
        self.assertEqual("".join(said), "Grüezi 😀")
        (there,) = self.there.generator.asked
        self.assertEqual(list(there.prompt), list(asked.prompt))
        self.assertEqual((there.max_tokens, there.stop, there.logprobs), (33, ("END",), 1))
        self.assertEqual(list(there.tools), [tool])

    async def test_failures_arrive_as_what_they_are(self) -> None:
        for failure, kind in (
            (UnfitRequest("The prompt is too long."), UnfitRequest),
            (GenerationFailed("It failed."), GenerationFailed),
            (GeneratorUnavailable("It was released."), GeneratorUnavailable),
            (Overloaded("As many wait as may.", 99), Overloaded),
        ):
            self.there.generator.failure = failure
            with self.assertRaises(kind) as caught:
                await self.generator.generate(ASKED)
            self.assertIn(str(failure), str(caught.exception))

    async def test_who_gives_up_here_gives_up_there(self) -> None:
        self.there.generator.reply = None
        begun: Deferred[str] = Deferred()
        answer = self.generator.generate(ASKED, begun.callback)
        (await self.until_asked()).say("Hel")
        self.assertEqual(await begun, "Hel")
        answer.cancel()
        with self.assertRaises(CancelledError):
            await answer
        while not self.there.generator.cancelled:
            await deferLater(reactor, 0.01)

    async def test_some_at_once_get_each_their_own(self) -> None:
        self.there.generator.reply = None
        texts = ("one", "two")
        answers = [self.generator.generate(Generation(text)) for text in texts]
        await self.until_asked(2)
        for asked in list(self.there.generator.waiting):
            asked.say(f"{asked.request.prompt} it is")
            asked.end(completion())
        found: list[Completion] = await gatherResults(answers)
        self.assertEqual([one.text for one in found], ["one it is", "two it is"])

    async def test_another_token_is_refused(self) -> None:
        generator = RemoteGenerator(reactor, evolve(self.server, key="x" * 16), no_pause)
        with self.assertRaises(GeneratorUnavailable):
            await generator.generate(ASKED)
        await generator.stop()


class EmbeddingTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        there = evolve(self.server, model="fake", window=512)
        self.embedder = RemoteEmbedder(reactor, there, no_pause)
        self.addCleanup(self.embedder.stop)

    async def test_vectors_are_the_same_on_both_sides(self) -> None:
        self.embedder.start()
        ready: Deferred[None] = Deferred()
        self.embedder.on_ready(lambda: ready.callback(None))
        await ready
        tokens: list[int] = []
        (vector,) = await self.embedder.embed(["a cat sat"], counted=tokens.append)
        self.assertEqual(tokens, [3])
        self.assertLess(abs(vector - bag_of_words("a cat sat")).max(), 1e-6)
        self.there.embedder.take_model_away()
        with self.assertRaises(EmbedderUnavailable) as caught:
            await self.embedder.embed(["a dog"])
        self.assertIn("mnemo model fetch", str(caught.exception))
