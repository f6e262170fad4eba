"""What is refused before llama.cpp would abort on it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import Sampling, UnfitRequest
from mnemo.inference.samplers import (
    DEEPEST_GRAMMAR,
    LONGEST_GRAMMAR,
    check_grammar,
    check_sampling,
)

SETTINGS = [
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repeat_penalty",
    "frequency_penalty",
    "presence_penalty",
]


class SamplingTests(SynchronousTestCase):
    def test_the_defaults_are_fine(self) -> None:
        check_sampling(Sampling(), 100)

    def test_what_is_wrong_is_named_with_what_it_may_be(self) -> None:
        for sampling, text in (
            (Sampling(top_p=1.5), "top_p must be from 0.0 to 1.0, not 1.5"),
            (Sampling(logit_bias={100: 1.0}), "logit_bias names token 100; there are 0 to 99"),
            (Sampling(logit_bias={1: 101.0}), "logit_bias must be from -100 to 100, not 101.0"),
        ):
            with self.assertRaisesRegex(UnfitRequest, text):
                check_sampling(sampling, 100)

    @given(st.sampled_from(SETTINGS), st.sampled_from([float("nan"), float("inf"), -1e9]))
    def test_no_setting_is_beyond_all_bounds(self, name: str, value: float) -> None:
        given: dict[str, Any] = {name: value}
        with self.assertRaises(UnfitRequest):
            check_sampling(Sampling(**given), 100)


class GrammarTests(SynchronousTestCase):
    def refused(self, grammar: str, reason: str) -> None:
        with self.assertRaisesRegex(UnfitRequest, reason):
            check_grammar(grammar)

    def test_a_grammar_has_bounds(self) -> None:
        check_grammar('root ::= ("a" | ("b" "c"))*')
        self.refused("x" * (LONGEST_GRAMMAR + 1), "bytes; at most")
        self.refused("(" * (DEEPEST_GRAMMAR + 1), "nests deeper")
        self.refused('root ::= "\0"', "NUL")

    def test_what_is_nested_counts_and_not_what_is_in_a_row(self) -> None:
        check_grammar("root ::= " + '("a") ' * 1000)
        self.refused("root ::= " + ")" * 1000 + "(" * (DEEPEST_GRAMMAR + 1), "nests deeper")
