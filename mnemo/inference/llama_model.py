"""What every model on llama.cpp needs, by its C interface: loading a file, a batch of tokens."""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.library import Device, Library

ALL_LAYERS: Final = 999
"""More layers than any model has."""


class Batch:
    """A C{llama_batch} over arrays of ours, of at most C{size} tokens."""

    def __init__(self, llama: Any, size: int) -> None:
        self.size = size
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._outputs = np.zeros(size, np.int8)
        ones = np.ones(size, np.int32)
        # For each token a pointer to the number of its sequence.
        pointers = self._sequences.ctypes.data + 4 * np.arange(size, dtype=np.uint64)
        self._kept = (ones, pointers)
        fields = dict(llama.llama_batch._fields_)
        self.struct = llama.llama_batch(
            n_tokens=0,
            token=self._tokens.ctypes.data_as(fields["token"]),
            embd=None,
            pos=self._positions.ctypes.data_as(fields["pos"]),
            n_seq_id=ones.ctypes.data_as(fields["n_seq_id"]),
            seq_id=pointers.ctypes.data_as(fields["seq_id"]),
            logits=self._outputs.ctypes.data_as(fields["logits"]),
        )

    def fill(self, sequences: Sequence[Sequence[int]]) -> None:
        """
        Hold whole sequences, numbered from 0, and nothing else; all results are read.

        @raise ValueError: there is no room for them
        """
        lengths = [len(tokens) for tokens in sequences]
        total = sum(lengths)
        self._check_room(total)
        self._tokens[:total] = np.concatenate([np.array(tokens, np.int32) for tokens in sequences])
        self._positions[:total] = np.concatenate([np.arange(length) for length in lengths])
        self._sequences[:total] = np.repeat(np.arange(len(sequences)), lengths)
        self._outputs[:total] = True
        self.struct.n_tokens = total

    def clear(self) -> None:
        """Empty it."""
        self.struct.n_tokens = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, last: bool) -> None:
        """
        Add C{tokens} of a sequence, which are there from C{position} on.

        @param last: whether the result of the last of them is read; those of others are not
        @raise ValueError: there is no room for them
        """
        start, end = self.struct.n_tokens, self.struct.n_tokens + len(tokens)
        self._check_room(end)
        if len(tokens) == 1:
            self._tokens[start], self._positions[start] = tokens[0], position
        else:
            self._tokens[start:end] = tokens
            self._positions[start:end] = np.arange(position, position + len(tokens))
        self._sequences[start:end] = sequence
        self._outputs[start:end] = False
        self._outputs[end - 1] = last
        self.struct.n_tokens = end

    def _check_room(self, tokens: int) -> None:
        if tokens > self.size:
            raise ValueError(f"a batch of {tokens} tokens; at most {self.size}")


def load_model(
    library: Library, path: Path, device: Device, layers: int = ALL_LAYERS, *, verify: bool = True
) -> Any:
    """
    The model in a file. Whoever gets it has to free it.

    @param layers: how many of its layers go to C{device}, where that is a GPU
    @param verify: whether to look at every weight
    @raise ModelBroken: llama.cpp refuses it
    """
    llama = library.llama
    params = llama.llama_model_default_params()
    devices = (ctypes.c_void_p * 2)(device.handle, None)  # a list that ends with NULL
    params.devices = ctypes.cast(devices, ctypes.c_void_p)
    params.n_gpu_layers = layers if device.handle else 0
    params.check_tensors = verify
    library.complaint = ""
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    if model is None:
        raise ModelBroken(path, f"cannot be loaded: {library.complaint}")
    return model


def metadata(llama: Any, model: Any, key: str) -> str:
    """What a model's file says under C{key}, or the empty text."""
    value = ctypes.create_string_buffer(64)
    length: int = llama.llama_model_meta_val_str(model, key.encode(), value, len(value))
    return value.value.decode("utf-8", "replace") if length >= 0 else ""


def spare_cores() -> int:
    """All cores but one, which is left to the rest of the daemon."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (usable or 1) - 1)
