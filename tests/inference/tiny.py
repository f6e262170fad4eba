"""Models small enough for a test to write: a BERT that embeds noise, and one that is no BERT."""

import json
import random
import string
from pathlib import Path

import gguf
import numpy as np

HIDDEN = 32
POSITIONS = 64
SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "cat", "sat", "on", "mat", "##ing", "##at", "\u6f22", "\u5b57", "\u1112"]


def vocabulary() -> list[str]:
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    return [*SPECIAL, *letters, *[f"##{letter}" for letter in string.ascii_lowercase], *WORDS]


def write_bert_directory(directory: Path, *, seed: int = 7, **config: object) -> Path:
    """
    A model directory with random weights, always the same ones for a seed.

    @param config: what C{config.json} says otherwise
    """
    directory.mkdir(parents=True, exist_ok=True)
    words = vocabulary()
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    settings: dict[str, object] = {
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "hidden_act": "gelu",
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "vocab_size": len(words),
    }
    (directory / "config.json").write_text(json.dumps(settings | config))
    write_safetensors(directory / "model.safetensors", bert_weights(len(words), seed))
    return directory


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = tensor.astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"".join(blobs))


def bert_weights(words: int, seed: int = 7) -> dict[str, np.ndarray]:
    noise = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}

    def linear(name: str, outputs: int, inputs: int) -> None:
        tensors[f"{name}.weight"] = noise.normal(0, 0.3, (outputs, inputs))
        tensors[f"{name}.bias"] = noise.normal(0, 0.1, outputs)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = noise.normal(1, 0.1, HIDDEN)
        tensors[f"{name}.bias"] = noise.normal(0, 0.1, HIDDEN)

    for table, rows in (("word", words), ("position", POSITIONS), ("token_type", 2)):
        tensors[f"embeddings.{table}_embeddings.weight"] = noise.normal(0, 1, (rows, HIDDEN))
    norm("embeddings.LayerNorm")
    for layer in range(2):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        linear(f"{name}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{name}.attention.output.LayerNorm")
        linear(f"{name}.intermediate.dense", 2 * HIDDEN, HIDDEN)
        linear(f"{name}.output.dense", HIDDEN, 2 * HIDDEN)
        norm(f"{name}.output.LayerNorm")
    linear("pooler.dense", HIDDEN, HIDDEN)
    return tensors


def write_llama(path: Path) -> Path:
    """A language model, which makes no vectors of texts."""
    noise = np.random.default_rng(7)
    words = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(2 * HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HIDDEN // 2)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    shapes = {"token_embd": (len(words), HIDDEN), "output_norm": (HIDDEN,)}
    for part in ("attn_norm", "ffn_norm"):
        shapes[f"blk.0.{part}"] = (HIDDEN,)
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        shapes[f"blk.0.{part}"] = (HIDDEN, HIDDEN)
    shapes["blk.0.ffn_gate"] = shapes["blk.0.ffn_up"] = (2 * HIDDEN, HIDDEN)
    shapes["blk.0.ffn_down"] = (HIDDEN, 2 * HIDDEN)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", noise.normal(0, 0.1, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def damaged(content: bytes, seed: int) -> bytes:
    """C{content} cut short, or with bytes of its first part changed."""
    chance = random.Random(seed)
    if seed % 4 == 0:
        return content[: chance.randrange(4, len(content))]
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 20)):
        changed[chance.randrange(4, 6000)] = chance.randrange(256)
    return bytes(changed)
