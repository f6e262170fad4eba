"""C{mnemo ci}, as a process, with a daemon each time."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import redirect_stderr
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event
from time import monotonic
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import ci, keeper
from mnemo.cli.interruptions import Interruptions
from tests.cli.stdio_client import PATIENCE, environment

ASK = """
import os, urllib.request
url = os.environ["MNEMO_URL"].removesuffix("/mcp") + "/health"
print(urllib.request.urlopen(url).read().decode())
raise SystemExit(42)
"""

pause = Event().wait


class CiCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir(parents=True)

    def start(self, *command: str, **more: Any) -> "subprocess.Popen[bytes]":
        env = environment(self.folder / "home", TMPDIR=str(self.temporary), **more.pop("env", {}))
        process = subprocess.Popen(
            [sys.executable, "-m", "mnemo", "ci", "--", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            **more,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_to_end(self, *command: str, **more: Any) -> tuple[int, str, str]:
        process = self.start(*command, **more)
        output, errors = process.communicate(timeout=PATIENCE)
        self.assert_nothing_left()
        return process.returncode, output.decode(), errors.decode()

    def processes(self) -> list[str]:
        """The command lines of what was started with this test's folder for temporary files."""
        mark = f"TMPDIR={self.temporary}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().decode())
            except OSError:
                pass  # It is another user's, or has just ended.
        return found

    def assert_nothing_left(self) -> None:
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.assertEqual(self.processes(), [])

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something that another process does."""
        end = monotonic() + PATIENCE
        while not condition():
            self.assertLess(monotonic(), end, self.processes())
            pause(0.02)


class OutcomeTests(CiCase):
    """How it ends."""

    def test_two_at_once_have_a_daemon_each_nothing_stays_and_the_exit_code_is_theirs(self) -> None:
        both = [self.start(sys.executable, "-c", ASK) for _ in range(2)]
        answers = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in both]
        self.assertEqual([process.returncode for process in both], [42, 42])
        self.assertEqual([answer["sessions"]["live"] for answer in answers], [0, 0])
        self.assertEqual(len({answer["pid"] for answer in answers}), 2)
        for answer in answers:
            self.assertIn(str(self.temporary), answer["database"]["path"])
        self.assertFalse((self.folder / "home").exists())
        self.assert_nothing_left()

    def test_without_a_daemon_it_is_a_line_and_125(self) -> None:
        for variable in ("MNEMO_INFERENCE_THREADS", "MNEMO_CONFIG"):
            code, _, errors = self.run_to_end("true", env={variable: "/nonsense"})
            self.assertEqual((code, errors.count("\n")), (125, 1), errors)


class InterruptedTests(CiCase):
    """When it is told to end."""

    def begun(self, **more: Any) -> "tuple[subprocess.Popen[bytes], int]":
        """One whose command runs, and the command's process."""
        process = self.start("sh", "-c", "echo $$; exec sleep 60", **more)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    def test_a_signal_ends_both(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            process, _ = self.begun()
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 128 + number)
            self.assert_nothing_left()

    def test_ctrl_c_in_a_terminal_ends_both(self) -> None:
        master, terminal = pty.openpty()
        self.addCleanup(os.close, master)
        process, _ = self.begun(
            stdin=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)
        os.write(master, b"\x03")
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assert_nothing_left()

    def test_killed_outright_it_leaves_no_daemon_and_no_folder(self) -> None:
        process, command = self.begun()
        self.addCleanup(os.kill, command, signal.SIGKILL)
        process.kill()
        self.until(lambda: not list(self.temporary.iterdir()))
        self.until(lambda: self.processes() in (["sleep\x0060\x00"], []))


class CommandTests(SynchronousTestCase):
    """What becomes of a command when there is a daemon."""

    def run_to_end(self, *command: str) -> tuple[int, str]:
        with redirect_stderr(StringIO()) as said:
            code = ci.run(command, BytesIO(b"ready http://127.0.0.1:1/mcp\n"), Interruptions())
        return code, said.getvalue()

    def test_a_signal_that_ends_it_is_its_exit_code_too(self) -> None:
        self.assertEqual(self.run_to_end("sh", "-c", "kill -9 $$"), (128 + signal.SIGKILL, ""))

    def test_one_that_is_not_there_is_a_line_and_127(self) -> None:
        said = "mnemo ci: no-such-command: no such command\n"
        self.assertEqual(self.run_to_end("no-such-command"), (127, said))

    def test_one_that_is_no_program_is_a_line_and_126(self) -> None:
        code, said = self.run_to_end(str(Path.cwd()))
        self.assertEqual((code, said.count("\n")), (126, 1))


class WordsTests(SynchronousTestCase):
    """What is said between the processes."""

    def test_a_daemon_that_cannot_start_is_a_line_and_125(self) -> None:
        with redirect_stderr(StringIO()) as said:
            code = ci.run(["true"], BytesIO(b"failed the disk is full\n"), Interruptions())
        self.assertEqual((code, said.getvalue()), (125, "mnemo ci: the disk is full\n"))

    def test_a_keeper_that_says_nothing_is_one_too(self) -> None:
        with redirect_stderr(StringIO()) as said:
            self.assertEqual(ci.run(["true"], BytesIO(b""), Interruptions()), 125)
        self.assertEqual(said.getvalue().count("\n"), 1)

    def test_what_a_daemon_says_that_does_not_start_is_passed_on(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        self.patch(keeper, "STDIN", reading)
        with TemporaryFile() as complaints:
            daemon = subprocess.Popen(
                ["sh", "-c", "echo mnemo: the disk is full >&2; exit 1"], stderr=complaints
            )
            daemon.wait()
            told = keeper.outcome(daemon, Path(self.mktemp()), complaints)
        self.assertEqual(told, "failed the disk is full")

    def test_nobody_waits_for_a_daemon_that_nobody_wants(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.close(writing)
        self.patch(keeper, "STDIN", reading)
        with TemporaryFile() as complaints, subprocess.Popen(["sleep", "60"]) as daemon:
            self.assertEqual(keeper.outcome(daemon, Path(self.mktemp()), complaints), "")
            daemon.kill()
