"""The C{mnemo} command as a whole."""

import subprocess
import sys

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from mnemo import __version__
from mnemo.cli.main import COMMANDS, main


class MainTests(SynchronousTestCase):
    """What the command is before it is anything in particular."""

    def test_help_names_every_command(self) -> None:
        result = CliRunner().invoke(main, ["--help"])
        self.assertEqual(result.exit_code, 0)
        for name in COMMANDS:
            self.assertIn(f"\n  {name} ", result.output)

    def test_every_command_can_be_imported_under_its_name(self) -> None:
        for name in COMMANDS:
            result = CliRunner().invoke(main, [name, "--help"])
            self.assertEqual(result.exit_code, 0, name)
            self.assertIn(f"Usage: main {name} ", result.output)

    def test_version(self) -> None:
        result = CliRunner().invoke(main, ["--version"])
        self.assertEqual(result.output, f"mnemo {__version__}\n")

    def test_an_unknown_command_is_an_error_of_usage(self) -> None:
        result = CliRunner().invoke(main, ["nonsense"])
        self.assertEqual(result.exit_code, 2)
        self.assertNotIn("Traceback", result.output)

    def test_the_stdio_command_loads_neither_twisted_nor_numpy(self) -> None:
        program = (
            "import sys; from mnemo.cli.main import main; main.get_command(None, 'mcp');"
            "print([m for m in ('twisted', 'numpy', 'klein', 'rich') if m in sys.modules])"
        )
        loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        self.assertEqual(loaded.stdout, "[]\n", loaded.stderr)
