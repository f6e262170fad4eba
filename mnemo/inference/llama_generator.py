"""
A language model on llama.cpp, by its C interface: one context for all generations.

llama.cpp aborts the process where it is used wrongly, so all that it asserts is kept here: a
batch has no more tokens and results than the context was made for, sequences and tokens are
those that there are. All of it belongs to one thread. The library is imported by
L{load_generator}, not before.
"""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.chat import Template
from mnemo.inference.filling import Filling
from mnemo.inference.generation import (
    GenerationFailed,
    GeneratorInfo,
    Sampling,
    TokenChoice,
    UnfitRequest,
)
from mnemo.inference.gguf_header import read_header
from mnemo.inference.library import Device, Library, choose_device, library, memory_of
from mnemo.inference.llama_model import ALL_LAYERS, Batch, load_model, metadata, spare_cores
from mnemo.inference.placement import place
from mnemo.inference.samplers import Logits, Sampler
from mnemo.inference.steps import (
    CacheFull,
    Chore,
    Chunk,
    Close,
    Copy,
    DecodeStep,
    Forget,
    IGenerationBackend,
    Outcome,
    Restore,
    Save,
    Token,
)
from mnemo.inference.trial import check
from mnemo.inference.vocabulary import Vocabulary

CPU_SLOTS: Final = 2
GPU_SLOTS: Final = 4
MOST_SLOTS: Final = 64

CPU_BATCH: Final = 512
GPU_BATCH: Final = 2048
_MICROBATCH: Final = 512

MOST_LOGPROBS: Final = 20
"""How many likeliest tokens may be asked for at each place."""

_PADDING: Final = 256  # llama.cpp's cache has a multiple of so many tokens
_FULL: Final = 1  # llama_decode found no room


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
        return LlamaGenerator(
            shared, model, path, device, threads or spare_cores(), now, slots, context
        )
    except BaseException:
        shared.llama.llama_model_free(model)
        raise


@implementer(IGenerationBackend)
class LlamaGenerator:
    """A loaded model and its one context. Made by L{load_generator}."""

    def __init__(
        self,
        library: Library,
        model: Any,
        path: Path,
        device: Device,
        threads: int,
        now: Callable[[], float],
        slots: int,
        context: int,
    ) -> None:
        self._llama = llama = library.llama
        self._model: Any = model
        self._vocabulary = Vocabulary(llama, model)
        self._now = now
        self._path = path
        self.slots = slots
        # One for each run that has a row, as many for those that pause, and one beyond the
        # slots; and for each of these one for what it begins with, as far as there are as many.
        # One more is for the row that fills up others.
        self.sequences = min(2 * (2 * slots + 1), llama.llama_max_parallel_sequences() - 1)
        self.batch = CPU_BATCH if device.handle is None else GPU_BATCH
        self.keeps = not (
            llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model)
        )
        self._context = self._make_context(library, threads, device, context)
        self._memory = llama.llama_get_memory(self._context)
        self._filling = Filling() if device.handle is None and self.keeps else None
        self.capacity: int = llama.llama_n_ctx(self._context)
        self._batch = Batch(llama, self.batch)
        self._samplers: dict[int, tuple[Sampler, int | None]] = {}
        # What the latest step has sampled and not gone on with.
        self._left: Sequence[Chunk] = ()
        self._views: dict[int, Logits] = {}
        self._saved: dict[int, NDArray[np.uint8]] = {}
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
            self._do(chore)
        tokens: dict[int, list[Token]] = {}
        failures: dict[int, Exception] = {}
        chunks = self._left if step.follows else step.chunks
        if step.follows and step.cut:
            chunks = ()
        self._left, started, rounds = (), self._now(), 0
        while chunks:
            try:
                self._decode(chunks)
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
            self._llama.llama_free(self._context)
            self._llama.llama_model_free(self._model)
            self._model = self._context = self._memory = None
            self._saved.clear()

    # -- a step

    def _do(self, chore: Chore) -> None:
        self._check_open()
        llama = self._llama
        if isinstance(chore, Close):
            self._forget(chore.run)
        elif isinstance(chore, Copy):
            self._check_sequence(chore.source)
            self._check_sequence(chore.target)
            llama.llama_memory_seq_rm(self._memory, chore.target, -1, -1)
            if not self.keeps:
                raise ValueError("this model's sequences cannot be copied in part")
            llama.llama_memory_seq_cp(self._memory, chore.source, chore.target, 0, chore.tokens)
        elif isinstance(chore, Save):
            self._check_sequence(chore.sequence)
            self._save(chore.sequence, chore.key)
        elif isinstance(chore, Restore):
            self._check_sequence(chore.sequence)
            self._restore(chore.key, chore.sequence, chore.tokens)
        elif isinstance(chore, Forget):
            self._saved.pop(chore.key, None)
        else:
            self._check_sequence(chore.sequence)
            llama.llama_memory_seq_rm(self._memory, chore.sequence, -1, -1)

    def _save(self, sequence: int, key: int) -> None:
        llama = self._llama
        state = np.empty(llama.llama_state_seq_get_size(self._context, sequence), np.uint8)
        length = llama.llama_state_seq_get_data(
            self._context, _bytes_at(state), state.size, sequence
        )
        if length != state.size:
            raise RuntimeError("llama.cpp could not save a sequence")
        self._saved[key] = state

    def _restore(self, key: int, sequence: int, tokens: int) -> None:
        llama = self._llama
        state = self._saved.get(key)
        if state is None:
            raise ValueError(f"nothing is saved under {key}")
        llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        read = llama.llama_state_seq_set_data(self._context, _bytes_at(state), state.size, sequence)
        if read != state.size or not llama.llama_memory_seq_rm(self._memory, sequence, tokens, -1):
            raise RuntimeError("llama.cpp could not restore a sequence")

    def _decode(self, chunks: Sequence[Chunk]) -> None:
        self._check_open()
        self._batch.clear()
        if sum(chunk.most > 0 for chunk in chunks) > self.sequences:
            raise ValueError(f"more than {self.sequences} results in one step")
        for chunk in chunks:
            self._check_sequence(chunk.sequence)
            end = chunk.position + len(chunk.tokens)
            if not 0 <= chunk.position < end <= self.capacity:
                raise ValueError(f"positions {chunk.position} to {end} of {self.capacity}")
            if not all(0 <= token < self._vocabulary.size for token in chunk.tokens):
                raise ValueError(f"a token that is none of the model's {self._vocabulary.size}")
            self._batch.add(chunk.sequence, chunk.position, chunk.tokens, last=chunk.most > 0)
        code = self._compute(len(chunks))
        if code == _FULL:
            raise CacheFull("the model's cache is full")
        if code != 0:
            raise RuntimeError(f"llama.cpp could not compute the step (code {code})")

    def _compute(self, rows: int) -> int:
        """Compute what the batch holds, with a row more where that is faster."""
        llama, filling = self._llama, self._filling
        # Only a batch of nothing but decoding rows, and one that has room in it.
        if filling is None or self._batch.struct.n_tokens != rows or rows == self.batch:
            return int(llama.llama_decode(self._context, self._batch.struct))
        wanted = filling.rows(rows)
        if wanted > rows:
            self._batch.add(self.sequences, 0, (0,), last=False)
        started = self._now()
        code = int(llama.llama_decode(self._context, self._batch.struct))
        if code == 0:
            filling.measured(wanted, self._now() - started)
        if wanted > rows:
            llama.llama_memory_seq_rm(self._memory, self.sequences, -1, -1)
            if code == _FULL:  # there may be room without it
                self._batch.struct.n_tokens = rows
                code = int(llama.llama_decode(self._context, self._batch.struct))
        return code

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
        logits = self._logits(row)
        number = sampler.choose(logits)
        token = self._vocabulary.token(number)
        if logprobs is None:
            return token
        return evolve(token, choice=self._choice(logits, number, logprobs))

    def _logits(self, row: int) -> Logits:
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        # Making a view takes longer than finding the likeliest; they come to be at few places.
        place = ctypes.addressof(pointer.contents)
        if place not in self._views:
            self._views[place] = np.ctypeslib.as_array(pointer, (self._vocabulary.size,))
        return self._views[place]

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

    # -- the limits

    def _check_open(self) -> None:
        if self._model is None:
            raise ValueError("the model is closed")

    def _check_sequence(self, sequence: int) -> None:
        if not 0 <= sequence < self.sequences:
            raise ValueError(f"sequence {sequence}; there are 0 to {self.sequences - 1}")

    # -- loading

    def _make_context(self, library: Library, threads: int, device: Device, context: int) -> Any:
        llama = self._llama
        params = llama.llama_context_default_params()
        params.n_ctx = -(-context // _PADDING) * _PADDING
        params.n_batch, params.n_ubatch = self.batch, _MICROBATCH
        params.n_seq_max = params.n_outputs_max = self.sequences + 1
        params.kv_unified = params.swa_full = True
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.offload_kqv = params.op_offload = device.handle is not None
        params.no_perf = True
        library.complaint = ""
        made = llama.llama_init_from_model(self._model, params)
        if made is None:
            raise ModelBroken(self._path, f"cannot be used: {library.complaint}", "language")
        return made


def _bytes_at(state: NDArray[np.uint8]) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


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
