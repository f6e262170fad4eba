"""Grammars as llama.cpp reads them."""

import ctypes
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.gbnf import Inexpressible, Rules, class_of, json_literal, literal, one_of
from mnemo.inference.grammar import of_schema
from mnemo.inference.library import library
from tests.inference.gbnf import parse
from tests.inference.test_grammar import CASES, TREE, written
from tests.inference.tiny import write_llama


class Rule(SynchronousTestCase):
    def test_has_the_same_name_for_the_same_body(self) -> None:
        rules = Rules()
        self.assertEqual(rules.add("a", '"x"'), rules.add("b", '"x"'))
        self.assertNotEqual(rules.add("a", '"x"'), rules.add("a", '"y"'))

    def test_has_a_name_of_its_own(self) -> None:
        rules = Rules()
        names = [rules.reserve(hint) for hint in ("root", "string", "a b", "a/b", "é", "")]
        self.assertEqual(names, ["root-2", "string-2", "a-b", "a-b-2", "part", "part-2"])


class Repetition(SynchronousTestCase):
    @given(st.integers(0, 2500), st.one_of(st.none(), st.integers(0, 2500)))
    def test_is_as_often_as_asked(self, low: int, more: int | None) -> None:
        high = None if more is None else low + more
        rules = Rules()
        grammar = parse(rules.text(rules.repeated("[a]", low, high)))
        for count in {low - 1, low, low + 1, (high or 0) - 1, high or 0, (high or 5000) + 1}:
            inside = count >= low and (high is None or count <= high)
            self.assertEqual(grammar.accepts("a" * count) and count >= 0, inside, count)

    def test_has_a_bound(self) -> None:
        with self.assertRaisesRegex(Inexpressible, "100,000"):
            Rules().repeated("[a]", 0, 100_001)


class Texts(SynchronousTestCase):
    @given(st.text())
    def test_are_their_own_sentences(self, text: str) -> None:
        self.assertTrue(parse(Rules().text(literal(text))).accepts(text))

    @given(st.characters(codec="utf-8"), st.characters(codec="utf-8"))
    def test_characters_are_of_their_class(self, one: str, other: str) -> None:
        low, high = sorted(map(ord, (one, other)))
        grammar = parse(Rules().text(class_of([(low, high)])))
        self.assertTrue(grammar.accepts(one))
        self.assertTrue(grammar.accepts(other))
        self.assertFalse(grammar.accepts(chr(high + 1) if high < 0x10FFFF else ""))


class LlamaCpp(SynchronousTestCase):
    """What llama.cpp makes of a grammar, with a vocabulary of bytes."""

    def setUp(self) -> None:
        self.llama: Any = library("off").llama
        path = write_llama(Path(self.mktemp()))
        settings = self.llama.llama_model_default_params()
        settings.vocab_only = True
        self.model = self.llama.llama_model_load_from_file(str(path).encode(), settings)
        self.addCleanup(self.llama.llama_model_free, self.model)

    def accepts(self, grammar: str, text: str) -> bool:
        vocabulary = self.llama.llama_model_get_vocab(self.model)
        sampler = self.llama.llama_sampler_init_grammar(vocabulary, grammar.encode(), b"root")
        self.assertTrue(sampler, grammar)
        try:
            for token in [*(byte + 3 for byte in text.encode()), 2]:
                if not self.allows(sampler, token):
                    return False
                if token != 2:
                    self.llama.llama_sampler_accept(sampler, token)
            return True
        finally:
            self.llama.llama_sampler_free(sampler)

    def allows(self, sampler: Any, token: int) -> bool:
        candidates = (self.llama.llama_token_data * 1)()
        candidates[0].id = token
        array = self.llama.llama_token_data_array(candidates, 1, -1, False)
        self.llama.llama_sampler_apply(sampler, ctypes.byref(array))
        return bool(candidates[0].logit > float("-inf"))

    def test_it_takes_and_refuses_the_same_texts(self) -> None:
        for name, (schema, fine, wrong) in CASES.items():
            grammar = of_schema(schema)  # type: ignore[arg-type]
            for value in fine:
                text = written(value)[0]
                self.assertTrue(self.accepts(grammar, text), f"{name}: {text}")
            for value in wrong:
                text = written(value)[0]
                self.assertFalse(self.accepts(grammar, text), f"{name}: {text}")

    def test_it_takes_no_half_of_an_answer(self) -> None:
        grammar = of_schema(TREE)
        text = '{"name": "é", "left": {"name": "\\u00e9"}}'
        self.assertTrue(self.accepts(grammar, text))
        for end in range(len(text)):
            self.assertFalse(self.accepts(grammar, text[:end]), text[:end])

    def test_it_reads_literals_and_classes_as_they_are_meant(self) -> None:
        text = 'a"\\\n\r\t\x01\x7fé\u2028😀]^-[{}'
        self.assertTrue(self.accepts(Rules().text(literal(text)), text))
        for character in text:
            code = ord(character)
            grammar = Rules().text(one_of([class_of([(code, code)])]))
            self.assertTrue(self.accepts(grammar, character), repr(character))
            self.assertFalse(self.accepts(grammar, "z"), repr(character))
        self.assertTrue(self.accepts(Rules().text(json_literal("é\n")), '"é\\n"'))
