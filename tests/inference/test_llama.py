"""The model on llama.cpp, with a model of random weights."""

import subprocess
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.checksums import digest, note
from mnemo.inference.convert import convert
from mnemo.inference.interfaces import IEmbeddingBackend, Interrupted
from mnemo.inference.library import NoSuchGpu
from mnemo.inference.llama import CPU_BATCH, LlamaEmbedder, load_embedder
from mnemo.inference.windows import normalised, weighted, windows
from tests.inference import tiny
from tests.inference.reference import ReferenceEmbedder

FULL = """
from pathlib import Path
import sys
from time import perf_counter
from mnemo.inference.llama import load_embedder
for _ in range(2):
    model = load_embedder(Path(sys.argv[1]), "off", 2, perf_counter)
    longest, fill = model.info.window - 2, model.batch_tokens // 2
    model.encode([[7] * longest] * (model.batch_tokens // model.info.window))
    model.encode([[]] * fill)
    for tokens in range(2, model.batch_tokens + 1):
        parts, rest = divmod(tokens, model.info.window)
        sizes = [longest] * parts + ([rest - 2] if rest >= 2 else [])
        model.encode([[7] * size for size in sizes])
    model.close()
print("alive")
"""


class ModelCase(SynchronousTestCase):
    """A case with a tiny model, of which it is noted that it is whole."""

    def setUp(self) -> None:
        self.directory = tiny.write_bert_directory(Path(self.mktemp()).absolute() / "tiny")
        self.path = self.directory.parent / "tiny.gguf"
        convert(self.directory, self.path)
        note(self.path)

    def load(self) -> LlamaEmbedder:
        model = load_embedder(self.path, "off", 1, perf_counter)
        self.addCleanup(model.close)
        return model


class EmbeddingTests(ModelCase):
    def setUp(self) -> None:
        super().setUp()
        self.model = self.load()

    def embed(self, text: str) -> np.ndarray:
        parts = windows(self.model.tokenize(text), self.model.info.window)
        room = self.model.batch_tokens // self.model.info.window
        steps = [parts[start : start + room] for start in range(0, len(parts), room)]
        sums = [weighted(self.model.encode(step), step).sum(axis=0) for step in steps]
        vector: np.ndarray = normalised(np.sum(sums, axis=0, keepdims=True))[0]
        return vector

    def test_it_is_a_backend(self) -> None:
        self.assertTrue(verifyObject(IEmbeddingBackend, self.model))

    def test_it_says_what_was_loaded(self) -> None:
        info = self.model.info
        self.assertEqual((info.dimensions, info.window), (tiny.HIDDEN, tiny.POSITIONS))
        self.assertEqual((info.path, info.device), (self.path, "cpu"))
        self.assertEqual(info.name, f"tiny-{digest(self.path)[:8]}")

    def test_other_weights_are_another_vector_space(self) -> None:
        content = bytearray(self.path.read_bytes())
        content[-1] ^= 1
        self.path.write_bytes(content)
        note(self.path)
        self.assertNotEqual(self.load().info.name, self.model.info.name)

    def test_it_agrees_with_an_independent_implementation(self) -> None:
        reference = ReferenceEmbedder(self.directory, window=self.model.info.window)
        for text in (
            "",
            " ",
            "a",
            "the cat sat on the mat",
            "def cat(mats): return [sat for sat in mats]",
            "漢字 cat 漢字",
            "😀 the cat 👩‍💻 1️⃣",
            "\ud800 half a pair \0",
            "the cat sat. " * 100,
            "a" * 100,
            "ab" * 5000,
        ):
            cosine = float(self.embed(text) @ reference.embed(text))
            self.assertGreater(cosine, 0.9999, text[:40])

    def test_a_window_has_the_same_vector_in_any_company(self) -> None:
        parts = [[9, 10, 11], [], list(range(6, 40)), [9], [12] * 20]
        together = self.model.encode(parts)
        for part, vector in zip(parts, together, strict=True):
            np.testing.assert_allclose(self.model.encode([part])[0], vector, atol=2e-3)

    def test_what_llama_cpp_would_abort_on_is_refused(self) -> None:
        longest = self.model.info.window - 2
        for reason, parts in (
            ("there are no windows", []),
            (f"a window of {longest + 3} tokens; at most {longest + 2}", [[7] * (longest + 1)]),
            (f"at most {CPU_BATCH}", [[]] * (CPU_BATCH // 2 + 1)),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                self.model.encode(parts)
        with self.assertRaisesRegex(RuntimeError, "could not compute"):
            self.model.encode([[999_999]])
        self.model.encode([[7]])

    def test_what_runs_can_be_interrupted_and_done_again(self) -> None:
        parts = [[7] * 40, [9] * 20]
        vectors = self.model.encode(parts)
        llama_encode = self.model._llama.llama_encode

        def encode(context: object, batch: object) -> int:
            self.model.interrupt()
            code: int = llama_encode(context, batch)
            return code

        self.patch(self.model._llama, "llama_encode", encode)
        with self.assertRaises(Interrupted):
            self.model.encode(parts)
        self.patch(self.model._llama, "llama_encode", llama_encode)
        self.model.interrupt()  # when nothing runs it is too late
        np.testing.assert_allclose(self.model.encode(parts), vectors, atol=1e-5)

    def test_closed_twice_it_is_closed_once(self) -> None:
        self.model.close()
        self.model.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            self.model.encode([[7]])

    def test_it_does_not_abort_at_its_own_limits(self) -> None:
        child = subprocess.run(
            [sys.executable, "-c", FULL, str(self.path)],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            check=False,
        )
        self.assertEqual((child.returncode, child.stdout), (0, "alive\n"), child.stderr)
        self.assertEqual(child.stderr, "")


class LoadingTests(ModelCase):
    def refused(self, reason: str) -> None:
        with self.assertRaises(ModelBroken) as caught:
            load_embedder(self.path, "off", 1, perf_counter)
        self.assertIn(reason, caught.exception.reason)
        self.assertNotIn("\n", str(caught.exception))
        self.assertIn("mnemo model fetch", str(caught.exception))

    def test_a_file_that_is_not_as_it_was_brought_is_refused(self) -> None:
        self.path.write_bytes(self.path.read_bytes()[:-1])
        self.refused("is damaged: tiny.gguf.sha256 beside it is of another file")

    def test_a_truncated_file_is_refused(self) -> None:
        self.path.write_bytes(self.path.read_bytes()[:-1000])
        note(self.path)
        self.refused("model is corrupted or incomplete")

    def test_what_is_no_gguf_is_refused(self) -> None:
        for content in (b"", b"GG", b"PK\3\4 a zip"):
            self.path.write_bytes(content)
            self.refused("is not a GGUF file")
        self.path.unlink()
        self.refused("cannot be read: No such file or directory")

    def test_a_language_model_is_refused(self) -> None:
        tiny.write_llama(self.path)
        note(self.path)
        self.refused("is not an embedding model: it makes text and no vectors")

    def test_weights_that_are_no_numbers_are_refused(self) -> None:
        weights = dict.fromkeys(["embeddings.LayerNorm.weight"], np.full(tiny.HIDDEN, np.nan))
        original = tiny.bert_weights(len(tiny.vocabulary()))
        tiny.write_safetensors(self.directory / "model.safetensors", original | weights)
        convert(self.directory, self.path)
        note(self.path)
        self.refused("cannot be loaded: ")

    def test_a_file_brought_by_hand_is_loaded_after_a_trial(self) -> None:
        (self.path.parent / "tiny.gguf.sha256").unlink()
        self.assertEqual(self.load().info.dimensions, tiny.HIDDEN)

    def test_a_gpu_that_is_not_there_is_named(self) -> None:
        with self.assertRaisesRegex(NoSuchGpu, r"^inference.gpu is 99, but llama.cpp sees \d+ GPU"):
            load_embedder(self.path, 99, 1, perf_counter)

    def test_the_library_logs_to_ours(self) -> None:
        with capturedLogs() as events:
            self.load()
        levels = {event["log_level"] for event in events if "line" in event}
        self.assertEqual(levels, {LogLevel.debug})


class LazyImportTests(SynchronousTestCase):
    def test_nothing_imports_llama_cpp_before_a_model_is_loaded(self) -> None:
        code = (
            "import sys, mnemo.inference.engine, mnemo.inference.llama, mnemo.inference.fetch;"
            "sys.exit('llama_cpp' in sys.modules)"
        )
        path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
        self.assertEqual(subprocess.run([sys.executable, "-c", code], env=path).returncode, 0)
