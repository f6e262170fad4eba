"""
A language model on llama.cpp, by its C interface: loaded, asked for tokens, and sampled.

All of it belongs to one thread. The library is imported by L{load_generator}, not before.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.chat import Template
from mnemo.inference.generation import (
    GenerationFailed,
    GeneratorInfo,
    Sampling,
    TokenChoice,
    UnfitRequest,
)
from mnemo.inference.gguf_header import read_header
from mnemo.inference.library import Device, choose_device, library, memory_of
from mnemo.inference.llama_context import Context
from mnemo.inference.llama_model import ALL_LAYERS, load_model, metadata, spare_cores
from mnemo.inference.placement import place
from mnemo.inference.samplers import Logits, Sampler
from mnemo.inference.steps import (
    CacheFull,
    Chunk,
    Close,
    DecodeStep,
    IGenerationBackend,
    Outcome,
    Token,
)
from mnemo.inference.trial import check
from mnemo.inference.vocabulary import Vocabulary

CPU_SLOTS: Final = 2
GPU_SLOTS: Final = 4
MOST_SLOTS: Final = 64

MOST_LOGPROBS: Final = 20
"""How many likeliest tokens may be asked for at each place."""


def load_generator(
    path: Path,
    gpu: str | int,
    threads: int,
    now: Callable[[], float],
    *,
    layers: int | str = "auto",
    slots: int = 0,
    context: int = 8192,
) -> "LlamaGenerator":
    """
    Load the language model in the GGUF file C{path}, on the calling thread.

    @param gpu: as L{choose_device} has it
    @param threads: how many CPU threads it may use; 0 is all cores but one
    @param now: seconds, to measure by
    @param layers: how many layers go to the GPU; C{"auto"} is as many as there is room for
    @param slots: how many generations run at once; 0 is L{GPU_SLOTS} or L{CPU_SLOTS}
    @param context: how many tokens all of them have room for
    @raise ModelBroken: the file is damaged, is no language model, or there is no room for it
    @raise mnemo.inference.library.NoSuchGpu: there is no such GPU
    """
    shared = library(gpu)
    device = choose_device(shared.llama, gpu)
    check(path, "language")

    def load(layers: int) -> LlamaGenerator:
        return load_unchecked(
            path, device, threads, now, layers=layers, slots=slots, context=context
        )

    memory = memory_of(shared.llama, device)
    return place(path, read_header(path), device, memory, layers, context, load)


def load_unchecked(
    path: Path,
    device: Device,
    threads: int,
    now: Callable[[], float],
    *,
    layers: int = ALL_LAYERS,
    slots: int = 0,
    context: int = 8192,
) -> "LlamaGenerator":
    """As L{load_generator}, of a file that is known not to crash llama.cpp, and to fit."""
    shared = library()
    model = load_model(shared, path, device, layers, verify=False)
    try:
        _check_kind(shared.llama, model, path)
        slots = slots or (CPU_SLOTS if device.handle is None else GPU_SLOTS)
        made = Context(shared, model, path, device, threads or spare_cores(), now, slots, context)
        return LlamaGenerator(shared.llama, model, made, path, device, slots, now)
    except BaseException:
        shared.llama.llama_model_free(model)
        raise


@implementer(IGenerationBackend)
class LlamaGenerator:
    """A loaded model and its one context. Made by L{load_generator}."""

    def __init__(
        self,
        llama: Any,
        model: Any,
        context: Context,
        path: Path,
        device: Device,
        slots: int,
        now: Callable[[], float],
    ) -> None:
        self._llama = llama
        self._model: Any = model
        self._context = context
        self._vocabulary = Vocabulary(llama, model)
        self._now = now
        self.slots = slots
        self.sequences, self.capacity = context.sequences, context.capacity
        self.batch, self.keeps = context.batch, context.keeps
        self._samplers: dict[int, tuple[Sampler, int | None]] = {}
        # What the latest step has sampled and not gone on with.
        self._left: Sequence[Chunk] = ()
        self.template = (llama.llama_model_chat_template(model, None) or b"").decode(
            "utf-8", "replace"
        )
        self.bos, self.eos = self._vocabulary.bos, self._vocabulary.eos
        cache_bytes = read_header(path).cache_bytes(self.capacity)
        self.info = GeneratorInfo(
            name=path.stem,
            window=min(self.capacity, llama.llama_model_n_ctx_train(model)),
            device=device.name,
            has_template=bool(self.template),
            knows_tools=Template(self.template, self.bos, self.eos).knows_tools,
            bytes=llama.llama_model_size(model) + cache_bytes,
            cache_bytes=cache_bytes,
        )

    def tokenize(self, text: str) -> list[int]:
        """
        The tokens of a prompt. What begins a text is put before it, unless it has that already.

        @raise UnfitRequest: it has more bytes than the longest tokens could stand for
        """
        content = text.encode("utf-8", "replace")
        if len(content) > self._vocabulary.longest * self.info.window:
            raise UnfitRequest(
                f"the prompt has {len(content)} bytes; the model takes {self.info.window} tokens"
            )
        begin = not (self.bos and text.startswith(self.bos))
        return self._vocabulary.tokenize(content, begin=begin)

    def open(self, run: int, sampling: Sampling, grammar: str, logprobs: int | None) -> None:
        """
        Make the sampler of a run.

        @raise UnfitRequest: the grammar or a setting is no good
        """
        if logprobs is not None and not 0 <= logprobs <= MOST_LOGPROBS:
            raise UnfitRequest(f"logprobs must be from 0 to {MOST_LOGPROBS}, not {logprobs}")
        self._forget(run)
        sampler = Sampler(self._llama, self._vocabulary.pointer, sampling, grammar)
        self._samplers[run] = sampler, logprobs

    def perform(self, step: DecodeStep) -> Outcome:
        """
        Do a step: its chores, a pass over its chunks, and passes over what these have brought.

        @raise CacheFull: there is no room for the first pass
        @raise ValueError: it is no step for this model
        @raise RuntimeError: llama.cpp could not compute it
        """
        for chore in step.chores:
            if isinstance(chore, Close):
                self._forget(chore.run)
            else:
                self._context.do(chore)
        tokens: dict[int, list[Token]] = {}
        failures: dict[int, Exception] = {}
        chunks = self._left if step.follows else step.chunks
        if step.follows and step.cut:
            chunks = ()
        self._left, started, rounds = (), self._now(), 0
        while chunks:
            try:
                self._context.decode(chunks)
            except (CacheFull, RuntimeError):
                if not rounds:
                    raise
                break
            chunks = self._sample(chunks, tokens, failures)
            rounds += 1
            # Another round takes as long as those before.
            longer = (self._now() - started) * (rounds + 1) / rounds
            if step.cut or rounds >= step.rounds or longer > step.seconds:
                break
        self._left = chunks
        return Outcome(tokens, failures)

    def close(self) -> None:
        """Free the samplers, the context and the model. A second call does nothing."""
        for run in list(self._samplers):
            self._forget(run)
        if self._model is not None:
            self._context.close()
            self._llama.llama_model_free(self._model)
            self._model = None

    # -- sampling

    def _sample(
        self,
        chunks: Sequence[Chunk],
        tokens: dict[int, list[Token]],
        failures: dict[int, Exception],
    ) -> list[Chunk]:
        """Choose a token for each chunk that wants one; the chunks of the next round."""
        following = []
        row = -1
        for chunk in chunks:
            row += len(chunk.tokens)
            if not chunk.most:
                continue
            try:
                token = self._next_token(chunk.run, row)
            except GenerationFailed as problem:
                failures[chunk.run] = problem
                continue
            tokens.setdefault(chunk.run, []).append(token)
            if chunk.most > 1 and not token.last:
                position = chunk.position + len(chunk.tokens)
                following.append(
                    Chunk(chunk.run, chunk.sequence, position, (token.number,), chunk.most - 1)
                )
        return following

    def _next_token(self, run: int, row: int) -> Token:
        if run not in self._samplers:
            raise ValueError(f"run {run} has no sampler")
        sampler, logprobs = self._samplers[run]
        logits = self._context.logits(row)
        number = sampler.choose(logits)
        token = self._vocabulary.token(number)
        if logprobs is None:
            return token
        return evolve(token, choice=self._choice(logits, number, logprobs))

    def _choice(self, logits: Logits, number: int, count: int) -> TokenChoice:
        """How likely a token was, among all that the model knows and before any setting."""
        highest = float(logits.max())
        whole = highest + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))
        likeliest: NDArray[np.intp] = (
            np.argpartition(logits, -count)[-count:] if count else (np.empty(0, np.intp))
        )
        ordered = sorted(likeliest.tolist(), key=lambda each: (-float(logits[each]), each))
        return TokenChoice(
            self._vocabulary.readable(number),
            float(logits[number]) - whole,
            tuple(
                (self._vocabulary.readable(each), float(logits[each]) - whole) for each in ordered
            ),
        )

    def _forget(self, run: int) -> None:
        if run in self._samplers:
            self._samplers.pop(run)[0].close()


def _check_kind(llama: Any, model: Any, path: Path) -> None:
    """Refuse a model that does not write a text token by token."""
    kind = metadata(llama, model, "general.architecture")
    unfit = (
        llama.llama_model_has_encoder(model)
        or not llama.llama_model_has_decoder(model)
        or llama.llama_model_is_diffusion(model)
    )
    if unfit:
        raise ModelBroken(path, f"holds a {kind} model, which does not write texts", "language")
    if metadata(llama, model, "tokenizer.ggml.model") in ("", "none", "no_vocab"):
        raise ModelBroken(path, "has no vocabulary", "language")
    if llama.llama_model_n_ctx_train(model) < 1:
        raise ModelBroken(path, "does not say how long a text it takes", "language")
