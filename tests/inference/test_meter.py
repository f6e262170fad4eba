"""What is said of the models, as they work."""

import timeit
from typing import Any

import msgspec
from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed

from mnemo.inference.chain import Chain, Link
from mnemo.inference.generation import Generation
from mnemo.inference.interfaces import Priority
from mnemo.inference.kept import KeptGenerator
from mnemo.inference.library import Memory
from mnemo.inference.meter import Meter
from mnemo.inference.none import NoGenerator
from mnemo.inference.rates import Lately
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.servers import ServerModel
from mnemo.inference.snapshot import Caller, Counts, Gpu, Snapshot
from mnemo.inference.steps import IGenerationBackend
from mnemo.sessions.interfaces import Opening, Session
from tests.inference.fakes import FakeEmbedder
from tests.inference.scripted import ScriptedGenerator
from tests.inference.test_generator import GeneratorCase


def session(client: str, running: int = 0) -> Session:
    opening = Opening("openai", client, "", "local", "")
    return Session(f"openai/{client}", "work", opening, "", 0.0, 0.0, running=running)


class MeterTests(GeneratorCase):
    """A scripted model on the inference thread, which works when told to."""

    def setUp(self) -> None:
        super().setUp()
        self.kept = KeptGenerator(self.reactor, self.generator, 0.0)
        self.chain = Chain([Link(self.kept)])
        self.embedder = FakeEmbedder()
        self.looks: list[Deferred[Memory | None]] = []
        self.meter = Meter(
            self.reactor,
            self.chain,
            self.chain.links,
            self.chain.firsts,
            self.kept,
            self.embedder,
            lambda: (3, 5),
            lambda session: {"s-1": "claude-code"}.get(session, ""),
            self.look,
            ("embeds", "writes"),
        )
        self.meter.start()
        self.addCleanup(self.meter.stop)

    def look(self) -> Deferred[Memory | None]:
        self.looks.append(Deferred())
        return self.looks[-1]

    def load(self) -> IGenerationBackend:
        if self.model.closed:
            self.model = ScriptedGenerator(slots=2, capacity=512, batch=64)
        return super().load()

    def begin(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.kept.start()))

    def go_on(self, prompt: str = "hello", **more: Any) -> Deferred[Any]:
        return self.chain.generate(evolve(Generation(prompt, 20), **more))

    def test_it_is_the_same_after_the_way_as_json(self) -> None:
        self.begin()
        self.pool.holding = True
        self.go_on(session="s-1")
        snapshot = self.meter.snapshot()
        said = msgspec.json.encode(snapshot)
        self.assertEqual(msgspec.json.decode(said, type=Snapshot), snapshot)
        self.assertNotIn(b"hello", said)

    def test_a_model_that_is_not_in_memory_is_named(self) -> None:
        said = self.meter.snapshot().language
        self.assertEqual((said.name, said.state, said.device), ("writes", "idle", None))
        self.assertEqual((said.slots, said.requests, said.reuse), (0, (), 0.0))

    def test_the_size_of_a_model_is_said_while_it_is_in_memory(self) -> None:
        self.model.info = evolve(self.model.info, bytes=500, cache_bytes=100)
        self.begin()
        said = self.meter.snapshot().language
        self.assertEqual((said.name, said.state), ("scripted", "loaded"))
        self.assertEqual((said.weights, said.cache, said.loads), (400, 100, 1))
        self.kept.release()
        said = self.meter.snapshot().language
        self.assertEqual((said.name, said.state), ("scripted", "released"))
        self.assertEqual((said.weights, said.cache), (0, 0))
        self.assertIn("mnemo model load", said.problem)

    def test_each_request_says_whose_it_is_and_what_it_waits_for(self) -> None:
        self.begin()
        self.pool.holding = True
        self.go_on("hello", session="s-1")
        self.go_on("heron", session="openai/curl")
        self.go_on("goose", priority=Priority.BACKGROUND)
        self.meter.callers = lambda: [(session("curl", 1), 2)]
        self.reactor.advance(2.0)
        seen = self.meter.snapshot()
        told = [(each.client, each.priority, each.age) for each in seen.language.requests]
        self.assertEqual(
            told,
            [
                ("claude-code", "interactive", 2.0),
                ("curl", "interactive", 2.0),
                ("", "background", 2.0),
            ],
        )
        self.assertEqual(seen.callers, (Caller("openai/curl", "curl", 1, 2),))
        self.assertEqual(seen.language.waiting.background, 1)

    def test_who_waits_for_a_model_to_be_loaded_is_seen(self) -> None:
        self.begin()
        self.kept.release()
        self.go_on(session="s-1").addErrback(lambda _: None)
        self.reactor.advance(1.0)
        (one,) = self.meter.snapshot().language.requests
        self.assertEqual((one.state, one.why), ("waiting", "the model was released"))
        self.assertEqual((one.position, one.age), (1, 1.0))
        self.pool.holding = True
        self.kept.load()
        (one,) = self.meter.snapshot().language.requests
        self.assertEqual(one.why, "the model is being loaded")
        self.work()
        self.assertEqual(self.meter.snapshot().language.requests, ())
        self.assertEqual(self.meter.snapshot().language.first_token.p50, 1.0)

    def test_tokens_are_counted_by_the_second(self) -> None:
        self.begin()
        for _ in range(30):
            self.go_on()
            self.reactor.advance(1.0)
        said = self.meter.snapshot().language
        self.assertLess(abs(said.tokens_per_second - said.tokens / 30), 0.1)
        self.assertEqual(said.first_token.count, 30)
        self.reactor.advance(60.0)
        self.assertEqual(self.meter.snapshot().language.tokens_per_second, 0.0)

    def test_what_is_reused_of_prompts_is_a_share_of_them(self) -> None:
        self.begin()
        for _ in range(2):
            self.go_on("a prompt that is long enough to be kept", session="s-1")
        said = self.meter.snapshot().language
        self.assertGreater(said.reused_tokens, 0)
        self.assertEqual(said.reuse, round(said.reused_tokens / said.prompt_tokens, 3))

    def test_the_embedder_says_how_often_it_knew(self) -> None:
        self.embedder.statistics = evolve(
            self.embedder.statistics,
            remembered=3,
            missed=1,
            waiting_background=2,
            oldest_background=1.5,
        )
        said = self.meter.snapshot().embedding
        self.assertEqual((said.query_hits, said.query_misses, said.query_reuse), (3, 1, 0.75))
        self.assertEqual((said.waiting, said.oldest.background), (Counts(0, 2), 1.5))
        self.assertEqual((said.vectors, said.memories), (3, 5))

    def test_an_embedder_without_a_model_says_why(self) -> None:
        self.embedder.take_model_away("fetch it")
        said = self.meter.snapshot().embedding
        self.assertEqual((said.name, said.problem, said.device), ("embeds", "fetch it", None))

    def test_the_memory_of_a_gpu_is_asked_for_only_while_a_model_is_on_it(self) -> None:
        self.reactor.advance(5.0)
        self.assertEqual((self.looks, self.meter.snapshot().gpu), ([], None))
        self.model.info = evolve(self.model.info, device="a GPU")
        self.begin()
        for _ in range(3):
            self.reactor.advance(1.0)
        self.assertEqual(self.meter.snapshot().gpu, Gpu("a GPU", None, None))
        (look,) = self.looks
        look.callback(Memory(3, 10))
        self.assertEqual(self.meter.snapshot().gpu, Gpu("a GPU", 3, 10))
        self.kept.release()
        self.reactor.advance(1.0)
        self.assertEqual((len(self.looks), self.meter.snapshot().gpu), (1, None))

    def test_a_gpu_that_does_not_say_is_logged_and_asked_again(self) -> None:
        self.model.info = evolve(self.model.info, device="a GPU")
        self.begin()
        answers = [fail(OSError("no")), succeed(Memory(1, 2))]
        self.meter.look = lambda: answers.pop(0)
        self.reactor.advance(1.0)
        self.assertEqual(self.meter.snapshot().gpu, Gpu("a GPU", None, None))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.reactor.advance(1.0)
        self.assertEqual(self.meter.snapshot().gpu, Gpu("a GPU", 1, 2))

    def test_a_server_says_whether_it_is_left_alone(self) -> None:
        server = RemoteGenerator(self.reactor, ServerModel("http://box:8080/v1", "big"))
        self.meter.links = [Link(server)]
        (said,) = self.meter.snapshot().servers
        self.assertEqual((said.host, said.model, said.breaker), ("box:8080", "big", "closed"))
        for _ in range(3):
            server.breaker.failed()
        (said,) = self.meter.snapshot().servers
        self.assertEqual((said.breaker, said.retry_in), ("open", 15.0))

    def test_without_a_language_model_there_is_still_something_to_say(self) -> None:
        meter = evolve(self.meter, generator=NoGenerator(), links=[], local=None, named=("e", ""))
        said = meter.snapshot()
        self.assertEqual((said.language.name, said.language.state), ("", "none"))
        self.assertEqual((said.language.problem, said.language.requests), ("", ()))
        self.assertEqual(said.embedding.name, "fake")

    def test_a_defect_ends_no_looking(self) -> None:
        del self.embedder.statistics
        self.reactor.advance(1.0)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.embedder.statistics = FakeEmbedder().statistics
        self.reactor.advance(1.0)

    def test_it_costs_less_than_a_millisecond(self) -> None:
        self.begin()
        self.pool.holding = True
        for number in range(30):
            self.go_on(session=f"s-{number % 10}")
        seconds = min(timeit.repeat(lambda: msgspec.json.encode(self.meter.snapshot()), number=1))
        self.assertLess(seconds, 0.001)
        self.assertIsInstance(self.meter.firsts, Lately)
