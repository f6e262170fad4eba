"""
llama.cpp by its C interface in one plain loop, as the measure of what is lost above it:
C{bare_llama.py generate|embed MODEL CONTEXT THREADS BATCH GPU_LAYERS}. Each line of its input is
a request as JSON, each of its output what was measured.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llama_cpp import Llama, llama_cpp

MICROBATCH = 512
WIDTHS = (128, 256, 512)
"""The sizes of a batch of texts: the fastest counts."""

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Generator:
    """Reads a prompt and goes on with the likeliest tokens."""

    def __init__(self, path: str, context: int, threads: int, batch: int, layers: int) -> None:
        llama_cpp.llama_backend_init()
        chosen = llama_cpp.llama_model_default_params()
        chosen.n_gpu_layers = layers
        self._model: Any = llama_cpp.llama_model_load_from_file(path.encode(), chosen)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = context, batch, MICROBATCH
        params.n_threads = params.n_threads_batch = threads
        params.n_seq_max = 1
        params.no_perf = True
        self._context: Any = llama_cpp.llama_init_from_model(self._model, params)
        self._vocab: Any = llama_cpp.llama_model_get_vocab(self._model)
        self._words = llama_cpp.llama_vocab_n_tokens(self._vocab)
        self._batch = batch

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """How long C{prompt} and then C{tokens} tokens take."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        started = time.perf_counter()
        prompt = self._tokens(request["prompt"].encode())
        for begin in range(0, len(prompt), self._batch):
            self._decode(prompt[begin : begin + self._batch])
        token = self._likeliest()
        first = time.perf_counter()
        for _ in range(request["tokens"] - 1):
            self._decode([token])
            token = self._likeliest()
        ended = time.perf_counter()
        return {"first": first - started, "seconds": ended - started, "prompt": len(prompt)}

    def _tokens(self, text: bytes) -> list[int]:
        room = (llama_cpp.llama_token * (len(text) + 2))()
        count = llama_cpp.llama_tokenize(self._vocab, text, len(text), room, len(room), True, True)
        return list(room[:count])

    def _decode(self, tokens: list[int]) -> None:
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        if llama_cpp.llama_decode(self._context, batch):
            raise SystemExit("llama_decode failed")

    def _likeliest(self) -> int:
        logits: Any = llama_cpp.llama_get_logits_ith(self._context, -1)
        return int(np.ctypeslib.as_array(logits, (self._words,)).argmax())


class Embedder:
    """Makes the vectors of texts, sorted by length, in batches of each of L{WIDTHS}."""

    def __init__(self, path: str, context: int, threads: int, batch: int, layers: int) -> None:
        self._models = {
            width: Llama(
                path,
                embedding=True,
                n_ctx=width,
                n_batch=width,
                n_ubatch=width,
                n_threads=threads,
                n_threads_batch=threads,
                n_gpu_layers=layers,
                flash_attn=True,
                verbose=False,
            )
            for width in WIDTHS
        }

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """How long C{texts} take with each width."""
        texts = sorted(request["texts"], key=len)
        seconds = {}
        for width, model in self._models.items():
            started = time.perf_counter()
            model.embed(texts, normalize=True)
            seconds[str(width)] = time.perf_counter() - started
        return seconds


def main() -> None:
    kind, path, *numbers = sys.argv[1:]
    made = (Generator if kind == "generate" else Embedder)(path, *map(int, numbers))
    answer: Answer = made.answer
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
