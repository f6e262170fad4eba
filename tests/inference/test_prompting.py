"""From a request to tokens, on a scripted model."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.chat import Template
from mnemo.inference.generation import Generation, Message, Sampling, UnfitRequest
from mnemo.inference.prompting import Prepared, prepare
from tests.inference.scripted import ScriptedGenerator
from tests.inference.tiny_model import CHAT

THINKER = CHAT + "{% if add_generation_prompt %}<think>{% endif %}{# ends with </think> #}"
NEEDS_USER = "{% if messages[-1].role != 'user' %}{{ raise_exception('ask') }}{% endif %}" + CHAT


class Recording(ScriptedGenerator):
    """
    A model that remembers what it was opened with.

    @ivar grammar: of the latest run
    """

    grammar = ""

    def open(self, run: int, sampling: Sampling, grammar: str, logprobs: int | None) -> None:
        super().open(run, sampling, grammar, logprobs)
        self.grammar = grammar


class PromptingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = Recording()

    def prepared(self, prompt: Any, template: str = CHAT, **more: Any) -> Prepared:
        request = evolve(Generation(prompt), **more)
        return prepare(self.model, Template(template, "", ""), 1, request)

    def text(self, prepared: Prepared) -> str:
        return "".join(map(chr, prepared.prompt.tokens))

    def test_a_text_is_taken_as_it_is(self) -> None:
        prepared = self.prepared("go on")
        self.assertEqual((self.text(prepared), prepared.prompt.fixed), ("go on", 0))
        self.assertIsNone(prepared.thinking)
        self.assertEqual(self.model.opened, {1})

    def test_a_chat_is_rendered(self) -> None:
        prepared = self.prepared([Message("system", "be"), Message("user", "hi")], fixed=1)
        self.assertEqual(self.text(prepared), "[system]be[/][user]hi[/][assistant]")
        self.assertEqual(prepared.prompt.fixed, len("[system]be[/]"))

    def test_what_the_template_cannot_render_alone_is_not_fixed(self) -> None:
        chat = [Message("system", "be"), Message("user", "hi")]
        self.assertEqual(self.prepared(chat, NEEDS_USER, fixed=1).prompt.fixed, 0)

    def test_a_model_that_thinks_is_told_apart(self) -> None:
        thinking = self.prepared([Message("user", "hi")], THINKER).thinking
        assert thinking is not None
        self.assertTrue(thinking.opened)

    def test_what_follows_a_grammar_has_no_thoughts(self) -> None:
        chat = [Message("user", "hi")]
        prepared = self.prepared(chat, THINKER, schema={"type": "integer"})
        self.assertIsNone(prepared.thinking)
        self.assertIn("root ::=", self.model.grammar)

    def test_a_grammar_of_ones_own_is_taken(self) -> None:
        self.prepared("x", grammar='root ::= "a"')
        self.assertEqual(self.model.grammar, 'root ::= "a"')

    def test_what_cannot_be_done_is_refused_before_a_sampler_is_made(self) -> None:
        with self.assertRaises(UnfitRequest):
            self.prepared("x", schema={"type": "nonsense"})
        with self.assertRaises(UnfitRequest):
            self.prepared([])
        self.assertEqual(self.model.opened, set())
