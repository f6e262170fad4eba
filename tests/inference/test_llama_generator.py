"""The language model on llama.cpp, with a model of random weights that the tests write."""

import json
from collections.abc import Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.checksums import note
from mnemo.inference.convert import convert
from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    Message,
    Sampling,
    UnfitRequest,
)
from mnemo.inference.generator import LocalGenerator
from mnemo.inference.interfaces import Priority
from mnemo.inference.llama_generator import LlamaGenerator, load_generator
from mnemo.inference.steps import (
    Chunk,
    DecodeStep,
    IGenerationBackend,
    Remove,
)
from mnemo.inference.thread import InferenceThread
from tests.inference import tiny, tiny_model
from tests.inference.fakes import SteppedPool, ThreadlessReactor

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "count": {"type": "integer", "minimum": 0, "maximum": 99},
        "kind": {"enum": ["cat", "dog"]},
    },
    "required": ["name", "count", "kind"],
}
WARM = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)


class ModelCase(SynchronousTestCase):
    """A case with a tiny model, of which it is noted that it is whole."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = tiny_model.write_language_model(self.folder / "tiny.gguf")
        note(self.path)

    def load(self, path: Path | None = None, **more: Any) -> LlamaGenerator:
        settings = {"slots": 4, "context": 1024} | more
        # Each look at the clock costs time, so that a step has some passes and not all.
        now = count(0.0, 0.004).__next__
        model = load_generator(path or self.path, "off", 1, now, **settings)
        self.addCleanup(model.close)
        return model


class GeneratingCase(ModelCase):
    """A generator on the tiny model, whose thread works at once, or when told to."""

    def setUp(self) -> None:
        super().setUp()
        self.generator, self.pool = self.make()

    def make(self, **more: Any) -> tuple[LocalGenerator, SteppedPool]:
        pool, reactor = SteppedPool(), ThreadlessReactor()
        thread = InferenceThread(reactor, pool=pool)
        generator = LocalGenerator(reactor, lambda: self.load(**more), thread, step_seconds=0.02)
        thread.start()
        self.successResultOf(generator.start())
        return generator, pool

    def ask(self, prompt: str, most: int = 24, **more: Any) -> Deferred[Completion]:
        request = Generation(prompt, most, logprobs=0)
        return self.generator.generate(evolve(request, **more))

    def answer(self, prompt: str, most: int = 24, **more: Any) -> Completion:
        return self.successResultOf(self.ask(prompt, most, **more))

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()


MOST = 16


class BatchTests(GeneratingCase):
    """
    In other company llama.cpp rounds otherwise, so that of two tokens that are as likely it may
    choose the other. The prompts here are such that no choice is so close.
    """

    CLOSE = 0.04
    alone: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - found once for all tests

    def setUp(self) -> None:
        super().setUp()
        if not self.alone:
            model = self.load(slots=1, context=512)
            words = (f"{n} " + "the cat sat on the mat " * (n % 9) for n in range(200))
            answers = ((prompt, self.clear_answer(model, prompt)) for prompt in words)
            self.alone.update(islice(((p, answer) for p, answer in answers if answer), 8))
            model.close()

    def clear_answer(self, model: LlamaGenerator, prompt: str) -> tuple[str, ...]:
        """The tokens of an answer that nobody else has a part in, if they are clear."""
        model.open(1, Sampling(), "", 2)
        chunk = Chunk(1, 0, 0, model.tokenize(prompt), MOST)
        tokens = model.perform(DecodeStep([Remove(0)], [chunk], MOST, 1.0)).tokens[1]
        choices = [token.choice for token in tokens if token.choice is not None]
        ranked = [[logprob for _, logprob in choice.likeliest] for choice in choices]
        clear = len(tokens) == MOST and all(first - second > self.CLOSE for first, second in ranked)
        return tuple(choice.text for choice in choices) if clear else ()

    def tokens(self, completion: Completion) -> tuple[str, ...]:
        return tuple(choice.text for choice in completion.choices)

    def test_many_at_once_have_the_tokens_that_each_has_alone(self) -> None:
        self.assertEqual(len(self.alone), 8)
        self.pool.holding = True
        answers = {
            prompt: self.ask(prompt, MOST, session=prompt, priority=Priority(number % 2))
            for number, prompt in enumerate(self.alone)
        }
        self.work()
        self.assert_as_alone(answers)

    def assert_as_alone(self, answers: dict[str, Deferred[Completion]]) -> None:
        for prompt, answer in answers.items():
            self.assertEqual(self.tokens(self.successResultOf(answer)), self.alone[prompt])

    def test_so_they_have_from_what_was_kept(self) -> None:
        reused = 0
        for _ in range(2):
            for prompt, tokens in self.alone.items():
                completion = self.answer(prompt, MOST, session=prompt)
                self.assertEqual(self.tokens(completion), tokens)
                reused += completion.reused
        self.assertGreater(reused, 100)

    def test_so_they_have_when_their_neighbours_are_cancelled(self) -> None:
        self.pool.holding = True
        answers = {prompt: self.ask(prompt, MOST, session=prompt) for prompt in self.alone}
        doomed = list(answers)[1::2]
        for steps in count():
            if not self.pool.busy:
                break
            self.pool.work()
            if steps % 2 and steps // 2 < len(doomed):
                answers[doomed[steps // 2]].cancel()
        for prompt in doomed:
            self.failureResultOf(answers.pop(prompt), CancelledError)
        self.assert_as_alone(answers)

    def test_so_they_have_when_they_were_paused_for_others(self) -> None:
        self.generator, self.pool = self.make(slots=1, context=256)
        self.pool.holding = True
        slow, quick = list(self.alone)[:2], list(self.alone)[2:4]
        answers = {
            prompt: self.ask(prompt, MOST, priority=Priority.BACKGROUND, session=prompt)
            for prompt in slow
        }
        for _ in range(4):
            self.pool.work()
        answers |= {prompt: self.ask(prompt, MOST, session=prompt) for prompt in quick}
        self.work()
        self.assert_as_alone(answers)

    def test_a_fixed_beginning_changes_nothing(self) -> None:
        def asked(number: int) -> Completion:
            chat = [Message("system", "x" * 60), Message("user", str(number))]
            request = Generation(chat, 16, fixed=1, session=str(number))
            return self.successResultOf(self.generator.generate(request))

        first, second, again = asked(1), asked(2), asked(1)
        self.assertEqual(first.reused, 0)
        self.assertGreater(second.reused, 60)
        self.assertEqual(again.text, first.text)


class SamplingTests(GeneratingCase):
    def test_a_seed_brings_the_same_answer_again(self) -> None:
        seeded = [
            self.answer("hello", sampling=evolve(WARM, seed=seed)).text
            for seed in (1, 1, 2, 2**32 - 1, 2**32 - 1)
        ]
        self.assertEqual(seeded[0], seeded[1])
        self.assertEqual(seeded[3], seeded[4])
        self.assertNotEqual(seeded[0], seeded[2])

    def test_without_one_each_answer_is_another(self) -> None:
        self.assertGreater(len({self.answer("hello", sampling=WARM).text for _ in range(4)}), 1)

    def test_a_bias_makes_a_token_likely_or_not(self) -> None:
        letter = tiny_model.BYTES + ord("x")
        wanted = Sampling(logit_bias={letter: 100.0})
        self.assertEqual(self.answer("hello", 5, sampling=wanted).text, "xxxxx")
        unwanted = Sampling(logit_bias={tiny_model.BYTES + n: -100.0 for n in range(128, 256)})
        self.assertTrue(self.answer("hello", sampling=unwanted).text.isascii())

    def test_a_penalty_keeps_it_from_repeating(self) -> None:
        letters = {tiny_model.BYTES + ord(letter): 50.0 for letter in "xy"}
        wanted = Sampling(logit_bias=letters, presence_penalty=40.0)
        self.assertEqual(set(self.answer("hello", 2, sampling=wanted).text), {"x", "y"})

    def test_log_probabilities_are_those_of_the_model(self) -> None:
        completion = self.answer("hello", 8, logprobs=20)
        for choice in completion.choices:
            self.assertEqual((choice.text, choice.logprob), choice.likeliest[0])
            self.assertEqual(
                sorted(choice.likeliest, key=lambda each: -each[1])[0][1], choice.logprob
            )
            self.assertLess(sum(np.exp(logprob) for _, logprob in choice.likeliest), 1.0001)
        assert completion.logprob is not None
        self.assertAlmostEqual(
            completion.logprob, np.mean([choice.logprob for choice in completion.choices])
        )

    def test_from_noise_a_schema_makes_json(self) -> None:
        for seed in range(8):
            for sampling in (Sampling(), evolve(WARM, seed=seed, temperature=2.0)):
                completion = self.answer(f"{seed}", 200, schema=SCHEMA, sampling=sampling)
                self.assertEqual(completion.finish, "stop")
                value = json.loads(completion.text)
                self.assertEqual(list(value), ["name", "count", "kind"])
                self.assertIn(value["kind"], ("cat", "dog"))

    def test_json_that_is_cut_short_says_so(self) -> None:
        self.assertEqual(self.answer("x", 5, schema=SCHEMA).finish, "length")

    def test_a_grammar_that_leads_nowhere_fails_that_request_alone(self) -> None:
        answer = self.ask("x", grammar='root ::= "ab" [^\\x00-\\UFFFFFFFF]')
        self.assertIn("fits the grammar", str(self.failureResultOf(answer, GenerationFailed).value))
        self.answer("x")

    def test_what_is_no_grammar_or_setting_is_refused(self) -> None:
        for request in (
            {"grammar": "no grammar"},
            {"grammar": "toor ::= [a]"},
            {"grammar": 'root ::= root "a" | "b"'},
            {"grammar": "root ::= " + "(" * 10_000 + '"a"' + ")" * 10_000},
            {"grammar": 'root ::= "a" #' + "x" * 300_000},
            {"grammar": 'root ::= "a\0"'},
            {"sampling": Sampling(temperature=float("nan"))},
            {"sampling": Sampling(temperature=-1.0)},
            {"sampling": Sampling(top_k=-5)},
            {"sampling": Sampling(top_p=1.5)},
            {"sampling": Sampling(repeat_penalty=0.0)},
            {"sampling": Sampling(logit_bias={10**9: 1.0})},
            {"sampling": Sampling(logit_bias={-1: 1.0})},
            {"sampling": Sampling(logit_bias={1: float("inf")})},
            {"logprobs": 21},
        ):
            answer = self.ask("x", **request)
            self.assertIsNotNone(answer.result, request)
            failure = self.failureResultOf(answer, UnfitRequest)
            self.assertNotIn("\n", str(failure.value))


class BackendTests(ModelCase):
    def test_it_is_a_backend(self) -> None:
        self.assertTrue(verifyObject(IGenerationBackend, self.load()))

    def test_it_says_what_was_loaded(self) -> None:
        model = self.load()
        self.assertEqual((model.info.name, model.info.device), ("tiny", "cpu"))
        self.assertEqual((model.info.window, model.capacity), (tiny_model.CONTEXT, 1024))
        self.assertEqual((model.bos, model.eos, model.template), ("<s>", "</s>", tiny_model.CHAT))
        self.assertEqual((model.info.has_template, model.info.knows_tools), (True, False))

    def test_what_begins_a_text_is_there_once(self) -> None:
        model = self.load()
        self.assertEqual(model.tokenize("a"), [1, tiny_model.BYTES + ord("a")])
        self.assertEqual(model.tokenize("<s>a"), model.tokenize("a"))
        self.assertEqual(model.tokenize(""), [1])
        self.assertEqual(len(model.tokenize("\ud800\0")), 3)

    def test_a_step_begins_no_pass_after_its_time(self) -> None:
        clock = Clock()
        model = load_generator(self.path, "off", 1, clock.seconds, slots=2, context=512)
        self.addCleanup(model.close)
        decode = model._context.decode

        def slow(chunks: Sequence[Chunk]) -> None:
            clock.advance(0.004)
            decode(chunks)

        self.patch(model._context, "decode", slow)
        model.open(1, Sampling(), "", None)
        step = DecodeStep((), [Chunk(1, 0, 0, model.tokenize("x"), 50)], 50, 0.02)
        self.assertEqual(len(model.perform(step).tokens[1]), 5)

    def test_a_step_may_follow_another_without_its_tokens(self) -> None:
        model = self.load()
        prompt = model.tokenize("hello")

        def answer(*steps: DecodeStep) -> list[int]:
            model.open(1, Sampling(), "", None)
            done = [model.perform(step).tokens.get(1, ()) for step in steps]
            return [token.number for tokens in done for token in tokens]

        def first(rounds: int) -> DecodeStep:
            return DecodeStep([Remove(0)], [Chunk(1, 0, 0, prompt, 9)], rounds, 9.0)

        def following(rounds: int, *, cut: bool = False) -> DecodeStep:
            return DecodeStep([], [Chunk(1, 0, 0, (), 8)], rounds, 9.0, follows=True, cut=cut)

        whole = answer(first(9))
        self.assertEqual(answer(first(2), following(3), following(9), following(9)), whole)
        self.assertEqual(answer(first(2), following(3, cut=True), following(9)), whole[:2])

    def test_a_step_that_is_cut_ends_with_the_pass_that_runs(self) -> None:
        model = self.load()
        model.open(1, Sampling(), "", None)
        chunk = Chunk(1, 0, 0, model.tokenize("hello"), 9)
        step = DecodeStep([], [chunk], 9, 9.0)
        step.cut = True
        self.assertEqual(len(model.perform(step).tokens[1]), 1)

    def test_weights_that_are_no_numbers_fail_the_run(self) -> None:
        path = tiny_model.write_language_model(self.folder / "nan.gguf", broken=True)
        note(path)
        model = self.load(path)
        model.open(1, Sampling(), "", None)
        outcome = model.perform(DecodeStep((), [Chunk(1, 0, 0, model.tokenize("x"), 2)], 2, 1.0))
        self.assertIn("no numbers", str(outcome.failures[1]))


class LoadingTests(ModelCase):
    def refused(self, path: Path, reason: str, **more: int) -> None:
        with self.assertRaises(ModelBroken) as caught:
            self.load(path, **more)
        self.assertIn(reason, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_an_embedding_model_is_refused(self) -> None:
        path = self.folder / "bert.gguf"
        convert(tiny.write_bert_directory(self.folder / "bert"), path)
        note(path)
        self.refused(path, "is not a language model")

    def test_a_damaged_file_is_refused(self) -> None:
        content = self.path.read_bytes()
        self.path.write_bytes(content[:-1000])
        self.refused(self.path, "is damaged")
        note(self.path)
        self.refused(self.path, "cannot be loaded")
        self.path.write_bytes(b"PK\3\4 a zip")
        self.refused(self.path, "is not a GGUF file")

    def test_an_architecture_that_nobody_knows_is_refused(self) -> None:
        path = self.folder / "new.gguf"
        writer = gguf.GGUFWriter(path, "tomorrow")
        writer.add_context_length(64)
        for write in (
            writer.write_header_to_file,
            writer.write_kv_data_to_file,
            writer.write_tensors_to_file,
            writer.close,
        ):
            write()
        note(path)
        self.refused(path, "cannot be loaded")

    def test_a_model_that_is_too_large_is_refused(self) -> None:
        self.refused(self.path, "GB", context=2**31 - 256)

    def test_closed_twice_it_is_closed_once(self) -> None:
        model = self.load()
        model.open(1, Sampling(), 'root ::= "a"', None)
        model.close()
        model.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            model.perform(DecodeStep((), [Chunk(1, 0, 0, [7], 1)]))
