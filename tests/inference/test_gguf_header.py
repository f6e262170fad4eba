"""What a GGUF file says of itself."""

from pathlib import Path

import gguf
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.convert import convert
from mnemo.inference.gguf_header import Header, read_header
from tests.inference import tiny


class HeaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "model.gguf"

    def written(
        self,
        architecture: str,
        pooling: gguf.PoolingType | None = None,
        causal: bool | None = None,
    ) -> Header:
        writer = gguf.GGUFWriter(self.path, architecture)
        if pooling is not None:
            writer.add_pooling_type(pooling)
        if causal is not None:
            writer.add_causal_attention(causal)
        writer.add_license("mit")
        writer.add_array("lists.of", ["a", "b"])
        writer.add_array("lists.numbers", [1, 2, 3])
        writer.add_block_count(3)
        writer.add_tensor("token_embd.weight", np.zeros((2, 2), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return read_header(self.path)

    def reason(self) -> str:
        with self.assertRaises(ModelBroken) as caught:
            read_header(self.path)
        return str(caught.exception.reason)

    def test_it_says_its_kind_its_licence_and_its_layers(self) -> None:
        header = self.written("llama")
        self.assertEqual((header.architecture, header.licence, header.blocks), ("llama", "mit", 3))
        self.assertEqual(header.size, self.path.stat().st_size)
        self.assertNotIn("lists.of", header.values)

    def test_one_that_pools_or_reads_both_ways_is_for_embedding(self) -> None:
        self.assertEqual(self.written("llama").purpose, "language")
        self.assertEqual(self.written("qwen3", pooling=gguf.PoolingType.LAST).purpose, "embedding")
        self.assertEqual(self.written("llama", pooling=gguf.PoolingType.NONE).purpose, "language")
        self.assertEqual(self.written("llama", causal=False).purpose, "embedding")
        self.assertEqual(self.written("nomic-bert").purpose, "embedding")

    def test_the_models_of_these_tests_are_told_apart(self) -> None:
        self.assertEqual(read_header(tiny.write_llama(self.path)).purpose, "language")
        convert(tiny.write_bert_directory(self.folder / "bert"), self.path)
        self.assertEqual(read_header(self.path).purpose, "embedding")

    def test_what_is_no_gguf_file_is_told(self) -> None:
        self.assertEqual(self.reason(), "cannot be read: No such file or directory")
        self.path.write_bytes(b"PK\3\4")
        self.assertEqual(self.reason(), "is not a GGUF file")
        self.path.write_bytes(b"GGUF\1\0\0\0" + bytes(16))
        self.assertEqual(self.reason(), "is a GGUF file of version 1, which llama.cpp cannot read")
        self.path.write_bytes(b"GGUF\3\0\0\0" + b"\xff" * 16)
        self.assertEqual(self.reason(), "is damaged: its header does not make sense")

    def test_any_damage_is_told_and_does_no_harm(self) -> None:
        self.written("llama")
        whole = self.path.read_bytes()

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.integers(4, 300), st.binary(min_size=1, max_size=20))
        def damage(at: int, bytes_there: bytes) -> None:
            self.path.write_bytes(whole[:at] + bytes_there + whole[at + len(bytes_there) :])
            try:
                read_header(self.path)
            except ModelBroken as broken:
                self.assertNotIn("\n", str(broken))

        damage()
