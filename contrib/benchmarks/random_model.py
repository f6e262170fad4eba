"""
Language models of random weights, in the shapes of real ones: what they write is noise, but it
costs what a text would.

The weights are made in quantised form, block by block, so that a gigabyte takes seconds. The
token that ends a text has weights of zero: the likeliest of thousands of random tokens is always
likelier, so each answer is as long as it may be, without a word about it to any server.
"""

import argparse
import math
from collections.abc import Iterator
from itertools import chain, count, islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import gguf
import numpy as np
from attrs import frozen
from gguf import GGMLQuantizationType, TokenType
from numpy.typing import NDArray

BOS, EOS = 1, 2
SPACE = "\u2581"
PLAIN = {GGMLQuantizationType.F32: np.float32, GGMLQuantizationType.F16: np.float16}


@frozen
class Shape:
    """
    Of a model of llama's architecture, whose output has the weights of its input.

    @ivar kind: of the layers' weights
    @ivar words: of the vocabulary's, which quantised models that are in use keep larger
    """

    layers: int
    width: int
    heads: int
    kept_heads: int
    inner: int
    vocabulary: int
    kind: GGMLQuantizationType
    words: GGMLQuantizationType
    context: int = 32_768

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...], GGMLQuantizationType]]:
        """The name, the rows and columns and the kind of each."""
        plain, width = GGMLQuantizationType.F32, self.width
        kept = self.kept_heads * width // self.heads
        yield "token_embd", (self.vocabulary, width), self.words
        yield "output_norm", (width,), plain
        for layer in range(self.layers):
            name = f"blk.{layer}."
            yield name + "attn_norm", (width,), plain
            yield name + "ffn_norm", (width,), plain
            yield name + "attn_q", (width, width), self.kind
            yield name + "attn_k", (kept, width), self.kind
            yield name + "attn_v", (kept, width), self.kind
            yield name + "attn_output", (width, width), self.kind
            yield name + "ffn_gate", (self.inner, width), self.kind
            yield name + "ffn_up", (self.inner, width), self.kind
            yield name + "ffn_down", (width, self.inner), self.kind

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(math.prod(shape) for _, shape, _ in self.tensors())


F16, Q8_0, Q4_0 = GGMLQuantizationType.F16, GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_0

SHAPES = {
    "20m": Shape(6, 384, 6, 2, 1024, 32_000, F16, F16),
    "100m": Shape(12, 768, 12, 4, 2048, 32_000, F16, F16),
    # As Qwen2.5-1.5B, in about the bytes that it has in Q4_K_M.
    "1.5b": Shape(28, 1536, 12, 2, 8960, 151_936, Q4_0, Q8_0),
}


def write(path: Path, shape: Shape, seed: int = 1) -> Path:
    """Write the model, always the same for a seed."""
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, shape)
    for name, rows, kind in shape.tensors():
        dtype = np.dtype(PLAIN.get(kind, np.uint8))
        size = rows if kind in PLAIN else gguf.quant_shape_to_byte_shape(rows, kind)
        length = math.prod(size) * dtype.itemsize
        writer.add_tensor_info(f"{name}.weight", size, dtype, length, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    noise = np.random.default_rng(seed)
    for name, rows, kind in shape.tensors():
        weights = _weights(noise, rows, kind)
        if name == "token_embd":
            weights[EOS] = 0
        writer.write_tensor_data(weights)
    writer.close()
    return path


def _weights(
    noise: np.random.Generator, rows: tuple[int, ...], kind: GGMLQuantizationType
) -> NDArray[Any]:
    """Weights that keep the size of what they are multiplied with; those of norms are 1."""
    if kind is GGMLQuantizationType.F32:
        return np.ones(rows, np.float32)
    columns = rows[-1]
    if kind is GGMLQuantizationType.F16:
        drawn = noise.standard_normal(rows, np.float32)
        return (drawn / math.sqrt(columns)).astype(np.float16)
    elements, length = gguf.GGML_QUANT_SIZES[kind]
    # A block is its scale as a float16, and then its integers, evenly distributed.
    values = 256 if kind is Q8_0 else 16
    scale = np.float16(math.sqrt(12 / columns) / values)
    blocks = noise.integers(0, 256, (rows[0], columns // elements, length), np.uint8)
    blocks[..., :2] = np.frombuffer(scale.tobytes(), np.uint8)
    return blocks.reshape(rows[0], -1)


def _describe(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kept_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("llama")
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens = [*special, *islice(_pieces(), shape.vocabulary - len(special))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    kinds += [TokenType.BYTE] * 256
    kinds += [TokenType.NORMAL] * (len(tokens) - len(kinds))
    writer.add_token_list(tokens)
    # What is longer is joined first.
    writer.add_token_scores([float(len(token)) for token in tokens])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def _pieces() -> Iterator[str]:
    """All that letters make, with and without a space before: the shortest first."""
    yield SPACE
    lengths = (product(ascii_lowercase, repeat=length) for length in count(1))
    for letters in chain.from_iterable(lengths):
        piece = "".join(letters)
        yield piece
        yield SPACE + piece


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("path", type=Path)
    options = parser.parse_args()
    shape = SHAPES[options.shape]
    write(options.path, shape)
    size = options.path.stat().st_size
    print(f"{options.path}: {shape.parameters:,} parameters, {size:,} bytes")


if __name__ == "__main__":
    main()
