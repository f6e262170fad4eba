"""A language model small enough for a test to write: it knows every byte, and writes noise."""

from pathlib import Path

import gguf
import numpy as np

HIDDEN = 64
BLOCKS = 2
HEADS = 4
CONTEXT = 512
BOS, EOS = 1, 2
BYTES = 3  # the number of the token for byte 0
PIECES = ["\u2581the", "\u2581cat", "ing", "er", '"', "{", "}", ":", ",", "\u2581"]
CHAT = (
    "{% for message in messages %}[{{ message.role }}]{{ message.content }}[/]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def write_language_model(
    path: Path,
    *,
    seed: int = 7,
    context: int = CONTEXT,
    template: str = CHAT,
    broken: bool = False,
) -> Path:
    """
    A llama with random weights, always the same ones for a seed.

    @param broken: whether some of them are no numbers
    """
    words = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)], *PIECES]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(PIECES)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(2 * HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(words))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    if template:
        writer.add_chat_template(template)
    noise = np.random.default_rng(seed)
    for name, shape in _shapes(len(words)).items():
        weights = noise.normal(1 if "norm" in name else 0, 0.3, shape)
        if broken and name == "output_norm":
            weights[:] = np.nan
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(words: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd": (words, HIDDEN),
        "output": (words, HIDDEN),
        "output_norm": (HIDDEN,),
    }
    for block in range(BLOCKS):
        for part in ("attn_norm", "ffn_norm"):
            shapes[f"blk.{block}.{part}"] = (HIDDEN,)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{block}.{part}"] = (HIDDEN, HIDDEN)
        shapes[f"blk.{block}.ffn_gate"] = shapes[f"blk.{block}.ffn_up"] = (2 * HIDDEN, HIDDEN)
        shapes[f"blk.{block}.ffn_down"] = (HIDDEN, 2 * HIDDEN)
    return shapes
