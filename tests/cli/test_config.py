"""C{mnemo config show}."""

from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.config import config
from mnemo.config_sources import KEYS


class ShowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.file = self.home / "mnemo.toml"

    def show(self, *arguments: str, **environ: str) -> Result:
        runner = CliRunner(env={"MNEMO_HOME": str(self.home), **environ})
        return runner.invoke(config, ["show", *arguments])

    def rows(self, result: Result) -> dict[str, list[str]]:
        self.assertEqual(result.exit_code, 0, result.output)
        table, _, _ = result.output.partition("\n\n")
        return {key: rest for key, *rest in (line.split() for line in table.splitlines())}

    def test_it_prints_each_value_in_force_and_where_it_came_from(self) -> None:
        self.file.write_text("[sessions]\nlimit = 5\n")
        rows = self.rows(self.show(MNEMO_SERVER_PORT="0"))
        self.assertEqual(list(rows), list(KEYS))
        self.assertEqual(rows["home"], [f'"{self.home}"', "MNEMO_HOME"])
        self.assertEqual(rows["server.port"], ["0", "MNEMO_SERVER_PORT"])
        self.assertEqual(rows["sessions.limit"], ["5", str(self.file)])
        self.assertEqual(rows["inference.gpu"], ['"auto"', "default"])

    def test_a_token_is_not_shown_but_whose_it_is(self) -> None:
        result = self.show(MNEMO_SERVER_TOKENS="0123456789abcdef,ci:fedcba9876543210")
        self.assertIn('["********", "ci:********"]', result.output)
        for token in ("0123456789abcdef", "fedcba9876543210"):
            self.assertNotIn(token, result.output)

    def test_its_columns_are_aligned(self) -> None:
        table = self.show().output.partition("\n\n")[0].splitlines()
        rows = [line for line in table if line.endswith("  default")]
        self.assertEqual(len({line.rindex("default") for line in rows}), 1)

    def test_it_names_the_file(self) -> None:
        self.assertIn(f"The file is {self.file}, not written yet.\n", self.show().output)
        self.file.write_text("")
        self.assertIn(f"The file is {self.file}.\n", self.show().output)

    def test_flags_win(self) -> None:
        other = self.home / "other"
        other.mkdir()
        rows = self.rows(self.show("--home", str(other)))
        self.assertEqual(rows["home"], [f'"{other}"', "--home"])

    def test_another_file_can_be_named(self) -> None:
        named = self.home / "other.toml"
        named.write_text("[log]\nlevel = 'debug'\n")
        rows = self.rows(self.show("--config", str(named)))
        self.assertEqual(rows["log.level"], ['"debug"', str(named)])

    def test_what_is_wrong_is_one_line(self) -> None:
        self.file.write_text("[server]\nport = 'x'\n")
        result = self.show()
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(
            result.output,
            f"Error: {self.file}: server.port must be a whole number from 0 to 65535, not 'x'\n",
        )
