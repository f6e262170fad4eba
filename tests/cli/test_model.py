"""C{mnemo model fetch}."""

from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.model import model
from tests.inference import tiny


class FetchCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.models = self.folder / "models"

    def run_fetch(self, *arguments: str, **environment: str) -> Result:
        settings = {"MNEMO_MODELS": str(self.models), "HOME": str(self.folder)} | environment
        return CliRunner().invoke(model, ["fetch", *arguments], env=settings)

    def test_it_brings_a_model_and_says_how_to_use_it(self) -> None:
        source = tiny.write_bert_directory(self.folder / "tiny")
        result = self.run_fetch(str(source))
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertEqual(
            result.output.splitlines(),
            [
                f"converting {source} to GGUF",
                f"the model is at {self.models / 'tiny.gguf'}",
                'to use it, set in mnemo.toml under [inference]: model = "tiny"',
            ],
        )
        self.assertTrue((self.models / "tiny.gguf").is_file())

    def test_what_cannot_be_brought_is_one_line_and_exit_1(self) -> None:
        result = self.run_fetch("nothing")
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(
            result.output,
            "Error: nothing is no file or directory; known by name: all-MiniLM-L6-v2\n",
        )

    def test_a_bad_configuration_is_one_line_and_exit_1(self) -> None:
        result = self.run_fetch("nothing", MNEMO_SERVER_PORT="many")
        self.assertEqual((result.exit_code, result.output.count("\n")), (1, 1))
        self.assertIn("MNEMO_SERVER_PORT", result.output)
