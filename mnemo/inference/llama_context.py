"""
The context of a language model on llama.cpp: the sequences of all generations in one cache.

llama.cpp aborts the process where it is used wrongly, so all that it asserts is kept here: a
batch has no more tokens and results than the context was made for, sequences and tokens are
those that there are. All of it belongs to one thread.
"""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.filling import Filling
from mnemo.inference.library import Device, Library
from mnemo.inference.llama_model import Batch
from mnemo.inference.samplers import Logits
from mnemo.inference.steps import CacheFull, Chunk, Copy, Forget, Remove, Restore, Save

CPU_BATCH: Final = 512
GPU_BATCH: Final = 2048
_MICROBATCH: Final = 512

_PADDING: Final = 256  # llama.cpp's cache has a multiple of so many tokens
_FULL: Final = 1  # llama_decode found no room


class Context:
    """
    The context of a loaded model.

    @ivar sequences: how many there are
    @ivar capacity: how many tokens all of them have room for
    @ivar batch: how many tokens a pass may hold
    @ivar keeps: whether a sequence may begin with a copy of another
    """

    def __init__(
        self,
        library: Library,
        model: Any,
        path: Path,
        device: Device,
        threads: int,
        now: Callable[[], float],
        slots: int,
        tokens: int,
    ) -> None:
        """
        @param path: of the model's file
        @param now: seconds, to measure by
        @param slots: how many runs a pass may hold
        @param tokens: how many tokens all sequences have room for, at least
        @raise ModelBroken: llama.cpp refuses it
        """
        self._llama = llama = library.llama
        self._now = now
        # One for each run that has a row, as many for those that pause, and one beyond the
        # slots; and for each of these one for what it begins with, as far as there are as many.
        # One more is for the row that fills up others.
        self.sequences = min(2 * (2 * slots + 1), llama.llama_max_parallel_sequences() - 1)
        self.batch = CPU_BATCH if device.handle is None else GPU_BATCH
        self.keeps = not (
            llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model)
        )
        self._context = self._make(library, model, threads, device, tokens)
        if self._context is None:
            raise ModelBroken(path, f"cannot be used: {library.complaint}", "language")
        self._memory = llama.llama_get_memory(self._context)
        self._filling = Filling() if device.handle is None and self.keeps else None
        self.capacity: int = llama.llama_n_ctx(self._context)
        self._vocabulary: int = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
        self._batch = Batch(llama, self.batch)
        self._views: dict[int, Logits] = {}
        self._saved: dict[int, NDArray[np.uint8]] = {}

    def close(self) -> None:
        """Free it. A second call does nothing."""
        if self._context is not None:
            self._llama.llama_free(self._context)
            self._context = self._memory = None
            self._saved.clear()

    # -- chores

    def do(self, chore: Copy | Save | Restore | Forget | Remove) -> None:
        """
        Do a chore of the sequences.

        @raise ValueError: it is none for this model
        @raise RuntimeError: llama.cpp could not do it
        """
        self._check_open()
        if isinstance(chore, Copy):
            self._copy(chore.source, chore.target, chore.tokens)
        elif isinstance(chore, Save):
            self._save(chore.sequence, chore.key)
        elif isinstance(chore, Restore):
            self._restore(chore.key, chore.sequence, chore.tokens)
        elif isinstance(chore, Forget):
            self._saved.pop(chore.key, None)
        else:
            self._empty(chore.sequence)

    def _empty(self, sequence: int) -> None:
        self._check_sequence(sequence)
        self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _copy(self, source: int, target: int, tokens: int) -> None:
        self._check_sequence(source)
        self._empty(target)
        if not self.keeps:
            raise ValueError("this model's sequences cannot be copied in part")
        self._llama.llama_memory_seq_cp(self._memory, source, target, 0, tokens)

    def _save(self, sequence: int, key: int) -> None:
        self._check_sequence(sequence)
        llama = self._llama
        state = np.empty(llama.llama_state_seq_get_size(self._context, sequence), np.uint8)
        length = llama.llama_state_seq_get_data(
            self._context, _bytes_at(state), state.size, sequence
        )
        if length != state.size:
            raise RuntimeError("llama.cpp could not save a sequence")
        self._saved[key] = state

    def _restore(self, key: int, sequence: int, tokens: int) -> None:
        self._check_sequence(sequence)
        llama = self._llama
        state = self._saved.get(key)
        if state is None:
            raise ValueError(f"nothing is saved under {key}")
        self._empty(sequence)
        read = llama.llama_state_seq_set_data(self._context, _bytes_at(state), state.size, sequence)
        if read != state.size or not llama.llama_memory_seq_rm(self._memory, sequence, tokens, -1):
            raise RuntimeError("llama.cpp could not restore a sequence")

    # -- a pass

    def decode(self, chunks: Sequence[Chunk]) -> None:
        """
        Compute chunks, in one pass.

        @raise CacheFull: there is no room for them
        @raise ValueError: they are none for this model
        @raise RuntimeError: llama.cpp could not compute them
        """
        self._check_open()
        self._batch.clear()
        if sum(chunk.most > 0 for chunk in chunks) > self.sequences:
            raise ValueError(f"more than {self.sequences} results in one step")
        for chunk in chunks:
            self._check_sequence(chunk.sequence)
            end = chunk.position + len(chunk.tokens)
            if not 0 <= chunk.position < end <= self.capacity:
                raise ValueError(f"positions {chunk.position} to {end} of {self.capacity}")
            if not all(0 <= token < self._vocabulary for token in chunk.tokens):
                raise ValueError(f"a token that is none of the model's {self._vocabulary}")
            self._batch.add(chunk.sequence, chunk.position, chunk.tokens, last=chunk.most > 0)
        code = self._compute(len(chunks))
        if code == _FULL:
            raise CacheFull("the model's cache is full")
        if code != 0:
            raise RuntimeError(f"llama.cpp could not compute the step (code {code})")

    def logits(self, row: int) -> Logits:
        """What the latest pass has brought for its token of this number. Good until the next."""
        pointer = self._llama.llama_get_logits_ith(self._context, row)
        # Making a view takes longer than finding the likeliest; they come to be at few places.
        place = ctypes.addressof(pointer.contents)
        if place not in self._views:
            self._views[place] = np.ctypeslib.as_array(pointer, (self._vocabulary,))
        return self._views[place]

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

    # -- the limits

    def _check_open(self) -> None:
        if self._context is None:
            raise ValueError("the model is closed")

    def _check_sequence(self, sequence: int) -> None:
        if not 0 <= sequence < self.sequences:
            raise ValueError(f"sequence {sequence}; there are 0 to {self.sequences - 1}")

    def _make(self, library: Library, model: Any, threads: int, device: Device, tokens: int) -> Any:
        llama = self._llama
        params = llama.llama_context_default_params()
        params.n_ctx = -(-tokens // _PADDING) * _PADDING
        params.n_batch, params.n_ubatch = self.batch, _MICROBATCH
        params.n_seq_max = params.n_outputs_max = self.sequences + 1
        params.kv_unified = params.swa_full = True
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.offload_kqv = params.op_offload = device.handle is not None
        params.no_perf = True
        library.complaint = ""
        return llama.llama_init_from_model(model, params)


def _bytes_at(state: NDArray[np.uint8]) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
