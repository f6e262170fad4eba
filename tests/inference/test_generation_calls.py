"""The calls on a language model, and what becomes of them."""

from typing import Any

from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from mnemo.inference.generation import (
    Generation,
    GenerationFailed,
    Message,
    Overloaded,
    UnfitRequest,
)
from mnemo.inference.generation_calls import GenerationCalls
from mnemo.inference.interfaces import Priority
from mnemo.inference.loader import ILoaded
from mnemo.inference.slots import OF_A_SESSION
from mnemo.inference.steps import IGenerationBackend
from tests.inference import scripted
from tests.inference.scripted import expected
from tests.inference.test_generator import GeneratorCase


def answer_to(prompt: str, most: int) -> str:
    return "".join(map(chr, expected([ord(character) for character in prompt], most)))


class GenerationTests(GeneratorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_they_are_a_source_of_steps(self) -> None:
        calls = GenerationCalls(self.model, self.reactor, self.thread, 0.02)
        self.assertTrue(verifyObject(ILoaded, calls))
        self.assertTrue(verifyObject(IGenerationBackend, self.model))

    def test_a_prompt_is_gone_on_with(self) -> None:
        completion = self.successResultOf(self.ask("hello", max_tokens=5))
        self.assertEqual(completion.text, answer_to("hello", 5))
        self.assertEqual(completion.finish, "length")
        self.assertEqual((completion.prompt_tokens, completion.tokens), (5, 5))
        self.assertEqual((completion.model, completion.logprob), ("scripted", -0.5))

    def test_an_answer_that_ends_by_itself_says_so(self) -> None:
        prompt = next(p for p in "abcdefghijklmnopqrstuvwxyz" if len(answer_to(p, 20)) < 20)
        completion = self.successResultOf(self.ask(prompt))
        self.assertEqual((completion.text, completion.finish), (answer_to(prompt, 20), "stop"))

    def test_a_chat_goes_through_the_template(self) -> None:
        request = Generation([Message("user", "hi")], 5)
        completion = self.successResultOf(self.generator.generate(request))
        self.assertEqual(completion.text, answer_to("[user]hi[/][assistant]", 5))

    def test_what_is_sure_is_told_at_once(self) -> None:
        self.pool.holding = True
        told: list[str] = []
        answer = self.ask("hello", told.append)
        while len(told) < 2:
            self.pool.work()
        self.assertNoResult(answer)
        self.work()
        self.assertEqual("".join(told), self.successResultOf(answer).text)

    def test_log_probabilities_are_told_with_the_text_that_they_are_of(self) -> None:
        told: list[Any] = []
        completion = self.successResultOf(self.ask("hello", told.append, logprobs=0, max_tokens=5))
        self.assertEqual("".join(told), completion.text)
        said = [choice for piece in told for choice in piece.choices]
        self.assertEqual(tuple(said), completion.choices)
        plain: list[str] = []
        self.ask("hello", plain.append, max_tokens=5)
        self.assertEqual({type(piece) for piece in plain}, {str})

    def test_a_stop_string_ends_it(self) -> None:
        whole = answer_to("hello", 20)
        stop = whole[4:6]
        told: list[str] = []
        completion = self.successResultOf(self.ask("hello", told.append, stop=(stop,)))
        self.assertEqual(completion.text, whole[: whole.index(stop)])
        self.assertEqual((completion.finish, "".join(told)), ("stop", completion.text))
        self.assertEqual(self.generator.statistics.running, 0)

    def test_calls_of_tools_are_told_from_the_text(self) -> None:
        call = '{"name": "find", "arguments": {"a": 1}}'
        said = [*map(ord, f"Yes. <tool_call>{call}</tool_call>"), scripted.END]
        self.patch(scripted, "next_token", lambda tokens: said[len(tokens) - 1])
        told: list[str] = []
        tool = {"type": "function", "function": {"name": "find"}}
        completion = self.successResultOf(
            self.ask("x", told.append, tools=[tool], max_tokens=len(said))
        )
        self.assertEqual((completion.text, completion.finish), ("Yes.", "tool_calls"))
        (found,) = completion.tool_calls
        self.assertEqual(found["function"], {"name": "find", "arguments": '{"a": 1}'})
        self.assertEqual("".join(told), completion.text)

    def test_callers_at_once_have_each_their_own_answer(self) -> None:
        self.pool.holding = True
        prompts = [f"caller {number}" for number in range(7)]
        answers = [self.ask(prompt, session=prompt) for prompt in prompts]
        self.work()
        for prompt, answer in zip(prompts, answers, strict=True):
            self.assertEqual(self.successResultOf(answer).text, answer_to(prompt, 20))

    def test_a_fixed_beginning_is_computed_once(self) -> None:
        system = Message("system", "answer in one word, and say nothing that is not asked")
        for number in range(2):
            request = Generation(
                [system, Message("user", f"question {number}")], 5, fixed=1, session=str(number)
            )
            completion = self.successResultOf(self.generator.generate(request))
        self.assertGreater(completion.reused, len(system.content))
        self.assertEqual(self.generator.statistics.reused, completion.reused)

    def test_how_long_it_took_is_said(self) -> None:
        self.pool.holding = True
        answer = self.ask("hello", max_tokens=5)
        self.reactor.advance(2)
        self.pool.work()  # the prompt is prepared, and the first step is on its way
        self.reactor.advance(1)
        self.pool.work()
        self.reactor.advance(4)
        self.work()
        completion = self.successResultOf(answer)
        self.assertEqual((completion.waited, completion.first), (2, 3))
        self.assertEqual(completion.seconds, 7)

    def test_statistics_say_who_runs_and_waits(self) -> None:
        self.pool.holding = True
        answers = [self.ask(f"{n}", priority=Priority.BACKGROUND) for n in range(3)]
        answers += [self.ask(f"{n}", session="b") for n in range(2)]
        for _ in range(6):
            self.pool.work()
        statistics = self.generator.statistics
        self.assertEqual((statistics.loads, statistics.slots, statistics.running), (1, 2, 2))
        waiting = (statistics.waiting_interactive, statistics.waiting_background)
        self.assertEqual(sum(waiting), 3)
        self.work()
        statistics = self.generator.statistics
        self.assertEqual(statistics.prompt_tokens, 5)
        self.assertGreater(statistics.tokens, 0)


class EndingTests(GeneratorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        self.pool.holding = True

    def test_a_cancelled_answer_stops_at_the_next_step(self) -> None:
        other = self.ask("other", session="b")
        answer = self.ask("hello", max_tokens=400)
        while not self.generator.statistics.running:
            self.pool.work()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.work()
        self.assertEqual(self.successResultOf(other).text, answer_to("other", 20))
        self.assertEqual(self.model.opened, set())
        self.assertEqual(self.generator.statistics.running, 0)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_who_is_told_may_cancel(self) -> None:
        answer = self.ask("hello", lambda text: answer.cancel())
        self.work()
        self.failureResultOf(answer, CancelledError)

    def test_who_is_told_may_fail(self) -> None:
        answer = self.ask("hello", lambda text: 1 // 0, max_tokens=2)
        self.work()
        self.successResultOf(answer)
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_after_its_time_it_is_given_up(self) -> None:
        answer = self.ask("hello", timeout=10.0)
        self.pool.work()
        self.reactor.advance(10)
        failure = self.failureResultOf(answer, TimeoutError)
        self.assertEqual(str(failure.value), "the answer was not complete within 10 seconds")
        self.work()
        self.assertEqual(self.model.opened, set())

    def test_a_request_that_does_not_fit_is_refused_and_nobody_else(self) -> None:
        unfit = [
            self.ask("hello", max_tokens=0),
            self.ask("hello", grammar="bad"),
            self.ask("h" * 512),
            self.ask("hello", schema={"type": "nonsense"}),
        ]
        fit = self.ask("hello", session="b")
        self.work()
        for answer in unfit:
            self.failureResultOf(answer, UnfitRequest)
        self.successResultOf(fit)
        self.assertEqual(self.generator.problem, "")

    def test_too_many_requests_are_refused(self) -> None:
        answers = [self.ask(session="a") for _ in range(OF_A_SESSION + 1)]
        failure = self.failureResultOf(answers[-1], Overloaded)
        self.assertGreater(failure.value.retry_after, 0)
        for answer in answers[:-1]:
            answer.cancel()
            self.failureResultOf(answer, CancelledError)

    def test_a_failing_step_fails_its_answers_and_the_model_lives_on(self) -> None:
        answer = self.ask("hello")
        self.pool.work()
        self.model.failure = RuntimeError("out of\nmemory")
        self.work()
        failure = self.failureResultOf(answer, GenerationFailed)
        self.assertEqual(
            str(failure.value), "the language model failed: RuntimeError: out of memory"
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        again = self.ask("hello")
        self.work()
        self.successResultOf(again)
