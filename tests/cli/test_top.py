"""C{mnemo top}: once for scripts, and live in a terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from select import select
from typing import Any

import msgspec
from click.testing import CliRunner, Result
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import top
from mnemo.cli.choice import choice
from mnemo.cli.main import main
from mnemo.lock import Holder, HomeLock
from mnemo.transports.inference_address import PATH
from tests.transports.test_inference_address import SNAPSHOT

SAID: Mapping[str, Any] = msgspec.to_builtins(SNAPSHOT)
SECONDS = 20.0


class TopCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.answer: tuple[int, Mapping[str, Any]] | None = 200, SAID
        self.asked: list[tuple[str, str]] = []
        self.patch(top, "ask", self.ask)

    def ask(
        self, holder: Holder, path: str, token: str = ""
    ) -> tuple[int, Mapping[str, Any]] | None:
        self.asked.append((path, token))
        return self.answer

    def serve(self) -> None:
        lock = HomeLock(self.home)
        lock.take(Holder(4711, "127.0.0.1", 9999, 0.0))
        self.addCleanup(lock.release)


class OnceTests(TopCase):
    def run_command(self, *arguments: str, **environ: str) -> Result:
        result = CliRunner().invoke(main, ["top", f"--home={self.home}", *arguments], env=environ)
        self.assertNotIn("Traceback", result.output)
        return result

    def fails(self, *arguments: str) -> str:
        result = self.run_command(*arguments)
        self.assertEqual((result.exit_code, result.output.count("\n")), (1, 1))
        return result.output

    def test_a_frame_is_plain_text(self) -> None:
        self.serve()
        result = self.run_command("--once")
        self.assertEqual(result.exit_code, 0)
        self.assertIn("language   writer, loaded, 900 MB on cpu, cache 100 MB\n", result.output)
        self.assertNotIn("\x1b", result.output)

    def test_where_the_output_is_no_terminal_it_is_shown_once(self) -> None:
        self.serve()
        self.assertEqual(self.run_command().output, self.run_command("--once").output)

    def test_programs_have_it_as_it_is(self) -> None:
        self.serve()
        result = self.run_command("--json")
        self.assertEqual(
            msgspec.json.decode(result.output), msgspec.json.decode(msgspec.json.encode(SNAPSHOT))
        )

    def test_it_says_who_it_is_as_other_commands_do(self) -> None:
        self.serve()
        self.run_command("--once", MNEMO_SERVER_TOKENS="me:0123456789abcdef")
        self.assertEqual(self.asked, [(PATH, "0123456789abcdef")])

    def test_where_no_daemon_runs_it_says_so_and_exits_with_1(self) -> None:
        self.assertIn("mnemo start starts it", self.fails("--once"))
        self.assertIn("mnemo start starts it", self.fails("--json"))

    def test_each_way_not_to_be_answered_is_a_line(self) -> None:
        self.serve()
        self.answer = None
        self.assertIn("does not answer on http://127.0.0.1:9999", self.fails("--once"))
        self.answer = 401, {"error": "no"}
        self.assertIn("set server.tokens", self.fails("--once"))
        self.answer = 404, {"error": "nothing here"}
        self.assertIn("mnemo restart mends that", self.fails("--once"))

    def test_an_interval_is_a_tenth_of_a_second_at_least(self) -> None:
        self.assertEqual(self.run_command("--interval=0").exit_code, 2)


class WatchTests(TopCase):
    """Looks, one after the other, at a daemon that comes and goes."""

    def test_it_goes_on_while_the_daemon_is_away(self) -> None:
        console = Console(record=True, width=100, force_terminal=True, file=StringIO())
        times = iter(range(4))

        def over() -> bool:
            number = next(times)
            if number == 0:
                self.serve()
            elif number == 1:
                self.answer = None
            elif number == 2:
                self.answer = 200, SAID
            return number == 3

        chosen = choice(home=str(self.home), config=None)
        top.watch(chosen, console, over)
        shown = console.export_text()
        places = [
            shown.index("mnemo is not running"),
            shown.index("writer, loaded"),
            shown.index("does not answer"),
            shown.rindex("writer, loaded"),
        ]
        self.assertEqual(places, sorted(places))
        self.assertEqual(len(self.asked), 3)


class TerminalTests(SynchronousTestCase):
    """The command in a terminal of its own."""

    def setUp(self) -> None:
        home = Path(self.mktemp()).absolute()
        self.terminal, theirs = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        command = [sys.executable, "-m", "mnemo", "top", f"--home={home}", "--interval=30"]
        environ = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
            start_new_session=True,
        )
        os.close(theirs)
        self.addCleanup(self.process.kill)
        self.shown = b""
        self.read_until(b"mnemo start starts it")

    def read_until(self, text: bytes) -> None:
        while text not in self.shown:
            ready, _, _ = select([self.terminal], [], [], SECONDS)
            self.assertTrue(ready, self.shown)
            self.shown += os.read(self.terminal, 4096)

    def ends_well(self) -> None:
        # It leaves the screen that it has taken.
        self.read_until(b"\x1b[?1049l")
        self.assertEqual(self.process.wait(SECONDS), 0)
        self.assertNotIn(b"Traceback", self.shown)

    def test_q_ends_it(self) -> None:
        os.write(self.terminal, b"xq")
        self.ends_well()

    def test_ctrl_c_ends_it(self) -> None:
        self.process.send_signal(2)
        self.ends_well()
