"""
How the next token is chosen, with llama.cpp's samplers. One for each run, on the inference thread.

The likeliest token is found here; the rest is llama.cpp's, which aborts the process for many a
setting, so what it takes is checked before. A grammar is asked about the one token that was
chosen, and only where it refuses that about all: most often the choice fits.
"""

import ctypes
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mnemo.inference.generation import GenerationFailed, Sampling, UnfitRequest

GREEDY_BELOW: Final = 0.01
"""A lower temperature stands for the likeliest token: to divide by it exceeds the numbers."""

LONGEST_GRAMMAR: Final = 262_144
"""Of a grammar, in bytes of UTF-8."""

DEEPEST_GRAMMAR: Final = 64
"""How deep parentheses may be nested; llama.cpp's stack ends somewhere."""

_PENALISED: Final = 64  # how many of the latest tokens count for penalties
_SEEDS: Final = 2**32 - 1  # this one and above stand for a random seed in llama.cpp
_ENTRY: Final = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

Logits = NDArray[np.float32]


class Sampler:
    """Chooses the tokens of one run."""

    def __init__(self, llama: Any, vocab: Any, sampling: Sampling, grammar: str) -> None:
        """
        @raise UnfitRequest: for a setting or a grammar that is no good
        """
        self._llama = llama
        self._vocab = vocab
        size: int = llama.llama_vocab_n_tokens(vocab)
        check_sampling(sampling, size)
        self._entries = np.empty(size, _ENTRY)
        self._numbers = np.arange(size, dtype=np.int32)
        self._greedy = sampling.temperature < GREEDY_BELOW
        self._grammar: Any = _grammar(llama, vocab, grammar) if grammar else None
        self._chain: Any = None
        parts = _parts(llama, size, sampling, self._greedy)
        if parts:
            self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
            for part in parts:
                llama.llama_sampler_chain_add(self._chain, part)

    def choose(self, logits: Logits) -> int:
        """
        The next token, which is taken as chosen.

        @raise GenerationFailed: there is none, by the grammar or because the model is broken
        """
        # The likeliest is no number where any is none.
        likeliest = int(logits.argmax())
        if not math.isfinite(logits[likeliest]):
            raise GenerationFailed("the language model's numbers are no numbers; is it damaged?")
        token = likeliest if self._chain is None else self._choice(logits, constrained=False)
        if self._grammar is not None and not self._fits(token):
            token = self._choice(logits, constrained=True)
        if self._chain is not None:
            self._llama.llama_sampler_accept(self._chain, token)
        # To accept a token with which nothing may end would abort; what has ended needs no more.
        if self._grammar is not None and not self._llama.llama_vocab_is_eog(self._vocab, token):
            self._llama.llama_sampler_accept(self._grammar, token)
        return token

    def close(self) -> None:
        """Free it. A second call does nothing."""
        for sampler in filter(None, (self._chain, self._grammar)):
            self._llama.llama_sampler_free(sampler)
        self._chain = self._grammar = None

    def _choice(self, logits: Logits, *, constrained: bool) -> int:
        entries = self._entries
        entries["id"], entries["logit"], entries["p"] = self._numbers, logits, 0.0
        if constrained:
            self._apply(self._grammar, entries)
            if not math.isfinite(float(entries["logit"].max())):
                raise GenerationFailed("no token of the model fits the grammar here")
        if self._chain is None:
            return int(entries["logit"].argmax())
        array = self._apply(self._chain, entries)
        # The likeliest of what penalties and biases have made of it, where nothing else chooses.
        if self._greedy:
            return int(entries["id"][entries["logit"].argmax()])
        if not 0 <= array.selected < array.size:
            raise GenerationFailed("no token could be chosen with these settings")
        return int(array.data[array.selected].id)

    def _fits(self, token: int) -> bool:
        entries = np.array([(token, 1.0, 0.0)], _ENTRY)
        self._apply(self._grammar, entries)
        return bool(np.isfinite(entries["logit"][0]))

    def _apply(self, sampler: Any, entries: NDArray[Any]) -> Any:
        llama = self._llama
        pointer = ctypes.cast(entries.ctypes.data, ctypes.POINTER(llama.llama_token_data))
        array = llama.llama_token_data_array(
            data=pointer, size=len(entries), selected=-1, sorted=False
        )
        llama.llama_sampler_apply(sampler, ctypes.byref(array))
        return array


def check_sampling(sampling: Sampling, tokens: int) -> None:
    """
    Refuse what llama.cpp would abort on, or make nonsense of.

    @param tokens: how many the model knows
    @raise UnfitRequest: its text names the setting and what it may be
    """
    for name, low, high in (
        ("temperature", 0.0, 100.0),
        ("top_k", 0, 2**31 - 1),
        ("top_p", 0.0, 1.0),
        ("min_p", 0.0, 1.0),
        ("repeat_penalty", 0.01, 100.0),
        ("frequency_penalty", -100.0, 100.0),
        ("presence_penalty", -100.0, 100.0),
    ):
        value = getattr(sampling, name)
        if not low <= value <= high:
            raise UnfitRequest(f"{name} must be from {low} to {high}, not {value}")
    for token, bias in sampling.logit_bias.items():
        if not 0 <= token < tokens:
            raise UnfitRequest(f"logit_bias names token {token}; there are 0 to {tokens - 1}")
        if not -100.0 <= bias <= 100.0:
            raise UnfitRequest(f"logit_bias must be from -100 to 100, not {bias}")


def check_grammar(grammar: str) -> None:
    """
    Refuse a grammar that is too much for llama.cpp's parser.

    @raise UnfitRequest: its text says what is too much
    """
    length = len(grammar.encode("utf-8", "replace"))
    if length > LONGEST_GRAMMAR:
        raise UnfitRequest(f"the grammar has {length} bytes; at most {LONGEST_GRAMMAR}")
    if "\0" in grammar:
        raise UnfitRequest("the grammar has a NUL character")
    depth = 0
    for character in grammar:
        # One in a text or a class counts as well: that is on the safe side.
        depth += (character == "(") - (character == ")" and depth > 0)
        if depth > DEEPEST_GRAMMAR:
            raise UnfitRequest(f"the grammar nests deeper than {DEEPEST_GRAMMAR} parentheses")


def _parts(llama: Any, tokens: int, sampling: Sampling, greedy: bool) -> list[Any]:
    """The samplers of a chain, in llama.cpp's own order; none where only the likeliest counts."""
    parts: list[Any] = []
    if sampling.logit_bias:
        biases = (llama.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias.items())
        parts.append(llama.llama_sampler_init_logit_bias(tokens, len(biases), biases))
    repeat, frequency = sampling.repeat_penalty, sampling.frequency_penalty
    if (repeat, frequency, sampling.presence_penalty) != (1.0, 0.0, 0.0):
        penalties = (repeat, frequency, sampling.presence_penalty)
        parts.append(llama.llama_sampler_init_penalties(tokens, _PENALISED, *penalties))
    if not greedy:
        parts += [
            llama.llama_sampler_init_top_k(sampling.top_k),
            llama.llama_sampler_init_top_p(sampling.top_p, 1),
            llama.llama_sampler_init_min_p(sampling.min_p, 1),
            llama.llama_sampler_init_temp(sampling.temperature),
            llama.llama_sampler_init_dist((sampling.seed or 0) % _SEEDS),
        ]
    return parts


def _grammar(llama: Any, vocab: Any, grammar: str) -> Any:
    check_grammar(grammar)
    made = llama.llama_sampler_init_grammar(vocab, grammar.encode("utf-8", "replace"), b"root")
    if not made:  # a null pointer, which is not None
        raise UnfitRequest("the grammar is no GBNF, has no rule 'root', or recurses on its left")
    return made
