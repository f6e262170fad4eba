"""Files on which llama.cpp would end the process are found out by another one."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import trial
from mnemo.inference.catalogue import ModelBroken, Purpose
from mnemo.inference.checksums import note
from mnemo.inference.convert import convert
from tests.inference import tiny


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute().with_suffix(".gguf")
        directory = tiny.write_bert_directory(self.path.with_suffix(""))
        convert(directory, self.path)
        self.whole = self.path.read_bytes()

    def test_a_good_file_has_none(self) -> None:
        self.assertEqual(trial.fault(self.path), "")

    def test_a_file_that_crashes_llama_cpp_is_told_by_its_last_words(self) -> None:
        # A word that is there twice fails an assertion of llama.cpp.
        self.path.write_bytes(self.whole.replace("▁sat".encode(), "▁cat".encode()))
        self.assertRegex(
            trial.fault(self.path), r"^makes llama\.cpp crash: llama-vocab.cpp:\d+: GGML_ASSERT"
        )

    def test_another_kind_of_model_is_told(self) -> None:
        tiny.write_llama(self.path)
        self.assertEqual(
            trial.fault(self.path), "holds a llama model, not an embedding model of BERT's kind"
        )

    def test_a_language_model_is_tried_as_one(self) -> None:
        tiny.write_llama(self.path)
        self.assertEqual(trial.fault(self.path, "language"), "")
        self.path.write_bytes(self.path.read_bytes()[:-1000])
        self.assertIn("cannot be loaded: ", trial.fault(self.path, "language"))

    def test_an_unknown_architecture_is_told(self) -> None:
        content = tiny.write_llama(self.path).read_bytes()
        self.path.write_bytes(content.replace(b"llama", b"lamma"))
        self.assertIn("unknown model architecture: 'lamma'", trial.fault(self.path, "language"))

    def test_damage_anywhere_does_no_harm(self) -> None:
        for seed in (0, 1, 55, 86):
            self.path.write_bytes(tiny.damaged(self.whole, seed))
            reason = trial.fault(self.path)
            # What is cut short is always found; a changed byte may be one that does not matter.
            found = r"^(cannot be loaded|makes llama\.cpp crash): .*$"
            self.assertRegex(reason, found if seed == 0 else f"{found}|^$")

    def test_a_file_that_is_not_there_is_told(self) -> None:
        self.path.unlink()
        self.assertIn("cannot be loaded", trial.fault(self.path))


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute().with_suffix(".gguf")
        self.tried: list[Path] = []
        self.fault = ""
        self.patch(trial, "fault", self.try_out)

    def try_out(self, path: Path, purpose: Purpose) -> str:
        self.tried.append(path)
        return self.fault

    def reason(self, purpose: Purpose) -> str:
        with self.assertRaises(ModelBroken) as caught:
            trial.check(self.path, purpose)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception.reason)

    def test_a_model_of_the_other_kind_is_refused(self) -> None:
        tiny.write_llama(self.path)
        self.assertEqual(
            self.reason("embedding"), "is not an embedding model: it makes text and no vectors"
        )
        convert(tiny.write_bert_directory(self.path.with_suffix("")), self.path)
        self.assertEqual(
            self.reason("language"), "is not a language model: it makes vectors and no text"
        )
        self.assertEqual(self.tried, [])

    def test_one_that_is_as_it_was_brought_needs_no_trial(self) -> None:
        note(tiny.write_llama(self.path))
        trial.check(self.path, "language")
        self.assertEqual(self.tried, [])

    def test_one_that_is_not_is_damaged(self) -> None:
        note(tiny.write_llama(self.path))
        self.path.write_bytes(self.path.read_bytes() + b"x")
        self.assertIn("is damaged: ", self.reason("language"))

    def test_one_of_which_nothing_is_known_is_tried_once(self) -> None:
        tiny.write_llama(self.path)
        trial.check(self.path, "language")
        trial.check(self.path, "language")
        self.assertEqual(self.tried, [self.path])
        os.utime(self.path, (1, 1))
        trial.check(self.path, "language")
        self.assertEqual(len(self.tried), 2)

    def test_one_that_has_failed_may_try_again(self) -> None:
        tiny.write_llama(self.path)
        self.fault = "keeps llama.cpp busy"
        self.assertEqual(self.reason("language"), "keeps llama.cpp busy")
        self.fault = ""
        trial.check(self.path, "language")
