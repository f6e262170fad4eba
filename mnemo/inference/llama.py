"""
The embedding model on llama.cpp, by its C interface.

llama.cpp aborts the process where it is used wrongly, so everything that it asserts is kept
here: a window fits the model's position table, a batch fits C{n_batch = n_ubatch}, which is
a multiple of 256, and has at most C{n_seq_max} sequences. All of it belongs to one thread.
The library is imported by L{load_embedder}, not before.
"""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.checksums import digest
from mnemo.inference.filling import Filling
from mnemo.inference.interfaces import IEmbeddingBackend, Interrupted, ModelInfo
from mnemo.inference.library import Device, Library, choose_device, library
from mnemo.inference.llama_model import Batch, load_model, metadata, spare_cores
from mnemo.inference.trial import check
from mnemo.inference.windows import SPECIAL, cost
from mnemo.inference.wordpiece import WordPiece

WINDOW: Final = 256
"""
The longest window, in tokens: what sentence-transformers trained its models with, and what
keeps a step short. A longer text becomes several windows.
"""

CPU_BATCH: Final = 256
GPU_BATCH: Final = 2048

# llama.cpp's flash attention on the CPU works on 64 tokens at once, and by another, slower way on
# fewer: 63 take twice as long as 64. Plain attention is faster than that way, at 16 tokens by a
# quarter, and as fast with 52 as the other with 64.
_TILE: Final = 64
_WORTH_FILLING: Final = 52

_REACH: Final = 4
"""By how many tokens a batch is filled up at most because that was seen to be faster."""

_MAX_SEQUENCES: Final = 256  # LLAMA_MAX_SEQ in llama.cpp
_ABORTED: Final = 2  # what llama_encode returns after its abort callback has said so


def load_embedder(
    path: Path, gpu: str | int, threads: int, now: Callable[[], float]
) -> "LlamaEmbedder":
    """
    Load the embedding model in the GGUF file C{path}, on the calling thread.

    @param gpu: C{"auto"} (the first GPU if there is one), C{"off"}, or a GPU's number
    @param threads: how many CPU threads it may use; 0 is all cores but one
    @param now: seconds, by any clock
    @raise ModelBroken: the file is damaged, or no embedding model of BERT's kind
    @raise NoSuchGpu: there is no GPU of that number
    """
    device = choose_device(library(gpu).llama, gpu)
    check(path, "embedding")
    return load_unchecked(path, device, threads, now)


def load_unchecked(
    path: Path, device: Device, threads: int, now: Callable[[], float]
) -> "LlamaEmbedder":
    """As L{load_embedder}, of a file that is known not to crash llama.cpp."""
    shared = library()
    model = load_model(shared, path, device)
    try:
        return LlamaEmbedder(shared, model, path, device, threads or spare_cores(), now)
    except BaseException:
        shared.llama.llama_model_free(model)
        raise


@implementer(IEmbeddingBackend)
class LlamaEmbedder:
    """A loaded model and its contexts. Made by L{load_embedder}."""

    def __init__(
        self,
        library: Library,
        model: Any,
        path: Path,
        device: Device,
        threads: int,
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._llama = llama = library.llama
        self._model: Any = model
        self._vocab = llama.llama_model_get_vocab(model)
        pooling = _pooling(llama, model, path)
        self.info = ModelInfo(
            name=f"{path.stem}-{digest(path)[:8]}",
            path=path,
            dimensions=llama.llama_model_n_embd_out(model),
            window=min(WINDOW, llama.llama_model_n_ctx_train(model)),
            device=device.name,
            bytes=llama.llama_model_size(model),
        )
        self.batch_tokens = CPU_BATCH if device.handle is None else GPU_BATCH
        self._wordpiece = self._make_wordpiece()
        self._first, self._last = self._special_tokens()
        self._urgent = ctypes.create_string_buffer(2)
        self._context = self._make_context(library, pooling, threads, device, flash=True)
        self._short_context: Any = None
        if device.handle is None:
            self._short_context = self._make_context(library, pooling, threads, device, flash=False)
        self._batch = Batch(llama, self.batch_tokens)
        self._filling = Filling(_REACH)

    def tokenize(self, text: str) -> list[int]:
        """The tokens of C{text}."""
        if self._wordpiece is not None:
            return self._wordpiece(text)
        # llama.cpp must have UTF-8, so half a surrogate pair becomes a question mark.
        return self._tokens(text.encode("utf-8", "replace"), add_special=False)

    def encode(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """
        The vector of each window.

        @raise ValueError: there are no windows, too many, or one is too long
        @raise Interrupted: L{interrupt} was called meanwhile
        @raise RuntimeError: llama.cpp could not compute them
        """
        self._check_fit(windows)
        self._urgent.value = b""
        llama, info = self._llama, self.info
        vectors = np.empty((len(windows), info.dimensions), np.float32)
        # A batch takes so many sequences; the batch's tokens are within bounds already.
        for start in range(0, len(windows), _MAX_SEQUENCES):
            part = windows[start : start + _MAX_SEQUENCES]
            sequences = [(self._first, *tokens, self._last) for tokens in part]
            context = self._context_for(sequences)
            self._batch.fill(sequences)
            started = self._now()
            code = llama.llama_encode(context, self._batch.struct)
            self._filling.measured(self._batch.struct.n_tokens, self._now() - started)
            if code == _ABORTED:
                raise Interrupted
            if code != 0:
                raise RuntimeError("llama.cpp could not compute the vectors")
            for sequence in range(len(part)):
                row = llama.llama_get_embeddings_seq(context, sequence)
                vectors[start + sequence] = np.ctypeslib.as_array(row, (info.dimensions,))
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise RuntimeError("the model's vectors are not numbers; its file may be damaged")
        return vectors

    def _context_for(self, sequences: list[tuple[int, ...]]) -> Any:
        """
        The context that computes C{sequences} soonest; they get one more, of which nothing is
        read, where that is sooner still.
        """
        total = sum(map(len, sequences))
        if self._short_context is None or total >= _TILE:
            return self._context
        is_short = total < _WORTH_FILLING or self.info.window < _TILE - total
        filler = (self._filling.rows(total) if is_short else _TILE) - total
        if filler:
            sequences.append((self._last,) * filler)
        return self._short_context if is_short else self._context

    def interrupt(self) -> None:
        """Have the call to L{encode} that runs on a CPU fail with L{Interrupted}."""
        self._urgent.value = b"!"

    def close(self) -> None:
        """Free the context and the model. A second call does nothing."""
        if self._model is not None:
            for context in filter(None, (self._context, self._short_context)):
                self._llama.llama_free(context)
            self._llama.llama_model_free(self._model)
            self._model = self._context = self._short_context = None

    def _check_fit(self, windows: Sequence[Sequence[int]]) -> None:
        if self._model is None:
            raise ValueError("the model is closed")
        if not windows:
            raise ValueError("there are no windows")
        longest = max(map(cost, windows))
        if longest > self.info.window:
            raise ValueError(f"a window of {longest} tokens; at most {self.info.window}")
        total = sum(map(cost, windows))
        if total > self.batch_tokens:
            raise ValueError(f"windows of {total} tokens in all; at most {self.batch_tokens}")

    def _tokens(self, text: bytes, *, add_special: bool) -> list[int]:
        room = len(text) + SPECIAL
        while True:
            tokens = (self._llama.llama_token * room)()
            count = self._llama.llama_tokenize(
                self._vocab, text, len(text), tokens, room, add_special, False
            )
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def _make_wordpiece(self) -> WordPiece | None:
        llama, vocab = self._llama, self._vocab
        if metadata(llama, self._model, "tokenizer.ggml.model") != "bert":
            return None
        count = llama.llama_vocab_n_tokens(vocab)
        texts = (llama.llama_vocab_get_text(vocab, number) for number in range(count))
        try:
            return WordPiece(text.decode("utf-8", "replace") for text in texts)
        except ValueError as problem:
            raise ModelBroken(self.info.path, f"cannot be used: {problem}") from None

    def _special_tokens(self) -> tuple[int, int]:
        tokens = self._tokens(b"", add_special=True)
        if len(tokens) != SPECIAL:
            raise ModelBroken(self.info.path, "does not put one token before and one after a text")
        return tokens[0], tokens[1]

    def _make_context(
        self, library: Library, pooling: int, threads: int, device: Device, *, flash: bool
    ) -> Any:
        llama = self._llama
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self.batch_tokens
        params.n_seq_max = _MAX_SEQUENCES
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.pooling_type = pooling
        # Without it a batch pays for attention between all its tokens, also of other windows.
        kinds = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED, llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.flash_attn_type = kinds[flash]
        params.offload_kqv = params.op_offload = device.handle is not None
        params.no_perf = True
        # Asked between all operations, so it must not be Python, which would wait for the
        # interpreter each time: the length of a text is true as soon as there is one.
        ask = type(params.abort_callback)
        params.abort_callback = ctypes.cast(ctypes.CDLL(None).strlen, ask)
        params.abort_callback_data = ctypes.addressof(self._urgent)
        library.complaint = ""
        context = llama.llama_init_from_model(self._model, params)
        if context is None:
            raise ModelBroken(self.info.path, f"cannot be used: {library.complaint}")
        return context


def _pooling(llama: Any, model: Any, path: Path) -> int:
    """How the model makes one vector of many: by the mean, or by that of the first token."""
    kind = metadata(llama, model, "general.architecture")
    if "bert" not in kind:
        raise ModelBroken(path, f"holds a {kind} model, not an embedding model of BERT's kind")
    named = metadata(llama, model, f"{kind}.pooling_type")
    pooling = int(named) if named else llama.LLAMA_POOLING_TYPE_MEAN
    if pooling not in (llama.LLAMA_POOLING_TYPE_MEAN, llama.LLAMA_POOLING_TYPE_CLS):
        raise ModelBroken(path, "is a model that makes no vector of a text")
    return pooling
