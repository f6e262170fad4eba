"""
A file that cannot be used is one clear error, and never the end of the process.

Each is what the daemon meets: files as they come, with the real llama.cpp.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import llama_generator
from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.checksums import note
from mnemo.inference.convert import convert
from mnemo.inference.library import Memory
from mnemo.inference.llama import load_embedder
from mnemo.inference.llama_generator import load_generator
from tests.inference import tiny
from tests.inference.tiny_model import write_language_model


def no_time() -> float:
    return 0.0


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = write_language_model(self.folder / "writer.gguf")
        self.content = self.path.read_bytes()

    def refused(self, load: Callable[[], object]) -> str:
        with self.assertRaises(ModelBroken) as caught:
            load()
        self.assertNotIn("\n", str(caught.exception))
        self.assertTrue(str(caught.exception).startswith(f"{self.path} "))
        self.remedy = str(caught.exception).rpartition("; ")[2]
        return str(caught.exception.reason)

    def language(self, **more: int) -> str:
        reason = self.refused(lambda: load_generator(self.path, "off", 1, no_time, **more))
        self.assertIn("mnemo model use NAME takes one", self.remedy)
        return reason

    def test_a_good_one_is_loaded(self) -> None:
        backend = load_generator(self.path, "off", 1, no_time, context=256)
        self.assertGreater(backend.info.bytes, 100_000)
        backend.close()

    def test_half_a_file(self) -> None:
        self.path.write_bytes(self.content[: len(self.content) // 2])
        self.assertIn("cannot be loaded: ", self.language())

    def test_damage_since_it_was_brought(self) -> None:
        note(self.path)
        self.path.write_bytes(self.content[:-1] + b"x")
        self.assertIn("is damaged: ", self.language())

    def test_what_is_no_gguf_file(self) -> None:
        self.path.write_bytes(b"<html>")
        self.assertEqual(self.language(), "is not a GGUF file")

    def test_a_header_of_nonsense(self) -> None:
        self.path.write_bytes(self.content[:8] + b"\xff" * 64 + self.content[72:])
        self.assertEqual(self.language(), "is damaged: its header does not make sense")

    def test_an_unknown_architecture(self) -> None:
        self.path.write_bytes(
            self.content.replace(b"llama.", b"lamma.").replace(
                b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lamma"
            )
        )
        self.assertIn("unknown model architecture: 'lamma'", self.language())

    def test_an_embedding_model_asked_for_language(self) -> None:
        convert(tiny.write_bert_directory(self.folder / "bert"), self.path)
        self.assertEqual(self.language(), "is not a language model: it makes vectors and no text")

    def test_a_language_model_asked_for_vectors(self) -> None:
        self.assertEqual(
            self.refused(lambda: load_embedder(self.path, "off", 1, perf_counter)),
            "is not an embedding model: it makes text and no vectors",
        )

    def test_one_that_is_too_large_for_the_memory(self) -> None:
        self.patch(
            llama_generator, "memory_of", lambda llama, device: Memory(100_000_000, 200_000_000)
        )
        self.assertEqual(
            self.language(),
            "needs 0.3 GB of memory, and 0.1 GB are free; free some or take a smaller one",
        )

    def test_a_cache_that_is_too_large_for_the_memory(self) -> None:
        self.assertIn("GB of memory, and ", self.language(context=2_000_000_000))
