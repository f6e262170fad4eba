"""
What a GGUF file says of itself, read without llama.cpp and without its weights.

The format: U{https://github.com/ggml-org/ggml/blob/master/docs/gguf.md}.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from attrs import frozen

from mnemo.inference.catalogue import ModelBroken, Purpose

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"} | {
    10: "Q",
    11: "q",
    12: "d",
}
_STRING: Final = 8
_ARRAY: Final = 9
_ENCODERS: Final = ("bert", "t5encoder", "gemma-embedding")
_LONGEST: Final = 1 << 24
"""The longest text of a header, in bytes; a longer one is damage."""

_MOST: Final = 1 << 20
"""The most values a header has, and the most entries of a list in it."""


@frozen
class Header:
    """
    The metadata of a GGUF file.

    @ivar values: all of it but the lists
    @ivar size: of the whole file, in bytes
    """

    values: Mapping[str, Any]
    size: int

    @property
    def architecture(self) -> str:
        """The kind of model, as llama.cpp names it."""
        return str(self.values.get("general.architecture", "unknown"))

    @property
    def purpose(self) -> Purpose:
        """What it is good for: one that pools its vectors, or reads both ways, is for embedding."""
        own = self.architecture
        pools = self.values.get(f"{own}.pooling_type", 0) != 0
        both_ways = self.values.get(f"{own}.attention.causal") is False
        encodes = any(kind in own for kind in _ENCODERS)
        return "embedding" if pools or both_ways or encodes else "language"

    @property
    def licence(self) -> str:
        """Its licence, or C{""} where it does not say."""
        return str(self.values.get("general.license", ""))

    @property
    def blocks(self) -> int:
        """How many layers it has."""
        return self._number("block_count")

    def cache_bytes(self, tokens: int) -> int:
        """
        What C{tokens} take in a cache of float16: a key and a value in each layer.

        Models whose layers differ are taken at their most.
        """
        heads = self._number("attention.head_count") or 1
        width = self._number("embedding_length") // heads
        keys = self._number("attention.key_length") or width
        values = self._number("attention.value_length") or width
        kept = self._number("attention.head_count_kv") or heads
        return 2 * tokens * self.blocks * kept * (keys + values)

    def _number(self, key: str) -> int:
        found = self.values.get(f"{self.architecture}.{key}", 0)
        return found if isinstance(found, int) else 0


def read_header(path: Path) -> Header:
    """
    The header of the GGUF file C{path}. Raises L{ModelBroken}.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return Header(_values(file, path), size)
    except OSError as problem:
        raise ModelBroken(path, f"cannot be read: {problem.strerror}") from None
    except (struct.error, KeyError, ValueError):
        raise ModelBroken(path, "is damaged: its header does not make sense") from None


def _values(file: BinaryIO, path: Path) -> dict[str, Any]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ModelBroken(path, "is not a GGUF file")
    version, _, count = _unpack(file, "IQQ")
    if version not in _VERSIONS:
        raise ModelBroken(path, f"is a GGUF file of version {version}, which llama.cpp cannot read")
    if count > _MOST:
        raise ValueError(count)
    found = {}
    for _ in range(count):
        key = _text(file)
        (kind,) = _unpack(file, "I")
        if kind == _ARRAY:
            _skip_list(file)
        else:
            found[key] = _value(file, kind)
    return found


def _value(file: BinaryIO, kind: int) -> Any:
    return _text(file) if kind == _STRING else _unpack(file, _NUMBERS[kind])[0]


def _skip_list(file: BinaryIO) -> None:
    kind, count = _unpack(file, "IQ")
    if count > _MOST:
        raise ValueError(count)
    if kind == _STRING:
        for _ in range(count):
            _text(file)
    elif kind == _ARRAY:
        for _ in range(count):
            _skip_list(file)
    else:
        file.seek(count * struct.calcsize(f"<{_NUMBERS[kind]}"), 1)


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > _LONGEST:
        raise ValueError(length)
    content = file.read(length)
    if len(content) < length:
        raise ValueError(length)
    return content.decode("utf-8", "replace")


def _unpack(file: BinaryIO, kinds: str) -> tuple[Any, ...]:
    return struct.unpack(f"<{kinds}", file.read(struct.calcsize(f"<{kinds}")))
