"""Which daemon the options of a command name."""

import os
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import daemon
from mnemo.cli.choice import Choice
from mnemo.cli.main import main


class ChoiceTests(SynchronousTestCase):
    """What is handed on to the daemon."""

    def start(self, *arguments: str) -> Choice:
        chosen: list[Choice] = []
        self.patch(daemon, "launch", chosen.append)
        home = f"--home={Path(self.mktemp()).absolute()}"
        result = CliRunner().invoke(main, ["start", home, *arguments])
        self.assertEqual(result.exit_code, 0, result.output)
        return chosen[0]

    def test_a_project_has_many_names(self) -> None:
        for option in ("--project", "--project-root", "--project-file"):
            chosen = self.start(option, "/src/alpha")
            self.assertEqual(chosen.config.sessions.project, "/src/alpha")
            self.assertIn("--project=/src/alpha", chosen.flags)

    def test_a_folder_is_seen_from_here(self) -> None:
        for arguments in (("--project-from-cwd",), ("--project", ".")):
            chosen = self.start(*arguments)
            self.assertIn(f"--project={Path.cwd()}", chosen.flags)
        self.assertEqual(self.start().config.sessions.project, "")

    def test_a_port_a_host_and_a_transport_are_named_with_it(self) -> None:
        where = ("--host=127.0.0.1", "--port", "8765")
        chosen = self.start("--transport", "sse", *where, "--project-root", "/src/alpha")
        self.assertEqual((chosen.transport, chosen.config.server.port), ("sse", 8765))
        self.assertIn("--transport=sse", chosen.flags)

    def test_tokens_are_not_handed_on_where_others_see_them(self) -> None:
        self.patch(os, "environ", {**os.environ, "MNEMO_SERVER_TOKENS": "0123456789abcdef"})
        chosen = self.start("--port=0")
        self.assertEqual(chosen.config.server.tokens, ("0123456789abcdef",))
        self.assertNotIn("0123456789abcdef", repr(chosen))
