"""A model directory becomes a GGUF file."""

import json
from pathlib import Path

import gguf
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.convert import NotConvertible, convert, read_safetensors
from tests.inference import tiny


class ConvertTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "tiny"
        self.target = self.directory.parent / "tiny.gguf"

    def refused(self, reason: str) -> None:
        with self.assertRaisesRegex(NotConvertible, reason) as caught:
            convert(self.directory, self.target)
        self.assertNotIn("\n", str(caught.exception))

    def edit(self, name: str, **changes: object) -> None:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        content = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(content | changes))

    def test_it_holds_the_configuration_vocabulary_and_weights(self) -> None:
        tiny.write_bert_directory(self.directory)
        convert(self.directory, self.target)
        reader = gguf.GGUFReader(self.target)
        fields = {name: field.contents() for name, field in reader.fields.items()}
        self.assertEqual(fields["general.architecture"], "bert")
        self.assertEqual(fields["general.name"], "tiny")
        self.assertEqual(fields["bert.context_length"], tiny.POSITIONS)
        self.assertEqual(fields["bert.pooling_type"], gguf.PoolingType.MEAN)
        self.assertIs(fields["bert.attention.causal"], False)
        words = fields["tokenizer.ggml.tokens"]
        self.assertIn("▁cat", words)
        self.assertIn("ing", words)
        self.assertEqual(words[fields["tokenizer.ggml.bos_token_id"]], "[CLS]")
        self.assertEqual(words[fields["tokenizer.ggml.seperator_token_id"]], "[SEP]")
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.assertEqual(len(tensors), 5 + 16 * 2)
        original = dict(read_safetensors(self.directory / "model.safetensors"))
        for ours, theirs, precision in (
            ("token_embd.weight", "embeddings.word_embeddings.weight", np.float16),
            ("blk.1.attn_q.weight", "encoder.layer.1.attention.self.query.weight", np.float16),
            ("blk.1.attn_q.bias", "encoder.layer.1.attention.self.query.bias", np.float32),
            ("position_embd.weight", "embeddings.position_embeddings.weight", np.float32),
        ):
            np.testing.assert_array_equal(tensors[ours].data, original[theirs].astype(precision))

    def test_a_model_that_pools_by_its_first_token_keeps_to_that(self) -> None:
        tiny.write_bert_directory(self.directory)
        self.edit("1_Pooling/config.json", pooling_mode_cls_token=True)
        convert(self.directory, self.target)
        field = gguf.GGUFReader(self.target).fields["bert.pooling_type"]
        self.assertEqual(field.contents(), gguf.PoolingType.CLS)

    def test_the_vocabulary_may_be_in_the_tokeniser_file(self) -> None:
        tiny.write_bert_directory(self.directory)
        convert(self.directory, self.target)
        from_text = self.target.read_bytes()
        (self.directory / "vocab.txt").unlink()
        numbers = {word: number for number, word in enumerate(tiny.vocabulary())}
        shuffled = dict(sorted(numbers.items()))
        self.edit("tokenizer.json", model={"type": "WordPiece", "vocab": shuffled})
        convert(self.directory, self.target)
        self.assertEqual(self.target.read_bytes(), from_text)

    def test_half_precision_weights_are_read(self) -> None:
        values = np.array([[1.0, -2.5], [0.0, 3.0]], np.float32)
        half = values.astype("<f2").tobytes()
        brain = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
        header = json.dumps(
            {
                "half": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]},
                "brain": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8, 16]},
            }
        ).encode()
        path = Path(self.mktemp())
        path.write_bytes(len(header).to_bytes(8, "little") + header + half + brain)
        for _, array in read_safetensors(path):
            np.testing.assert_array_equal(array, values)

    def test_another_kind_of_model_is_refused(self) -> None:
        tiny.write_bert_directory(self.directory, model_type="roberta")
        self.refused("has model_type 'roberta'; mnemo converts 'bert' alone")
        tiny.write_bert_directory(self.directory, hidden_act="relu")
        self.refused("has hidden_act 'relu'")

    def test_a_model_that_tells_capitals_apart_is_refused(self) -> None:
        tiny.write_bert_directory(self.directory)
        self.edit("tokenizer_config.json", do_lower_case=False)
        self.refused("tells capitals apart")

    def test_an_incomplete_directory_is_refused(self) -> None:
        self.directory.mkdir(parents=True)
        self.refused("has no config.json")
        for name in ("vocab.txt", "model.safetensors"):
            tiny.write_bert_directory(self.directory)
            (self.directory / name).unlink()
            self.refused(f"has no {name.replace('vocab.txt', 'tokenizer.json')}")
        tiny.write_bert_directory(self.directory, num_hidden_layers=None)
        self.refused("config.json has no num_hidden_layers")

    def test_a_damaged_directory_is_refused(self) -> None:
        tiny.write_bert_directory(self.directory, vocab_size=7)
        self.refused("but config.json says 7")
        tiny.write_bert_directory(self.directory)
        weights = self.directory / "model.safetensors"
        for content in (b"", b"{}", weights.read_bytes()[:-50], b"\xff" * 99):
            weights.write_bytes(content)
            self.refused("is not a whole safetensors file")
        (self.directory / "config.json").write_text("{")
        self.refused("is not JSON")

    def test_a_vocabulary_that_llama_cpp_cannot_take_is_refused(self) -> None:
        for reason, words in (
            ("a word twice", [*tiny.vocabulary()[:-1], "cat"]),
            (r"lacks \[SEP\]", [word.replace("[SEP]", "sep") for word in tiny.vocabulary()]),
        ):
            tiny.write_bert_directory(self.directory)
            (self.directory / "vocab.txt").write_text("\n".join(words), "utf-8")
            self.refused(reason)

    def test_an_unknown_tensor_is_refused(self) -> None:
        tiny.write_bert_directory(self.directory)
        tiny.write_safetensors(self.directory / "model.safetensors", {"surprise": np.zeros(3)})
        self.refused("has surprise, which is no part of a BERT")
