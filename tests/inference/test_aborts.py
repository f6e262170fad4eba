"""
What llama.cpp asserts, it ends the process for: each is fenced by limits of our own.

All of it happens in processes of its own, so that a fence that is missing is seen here, and no end
of everything. What the library does by itself shows that there is something to fence.
"""

import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mnemo.inference.checksums import note
from mnemo.inference.convert import convert
from tests.inference import tiny
from tests.inference.tiny_model import write_language_model


class AbortTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        self.bert, self.writer = folder / "bert.gguf", folder / "writer.gguf"
        convert(tiny.write_bert_directory(folder / "bert"), self.bert)
        write_language_model(self.writer)
        note(self.bert)
        note(self.writer)

    def child(self, kind: str, name: str) -> "subprocess.CompletedProcess[str]":
        words = [kind, name, str(self.bert), str(self.writer)]
        return subprocess.run(
            [sys.executable, "-m", "tests.inference.aborts", *words],
            capture_output=True,
            text=True,
            # Else llama.cpp has a debugger look at itself first, where there is one.
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "GGML_NO_BACKTRACE": "1"},
            timeout=100,
            check=False,
        )

    def lives(self, name: str) -> None:
        child = self.child("fenced", name)
        self.assertEqual((child.returncode, child.stdout[-6:]), (0, "alive\n"), child.stderr)

    def dies(self, name: str) -> None:
        child = self.child("bare", name)
        if child.returncode == 0:
            raise SkipTest("this llama.cpp does not abort here")
        self.assertEqual(child.returncode, -signal.SIGABRT, child.stderr)
        self.assertIn("GGML_ASSERT", child.stderr)

    def test_a_text_longer_than_the_models_positions(self) -> None:
        self.lives("longer_than_the_positions")
        self.dies("longer_than_the_positions")

    def test_a_batch_of_more_than_the_context_computes_at_once(self) -> None:
        self.lives("more_than_a_microbatch")
        self.dies("more_than_a_microbatch")

    def test_a_batch_of_a_size_that_does_not_divide(self) -> None:
        self.lives("batches_of_an_odd_size")
        self.dies("batches_of_an_odd_size")

    def test_two_threads_in_one_context(self) -> None:
        self.lives("two_threads_in_a_context")
