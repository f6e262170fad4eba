"""The language model of another server, over the loopback."""

import socket
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mnemo.inference.breaker import FAILURES
from mnemo.inference.generation import (
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    IGenerator,
    Message,
    Overloaded,
    Sampling,
    TokenChoice,
    UnfitRequest,
)
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.remote_server import LONGEST_PAUSE, PAUSE, pause_after
from mnemo.inference.servers import ServerModel
from tests.inference.loopback import (
    Answer,
    Loopback,
    events,
    hangs_up,
    no_pause,
    says,
    streams,
    waits,
)

ASKED = Generation([Message("user", "Hello?")], max_tokens=9)


def delta(text: str) -> dict[str, object]:
    return {"model": "big-1", "choices": [{"index": 0, "delta": {"content": text}}]}


END = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 3},
    },
}
HELLO = events(delta("Hel"), delta("lö"), END, USAGE, "[DONE]")


class RemoteTestCase(TestCase):
    """A generator and the server that it asks."""

    timeout = 10

    def setUp(self) -> None:
        self.there = Loopback()
        self.server = self.there.listen()
        self.generator = RemoteGenerator(reactor, self.server, no_pause)
        self.addCleanup(self.close)

    async def close(self) -> None:
        await self.generator.stop()
        await self.there.close()

    def answering(self, *answers: Answer) -> None:
        self.there.answers = list(answers)

    async def expect(self, kind: type[Exception], asked: Generation = ASKED) -> Exception:
        try:
            await self.generator.generate(asked)
        except kind as problem:
            self.assertNotIn("s3cret", str(problem))
            self.assertNotIn("\n", str(problem))
            return problem
        raise AssertionError("it was answered")


class AnswerTests(RemoteTestCase):
    """What the server answers."""

    def test_it_is_a_generator(self) -> None:
        self.assertTrue(verifyObject(IGenerator, self.generator))
        assert self.generator.model is not None
        self.assertEqual((self.generator.model.name, self.generator.problem), ("big", ""))

    async def test_it_comes_piece_by_piece(self) -> None:
        self.answering(streams(HELLO))
        said: list[str] = []
        answer = await self.generator.generate(ASKED, said.append)
        self.assertEqual((answer.text, "".join(said), answer.finish), ("Hellö", "Hellö", "stop"))
        self.assertEqual((answer.prompt_tokens, answer.tokens, answer.reused), (5, 2, 3))
        self.assertEqual(answer.model, "big-1")
        self.assertEqual(self.generator.statistics.tokens, 2)

    async def test_it_does_not_matter_how_it_is_cut(self) -> None:
        self.answering(streams(*(HELLO[at : at + 1] for at in range(len(HELLO)))))
        self.assertEqual((await self.generator.generate(ASKED)).text, "Hellö")

    async def test_what_the_model_thought_is_no_part_of_it(self) -> None:
        body = events(
            delta("<thi"), delta("nk>Hm.</think>\n\n"), delta("Hi <think>"), END, "[DONE]"
        )
        self.answering(streams(body))
        said: list[str] = []
        answer = await self.generator.generate(ASKED, said.append)
        self.assertEqual((answer.text, "".join(said)), ("Hi <think>", "Hi <think>"))

    async def test_log_probabilities_are_kept(self) -> None:
        token = {
            "token": "a",
            "logprob": -0.5,
            "top_logprobs": [{"token": "b", "logprob": -1.0}],
        }
        choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [token]}}
        self.answering(streams(events({"choices": [choice]}, END, "[DONE]")))
        told: list[Any] = []
        answer = await self.generator.generate(evolve(ASKED, logprobs=1), told.append)
        self.assertEqual([(piece, piece.choices) for piece in told], [("a", answer.choices)])
        self.assertEqual(answer.choices, (TokenChoice("a", -0.5, (("b", -1.0),)),))
        self.assertEqual(answer.logprob, -0.5)

    async def test_a_text_is_gone_on_with(self) -> None:
        columns = {"tokens": ["b"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -1.0}]}
        choice = {"index": 0, "text": "b", "finish_reason": "length", "logprobs": columns}
        self.answering(streams(events({"choices": [choice]}, "[DONE]")))
        answer = await self.generator.generate(Generation("a", logprobs=1))
        self.assertEqual((answer.text, answer.finish), ("b", "length"))
        self.assertEqual(answer.choices, (TokenChoice("b", -1.0, (("b", -1.0),)),))
        (received,) = self.there.received
        self.assertEqual((received.path, received.content["prompt"]), ("/v1/completions", "a"))

    async def test_calls_of_tools_are_put_together(self) -> None:
        def part(**call: object) -> dict[str, object]:
            return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}]}

        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        self.answering(
            streams(
                events(
                    part(id="1", type="function", function={"name": "f", "arguments": ""}),
                    part(function={"arguments": '{"a"'}),
                    part(function={"arguments": ":1}"}),
                    end,
                )
            )
        )
        answer = await self.generator.generate(ASKED)
        (call,) = answer.tool_calls
        self.assertEqual(call["function"], {"name": "f", "arguments": '{"a":1}'})
        self.assertEqual((call["id"], answer.finish), ("1", "tool_calls"))


class RequestTests(RemoteTestCase):
    """What the server is asked."""

    async def test_little_where_little_is_wanted(self) -> None:
        self.answering(streams(HELLO))
        await self.generator.generate(ASKED)
        (received,) = self.there.received
        self.assertEqual(received.path, "/v1/chat/completions")
        self.assertEqual(received.headers["authorization"], "Bearer s3cret")
        self.assertEqual(
            received.content,
            {
                "model": "big",
                "stream": True,
                "stream_options": {"include_usage": True},
                "temperature": 0.0,
                "max_tokens": 9,
                "messages": [{"role": "user", "content": "Hello?"}],
            },
        )

    async def test_all_that_is_wanted(self) -> None:
        self.answering(streams(HELLO))
        sampling = Sampling(temperature=0.5, top_p=0.9, seed=7, min_p=0.1, logit_bias={3: 1.0})
        schema, tool = {"type": "object"}, {"type": "function", "function": {"name": "f"}}
        await self.generator.generate(
            evolve(ASKED, sampling=sampling, stop=("END",), schema=schema, tools=[tool], logprobs=2)
        )
        content = self.there.received[0].content
        self.assertEqual(
            {name: content[name] for name in ("temperature", "top_p", "seed", "min_p", "stop")},
            {"temperature": 0.5, "top_p": 0.9, "seed": 7, "min_p": 0.1, "stop": ["END"]},
        )
        self.assertEqual(content["logit_bias"], {"3": 1.0})
        self.assertEqual(content["response_format"]["json_schema"]["schema"], schema)
        self.assertEqual((content["tools"], content["top_logprobs"]), ([tool], 2))
        self.assertNotIn("top_k", content)

    async def test_a_grammar_is_none_of_its_own(self) -> None:
        await self.expect(UnfitRequest, evolve(ASKED, grammar='root ::= "a"'))
        self.assertEqual(self.there.received, [])

    async def test_a_connection_is_used_again(self) -> None:
        self.answering(streams(HELLO), streams(HELLO))
        await self.generator.generate(ASKED)
        await self.generator.generate(ASKED)
        self.assertEqual(self.there.connections, 1)

    async def test_none_is_kept_when_it_stops(self) -> None:
        self.answering(streams(HELLO))
        await self.generator.generate(ASKED)
        await self.generator.stop()
        problem = await self.expect(GeneratorUnavailable)
        self.assertIn("stopping", str(problem))


class AgainTests(RemoteTestCase):
    """A request is sent again where the server cannot have begun it, and not otherwise."""

    async def test_a_server_that_says_when_to_come_back(self) -> None:
        for status in (429, 503):
            self.answering(says(status, {}, Retry_After="0"), streams(HELLO))
            self.assertEqual((await self.generator.generate(ASKED)).text, "Hellö")

    async def test_one_that_does_not_is_believed(self) -> None:
        self.answering(says(429, {"error": {"message": "Too many."}}))
        problem = await self.expect(Overloaded)
        self.assertIn("Too many.", str(problem))
        self.assertEqual(len(self.there.received), 1)

    async def test_one_that_says_so_again_and_again_is_believed_as_well(self) -> None:
        self.answering(*(says(429, {}, Retry_After="0") for _ in range(3)))
        problem = await self.expect(Overloaded)
        assert isinstance(problem, Overloaded)
        self.assertEqual((problem.retry_after, len(self.there.received)), (0.0, 3))

    async def test_a_long_pause_is_left_to_who_asks(self) -> None:
        self.answering(says(503, {}, Retry_After=str(LONGEST_PAUSE + 1)))
        problem = await self.expect(GeneratorUnavailable)
        assert isinstance(problem, GeneratorUnavailable)
        self.assertEqual(problem.retry_after, LONGEST_PAUSE + 1)

    async def test_a_server_that_hangs_up_without_a_word(self) -> None:
        self.answering(hangs_up(), streams(HELLO))
        self.assertEqual((await self.generator.generate(ASKED)).text, "Hellö")

    async def test_never_once_the_answer_has_begun(self) -> None:
        said: list[str] = []
        self.answering(hangs_up(events(delta("Hel"))))
        with self.assertRaises(GenerationFailed):
            await self.generator.generate(ASKED, said.append)
        self.assertEqual((said, len(self.there.received)), (["Hel"], 1))

    async def test_nor_where_the_server_failed_at_it(self) -> None:
        self.answering(says(500, {"error": {"message": "CUDA error"}}))
        self.assertIn("CUDA error", str(await self.expect(GenerationFailed)))
        self.assertEqual(len(self.there.received), 1)


class PauseTests(SynchronousTestCase):
    def test_a_pause_grows_and_is_never_the_same_for_all(self) -> None:
        self.assertEqual(pause_after(0, None, 0), PAUSE / 2)
        self.assertEqual(pause_after(0, None, 1), PAUSE * 1.5)
        self.assertEqual(pause_after(1, None, 0.5), PAUSE * 2)

    def test_what_a_server_asks_for_is_the_least(self) -> None:
        self.assertEqual(pause_after(0, 3.0, 0), 3 + PAUSE / 2)


class ProblemTests(RemoteTestCase):
    """Each problem is one line that says what mends it."""

    async def test_no_server(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.generator = RemoteGenerator(
            reactor, ServerModel(f"http://127.0.0.1:{port}/v1", "big"), no_pause
        )
        problem = await self.expect(GeneratorUnavailable)
        self.assertIn(f"127.0.0.1:{port} does not answer", str(problem))

    async def test_after_some_of_these_it_is_left_alone(self) -> None:
        self.answering(*(says(503, {"error": "loading"}) for _ in range(FAILURES)))
        for _ in range(FAILURES):
            self.assertEqual(self.generator.problem, "")
            await self.expect(GeneratorUnavailable)
        problem = await self.expect(GeneratorUnavailable)
        assert isinstance(problem, GeneratorUnavailable)
        self.assertEqual(len(self.there.received), FAILURES)
        self.assertIn("loading", str(problem))
        self.assertEqual(str(problem), self.generator.problem)
        assert problem.retry_after is not None
        self.assertGreater(problem.retry_after, 10)

    async def test_a_request_that_does_not_fit_is_no_failure_of_the_server(self) -> None:
        self.answering(*(says(400, {"error": {"message": "Too long."}}) for _ in range(5)))
        for _ in range(5):
            self.assertIn("Too long.", str(await self.expect(UnfitRequest)))
        self.assertEqual(self.generator.problem, "")

    async def test_a_key_that_is_refused(self) -> None:
        self.answering(says(401, {"error": {"message": "No."}}))
        self.assertIn("key=", str(await self.expect(GeneratorUnavailable)))

    async def test_a_key_that_is_not_there(self) -> None:
        server = evolve(self.server, key="", variable="THE_KEY")
        self.generator = RemoteGenerator(reactor, server, no_pause)
        self.assertIn("THE_KEY", self.generator.problem)
        self.assertIn("THE_KEY", str(await self.expect(GeneratorUnavailable)))
        self.assertEqual(self.there.received, [])

    async def test_a_model_that_is_not_there(self) -> None:
        self.answering(says(404, {"error": {"message": "not found"}}))
        self.assertIn("'big'", str(await self.expect(GeneratorUnavailable)))

    async def test_a_server_that_points_elsewhere_is_not_followed_with_the_key(self) -> None:
        self.answering(says(307, {}, Location="http://127.0.0.1:1/"))
        self.assertIn("307", str(await self.expect(GeneratorUnavailable)))

    async def test_an_answer_that_cannot_be_read(self) -> None:
        for body in (
            b"data: {nonsense\n\n",
            b'data: {"choices": 5}\n\n',
            b"data: []\n\n",
            b'{"choices": []}',
            events(delta("Hel")),
            events({"error": {"message": "out of memory"}}),
        ):
            self.generator = RemoteGenerator(reactor, self.server, no_pause)
            self.answering(streams(body))
            await self.expect(GenerationFailed)
            await self.generator.stop()

    async def test_an_answer_that_takes_too_long(self) -> None:
        self.answering(*[waits] * FAILURES)
        for _ in range(FAILURES):
            self.assertEqual(self.generator.problem, "")
            await self.expect(TimeoutError, evolve(ASKED, timeout=0.05))
        await self.there.gone
        self.assertIn("does not answer in time", self.generator.problem)

    async def test_a_key_is_in_no_log(self) -> None:
        with capturedLogs() as logged:
            self.answering(says(401, {}), says(500, {}), streams(HELLO))
            await self.expect(GeneratorUnavailable)
            await self.expect(GenerationFailed)
            await self.generator.generate(ASKED)
        self.assertNotIn("s3cret", repr(logged))
        self.assertNotIn("s3cret", repr(self.generator))


class CancelTests(RemoteTestCase):
    """To cancel an answer closes the connection, so that the server stops."""

    async def test_before_it_has_begun(self) -> None:
        self.answering(waits)
        answer = self.generator.generate(ASKED)
        reactor.callLater(0.05, answer.cancel)
        with self.assertRaises(CancelledError):
            await answer
        await self.there.gone
        self.assertEqual(self.generator.statistics.running, 0)

    async def test_in_the_middle(self) -> None:
        self.answering(streams(events(delta("Hel")), ends=False))
        begun: Deferred[str] = Deferred()
        answer = self.generator.generate(ASKED, begun.callback)
        self.assertEqual(await begun, "Hel")
        self.assertEqual(self.generator.statistics.running, 1)
        answer.cancel()
        with self.assertRaises(CancelledError):
            await answer
        await self.there.gone

    async def test_a_stop_ends_what_runs(self) -> None:
        self.answering(waits)
        answer = self.generator.generate(ASKED)
        await self.generator.stop()
        with self.assertRaises(GeneratorUnavailable):
            await answer

    async def test_a_listener_that_fails_ends_it_as_well(self) -> None:
        def fail(text: str) -> None:
            raise ZeroDivisionError

        self.answering(streams(events(delta("Hel")), ends=False))
        with self.assertRaises(ZeroDivisionError):
            await self.generator.generate(ASKED, fail)
        await self.there.gone
