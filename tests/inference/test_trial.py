"""Files on which llama.cpp would end the process are found out by another one."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import trial
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

    def test_damage_anywhere_does_no_harm(self) -> None:
        for seed in (0, 1, 55, 86):
            self.path.write_bytes(tiny.damaged(self.whole, seed))
            reason = trial.fault(self.path)
            self.assertNotIn("\n", reason)

    def test_a_file_that_is_not_there_is_told(self) -> None:
        self.path.unlink()
        self.assertIn("cannot be loaded", trial.fault(self.path))
