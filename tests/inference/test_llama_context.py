"""The sequences of a language model on llama.cpp, and the limits of its context."""

import subprocess
import sys

from mnemo.inference.generation import Sampling
from mnemo.inference.steps import CacheFull, Chunk, Copy, DecodeStep, Forget, Remove, Restore, Save
from tests.inference.test_llama_generator import ModelCase


class ContextTests(ModelCase):
    def test_copies_begin_with_what_they_are_copies_of(self) -> None:
        model = self.load()
        tokens = model.tokenize("the cat sat")
        for run in (1, 2):
            model.open(run, Sampling(), "", None)
        first = model.perform(DecodeStep((), [Chunk(1, 0, 0, tokens, 6)], 6, 1.0))
        chunk = Chunk(2, 3, len(tokens) - 1, tokens[-1:], 6)
        copied = DecodeStep([Copy(0, 3, len(tokens) - 1), Remove(0)], [chunk], 6, 1.0)
        self.assertEqual(model.perform(copied).tokens[2], first.tokens[1])

    def test_what_was_saved_is_restored_as_far_as_it_is_wanted(self) -> None:
        model = self.load()
        tokens = model.tokenize("the cat sat")
        for run in (1, 2):
            model.open(run, Sampling(), "", None)
        first = model.perform(DecodeStep((), [Chunk(1, 0, 0, tokens, 6)], 6, 1.0))
        model.perform(DecodeStep([Save(0, 7), Remove(0)], ()))
        chunk = Chunk(2, 3, len(tokens) - 1, tokens[-1:], 6)
        restored = DecodeStep([Restore(7, 3, len(tokens) - 1)], [chunk], 6, 1.0)
        self.assertEqual(model.perform(restored).tokens[2], first.tokens[1])

    def test_what_is_forgotten_cannot_be_restored(self) -> None:
        model = self.load()
        model.perform(DecodeStep((), [Chunk(1, 0, 0, model.tokenize("the cat"), 0)]))
        model.perform(DecodeStep([Save(0, 7), Forget(7)], ()))
        with self.assertRaisesRegex(ValueError, "nothing is saved"):
            model.perform(DecodeStep([Restore(7, 3, 1)], ()))

    def test_a_row_that_fills_up_others_takes_no_room_from_them(self) -> None:
        model = self.load(slots=4, context=256)
        rows = 4
        for run in range(rows):
            model.open(run, Sampling(), "", None)
            model.perform(DecodeStep((), [Chunk(run, run, 0, [7] * 60, 0)]))
        filling = model._context._filling
        assert filling is not None
        self.patch(filling, "rows", lambda wanted: wanted + 1)
        for position in range(60, 64):
            chunks = [Chunk(run, run, position, [7], 1) for run in range(rows)]
            self.assertEqual(len(model.perform(DecodeStep((), chunks)).tokens), rows)
        with self.assertRaises(CacheFull):
            model.perform(DecodeStep((), [Chunk(0, 0, 64, [7], 1)]))

    def test_a_full_cache_is_no_end(self) -> None:
        model = self.load(slots=1, context=256)
        model.open(1, Sampling(), "", None)
        fill = [Chunk(1, 0, 0, [7] * 256, 0)]
        model.perform(DecodeStep((), fill))
        with self.assertRaises(CacheFull):
            model.perform(DecodeStep((), [Chunk(1, 1, 0, [7], 1)]))
        freed = DecodeStep([Remove(0)], [Chunk(1, 1, 0, [7], 1)])
        self.assertEqual(len(model.perform(freed).tokens[1]), 1)

    def test_it_does_not_abort_at_its_limits_or_beyond(self) -> None:
        child = subprocess.run(
            [sys.executable, "-m", "tests.inference.beyond_limits", str(self.path)],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(filter(None, sys.path))},
            check=False,
        )
        self.assertEqual((child.returncode, child.stderr), (0, ""))
        self.assertEqual(child.stdout.splitlines()[-1], "alive")
