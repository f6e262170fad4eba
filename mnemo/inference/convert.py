"""
Makes a GGUF file of a BERT model directory: weights, vocabulary, configuration.

The keys and tensor names are those llama.cpp reads for its C{bert} architecture. Matrices
become float16, in which a vector differs from float32 by less than 1e-5 of cosine; vectors
and the two small tables stay float32.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from numpy.typing import NDArray

from mnemo.inference.wordpiece import BEGINNING

WEIGHTS: Final = "model.safetensors"

_DTYPES: Final[dict[str, Any]] = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_SPECIAL: Final = {
    "[PAD]": "add_pad_token_id",
    "[UNK]": "add_unk_token_id",
    "[CLS]": "add_bos_token_id",  # llama.cpp puts the token of this key before a text
    "[SEP]": "add_sep_token_id",
    "[MASK]": "add_mask_token_id",
}
_NUMBERS: Final = (
    "num_hidden_layers",
    "max_position_embeddings",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "layer_norm_eps",
    "type_vocab_size",
    "vocab_size",
)
_NEEDED: Final = ("[CLS]", "[SEP]", "[UNK]", "[PAD]")
_FLOAT32: Final = ("position_embd.weight", "token_types.weight")


class NotConvertible(Exception):
    """A model directory that cannot be converted. Its text is one line that says why."""


def convert(directory: Path, target: Path) -> None:
    """
    Write the model in C{directory} to the GGUF file C{target}.

    @param directory: C{config.json}, C{model.safetensors}, C{vocab.txt} or C{tokenizer.json},
        as the C{transformers} library saves a BERT
    @raise NotConvertible: it is another kind of model, or incomplete
    @raise OSError: the target cannot be written
    """
    config = _read_json(directory, "config.json")
    _check(directory, config)
    vocabulary = _vocabulary(directory)
    if len(vocabulary) != config["vocab_size"]:
        raise NotConvertible(
            f"{directory} has {len(vocabulary)} words, but config.json says {config['vocab_size']}"
        )
    writer = gguf.GGUFWriter(target, "bert")
    try:
        _add_config(writer, directory, config)
        _add_vocabulary(writer, directory, vocabulary)
        for name, array in _tensors(directory, config["num_hidden_layers"]):
            writer.add_tensor(name, array)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


# -- the configuration


def _read_json(directory: Path, name: str) -> dict[str, Any]:
    path = directory / name
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotConvertible(f"{directory} has no {name}") from None
    except ValueError as problem:
        raise NotConvertible(f"{path} is not JSON: {problem}") from None
    if not isinstance(content, dict):
        raise NotConvertible(f"{path} is not a JSON object")
    return content


def _optional_json(directory: Path, name: str) -> dict[str, Any]:
    return _read_json(directory, name) if (directory / name).exists() else {}


def _check(directory: Path, config: Mapping[str, Any]) -> None:
    """Refuse what llama.cpp's BERT would compute otherwise than the model's authors did."""
    expected = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
    }
    for key, value in expected.items():
        if config.get(key, value if key != "model_type" else None) != value:
            raise NotConvertible(
                f"{directory} has {key} {config.get(key)!r}; mnemo converts {value!r} alone, "
                "so give it the model as a GGUF file"
            )
    for key in _NUMBERS:
        if not isinstance(config.get(key), int | float):
            raise NotConvertible(f"{directory / 'config.json'} has no {key}")
    if _optional_json(directory, "tokenizer_config.json").get("do_lower_case") is False:
        raise NotConvertible(f"{directory} tells capitals apart, which llama.cpp does not")


def _add_config(writer: gguf.GGUFWriter, directory: Path, config: Mapping[str, Any]) -> None:
    pooling = _optional_json(directory, "1_Pooling/config.json")
    by_first = bool(pooling.get("pooling_mode_cls_token"))
    writer.add_name(directory.name)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS if by_first else gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


# -- the vocabulary


def _vocabulary(directory: Path) -> list[str]:
    """The words by their number."""
    path = directory / "vocab.txt"
    if path.exists():
        return path.read_text("utf-8").removesuffix("\n").split("\n")
    model = _read_json(directory, "tokenizer.json").get("model", {})
    words = model.get("vocab")
    if model.get("type") != "WordPiece" or not isinstance(words, dict):
        raise NotConvertible(f"{directory} has no WordPiece vocabulary")
    return sorted(words, key=words.__getitem__)


def _add_vocabulary(writer: gguf.GGUFWriter, directory: Path, words: list[str]) -> None:
    missing = [word for word in _NEEDED if word not in words]
    if missing:
        raise NotConvertible(f"{directory} lacks {', '.join(missing)} in its vocabulary")
    marked = [_llama_word(word) for word in words]
    if len(set(marked)) != len(marked):
        raise NotConvertible(f"{directory} has a word twice in its vocabulary")
    writer.add_tokenizer_model("bert")
    writer.add_token_list(marked)
    writer.add_token_types([_word_type(word) for word in words])
    for word, add in _SPECIAL.items():
        if word in words:
            getattr(writer, add)(words.index(word))


def _llama_word(word: str) -> str:
    """llama.cpp marks where a word begins; WordPiece marks where one goes on."""
    if word in _SPECIAL or word.startswith("[unused"):
        return word
    return word[2:] if word.startswith("##") else BEGINNING + word


def _word_type(word: str) -> gguf.TokenType:
    if word in _SPECIAL:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.UNUSED if word.startswith("[unused") else gguf.TokenType.NORMAL


# -- the weights


def _tensors(directory: Path, layers: int) -> Iterator[tuple[str, NDArray[Any]]]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for name, array in read_safetensors(directory / WEIGHTS):
        name = name.removeprefix("bert.")
        if name.startswith(("pooler.", "cls.")) or name.endswith("position_ids"):
            continue
        ours = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if ours is None:
            raise NotConvertible(f"{directory / WEIGHTS} has {name}, which is no part of a BERT")
        small = array.ndim == 1 or ours in _FLOAT32
        yield ours, array.astype(np.float32 if small else np.float16)


def read_safetensors(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """
    The floating-point tensors of a safetensors file, as float16 or float32.

    The format is 8 bytes that give the length of a JSON header, the header, and the bytes of
    the tensors: U{https://github.com/huggingface/safetensors#format}.

    @raise NotConvertible: it is not such a file
    """
    try:
        content = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8:start].tobytes())
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] in _DTYPES:
                begin, end = (start + offset for offset in entry["data_offsets"])
                flat = content[begin:end].view(_DTYPES[entry["dtype"]])
                if entry["dtype"] == "BF16":
                    flat = (flat.astype(np.uint32) << 16).view(np.float32)
                yield name, flat.reshape(entry["shape"])
    except FileNotFoundError:
        raise NotConvertible(f"{path.parent} has no {path.name}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise NotConvertible(f"{path} is not a whole safetensors file: {problem}") from None
