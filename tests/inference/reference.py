"""
A BERT embedder in numpy and float32, written from the papers' formulas and shared with nothing.

It reads a model directory as the C{transformers} library saves it, has a WordPiece tokeniser
of its own, and splits and pools long texts by the rule that C{mnemo.inference.windows} states:
windows of 254 tokens, each with [CLS] and [SEP]; the mean of their vectors, weighted by their
tokens; unit length.
"""

import json
import math
import struct
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Tokenizer:
    """Uncased WordPiece, as in the original BERT."""

    def __init__(self, words: Sequence[str]) -> None:
        self.numbers = {word: number for number, word in enumerate(words)}

    def __call__(self, text: str) -> list[int]:
        return [number for word in self.words(text) for number in self.pieces(word)]

    def words(self, text: str) -> list[str]:
        spaced = []
        for character in text:
            category = unicodedata.category(character)
            if character in "\t\n\r" or category[0] == "Z":
                spaced.append(" ")
            elif character == "\ufffd" or (category[0] == "C" and category != "Cn"):
                continue
            elif _is_ideograph(ord(character)):
                spaced.append(f" {character} ")
            else:
                spaced.append(character)
        letters = unicodedata.normalize("NFD", "".join(spaced))
        plain = [c.lower() for c in letters if unicodedata.category(c) != "Mn"]
        return "".join(f" {c} " if _is_punctuation(c) else c for c in plain).split()

    def pieces(self, word: str) -> list[int]:
        unknown = [self.numbers["[UNK]"]]
        if len(word) > 100:
            return unknown
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in self.numbers), None)
            if end is None:
                return unknown
            found.append(self.numbers[prefix + word[start:end]])
            start = end
        return found


class Bert:
    """The encoder, one window at a time."""

    def __init__(self, directory: Path) -> None:
        self.config = json.loads((directory / "config.json").read_text())
        self.weights = _safetensors(directory / "model.safetensors")

    def __call__(self, tokens: list[int]) -> Array:
        """The mean of the last layer over C{tokens}."""
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][tokens]
        x = x + w["embeddings.position_embeddings.weight"][: len(tokens)]
        x = x + w["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            x = self._layer(x, f"encoder.layer.{layer}")
        mean: Array = x.mean(axis=0)
        return mean

    def _layer(self, x: Array, name: str) -> Array:
        attended = self._linear(self._attention(x, name), f"{name}.attention.output.dense")
        x = self._norm(x + attended, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(
            x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _attention(self, x: Array, name: str) -> Array:
        heads = self.config["num_attention_heads"]
        query, key, value = (
            self._linear(x, f"{name}.attention.self.{part}")
            .reshape(len(x), heads, -1)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(query.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        result: Array = (scores @ value).transpose(1, 0, 2).reshape(len(x), -1)
        return result

    def _linear(self, x: Array, name: str) -> Array:
        result: Array = x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return result

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(x.var(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        result: Array = centred / scale * self.weights[f"{name}.weight"]
        return (result + self.weights[f"{name}.bias"]).astype(np.float32)


class ReferenceEmbedder:
    """Texts to unit vectors."""

    def __init__(self, directory: Path, window: int = 256) -> None:
        self.tokenize = Tokenizer((directory / "vocab.txt").read_text("utf-8").split("\n"))
        self.bert = Bert(directory)
        self.window = window

    def embed(self, text: str) -> Array:
        tokens = self.tokenize(text)
        step = self.window - 2
        first, last = self.tokenize.numbers["[CLS]"], self.tokenize.numbers["[SEP]"]
        total = np.zeros(self.bert.config["hidden_size"], np.float64)
        for start in range(0, max(len(tokens), 1), step):
            window = [first, *tokens[start : start + step], last]
            total += len(window) * self.bert(window)
        unit: Array = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


def _gelu(x: Array) -> Array:
    result: Array = 0.5 * x * (1.0 + _erf(x / np.float32(math.sqrt(2.0))))
    return result


def _erf(x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26, which is off by less than 1.5e-7."""
    factors = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x.astype(np.float64)))
    tail = t * np.polynomial.polynomial.polyval(t, factors) * np.exp(-np.square(x))
    result: Array = (np.sign(x) * (1.0 - tail)).astype(np.float32)
    return result


def _safetensors(path: Path) -> dict[str, Array]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            data = np.frombuffer(content, "<f4", (end - start) // 4, 8 + length + start)
            tensors[name] = data.reshape(entry["shape"])
    return tensors


def _is_punctuation(character: str) -> bool:
    code = ord(character)
    ascii_sign = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_sign or unicodedata.category(character)[0] == "P"


def _is_ideograph(code: int) -> bool:
    blocks = (
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DF),
        (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F),
        (0x2B820, 0x2CEAF),
        (0xF900, 0xFAFF),
        (0x2F800, 0x2FA1F),
    )
    return any(low <= code <= high for low, high in blocks)
