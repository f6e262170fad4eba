"""The language model of the daemon: what becomes of requests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    IGenerator,
    Message,
    Overloaded,
    UnfitRequest,
)
from mnemo.inference.generator import ABSENT, LocalGenerator
from mnemo.inference.interfaces import IStepSource, Priority
from mnemo.inference.slots import OF_A_SESSION
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.thread import InferenceThread
from tests.inference import scripted
from tests.inference.fakes import SteppedPool, ThreadlessReactor
from tests.inference.scripted import ScriptedGenerator, expected

FILE = Path("/models/x.gguf")


def answer_to(prompt: str, most: int) -> str:
    return "".join(map(chr, expected([ord(character) for character in prompt], most)))


class GeneratorCase(SynchronousTestCase):
    """A generator whose thread works when told to."""

    def setUp(self) -> None:
        self.model = ScriptedGenerator(slots=2, capacity=512, batch=64)
        self.reactor = ThreadlessReactor()
        self.pool = SteppedPool()
        self.thread = InferenceThread(self.reactor, pool=self.pool)
        self.thread.start()
        self.loads = 0
        self.failure: Exception | None = None
        self.generator = LocalGenerator(self.reactor, self.load, self.thread, step_seconds=0.02)

    def load(self) -> IGenerationBackend:
        self.loads += 1
        if self.failure is not None:
            raise self.failure
        return self.model

    def start(self) -> None:
        self.successResultOf(self.generator.start())

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()

    def ask(
        self, prompt: str = "hello", on_text: Callable[[str], object] | None = None, **more: Any
    ) -> Deferred[Completion]:
        return self.generator.generate(evolve(Generation(prompt, 20), **more), on_text)


class GenerationTests(GeneratorCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def test_it_is_a_generator_and_a_source_of_steps(self) -> None:
        self.assertTrue(verifyObject(IGenerator, self.generator))
        self.assertTrue(verifyObject(IStepSource, self.generator))
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


class LoadingTests(GeneratorCase):
    def test_all_wait_for_one_load(self) -> None:
        self.pool.holding = True
        waiting = [self.generator.load() for _ in range(5)]
        self.work()
        for waiter in waiting:
            self.successResultOf(waiter)
        self.successResultOf(self.generator.load())
        self.assertEqual((self.loads, self.generator.statistics.loads), (1, 1))

    def test_one_who_waits_no_more_stops_no_load(self) -> None:
        self.pool.holding = True
        first, second = self.generator.load(), self.generator.load()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.work()
        self.successResultOf(second)

    def test_without_the_model_there_is_no_answer(self) -> None:
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), ABSENT)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_model_that_cannot_be_loaded_is_a_problem_of_one_line(self) -> None:
        self.failure = ModelBroken(FILE, "is damaged")
        self.start()
        self.assertIn("is damaged", self.generator.problem)
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), self.generator.problem)
        self.failure = RuntimeError("the GPU is\nbusy")
        self.failureResultOf(self.generator.load(), GeneratorUnavailable)
        self.assertEqual(
            self.generator.problem,
            "the language model fails to load: RuntimeError: the GPU is busy",
        )
        self.failure = None
        self.successResultOf(self.generator.load())
        self.assertEqual(self.generator.problem, "")

    def test_the_file_is_checked_before_it_is_loaded_on_another_thread(self) -> None:
        done: list[str] = []

        def check() -> None:
            done.append("checked")
            raise ModelBroken(FILE, "is no model")

        self.generator = LocalGenerator(
            self.reactor, self.load, self.thread, step_seconds=0.02, check=check
        )
        self.start()
        self.assertEqual((done, self.loads), (["checked"], 0))
        self.assertIn("is no model", self.generator.problem)

    def test_unloaded_it_is_freed_and_comes_back(self) -> None:
        self.start()
        self.pool.holding = True
        running = self.ask("hello")
        self.pool.work()
        unloaded = self.generator.unload()
        self.failureResultOf(running, GeneratorUnavailable)
        self.assertIsNone(self.generator.model)
        self.work()
        self.successResultOf(unloaded)
        self.assertTrue(self.model.closed)
        self.pool.holding = False
        self.model = ScriptedGenerator(capacity=512)
        self.successResultOf(self.generator.load())
        self.successResultOf(self.ask("hello"))

    def test_a_load_that_is_asked_for_meanwhile_comes_after_it(self) -> None:
        self.start()
        self.pool.holding = True
        old, self.model = self.model, ScriptedGenerator(capacity=512)
        unloaded, loaded = self.generator.unload(), self.generator.load()
        self.work()
        self.successResultOf(unloaded)
        self.successResultOf(loaded)
        self.assertEqual((old.closed, self.model.closed), (True, False))
        self.pool.holding = False
        self.successResultOf(self.ask("hello"))

    def test_stopped_while_it_loads_it_is_freed(self) -> None:
        self.pool.holding = True
        started = self.generator.start()
        stopped = self.generator.stop()
        self.work()
        self.successResultOf(started)
        self.successResultOf(stopped)
        self.assertTrue(self.model.closed)
        failure = self.failureResultOf(self.ask(), GeneratorUnavailable)
        self.assertEqual(str(failure.value), "mnemo is stopping")

    def test_a_model_that_cannot_be_freed_is_logged(self) -> None:
        self.start()
        self.patch(self.model, "close", lambda: 1 // 0)
        self.successResultOf(self.generator.unload())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
