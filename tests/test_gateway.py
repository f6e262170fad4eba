"""A headless Claude Code that is asked something, by a program that stands for it."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.gateway import NoAgent, call_agent, parsed, server_config

ROOT = Path(__file__).resolve().parents[1]
URL = "http://127.0.0.1:9999/mcp"
TOKEN = "a-token-of-16-characters"
PATIENCE = 10.0

pause = Event().wait


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


class AgentCase(SynchronousTestCase):
    """With a folder on the C{PATH} in which C{claude} is what a test says."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = f"{self.folder}:{os.environ['PATH']}"
        self.patch(os, "environ", {**os.environ, "PATH": self.path})
        self.seen = self.folder / "seen"

    def agent(self, script: str) -> None:
        """Have C{claude} be a shell script; it knows the configuration's path as $2."""
        command = self.folder / "claude"
        command.write_text(f"#!/bin/sh\necho \"$2\" > '{self.seen}'\n{script}\n")
        command.chmod(0o755)

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something that another process does."""
        end = monotonic() + PATIENCE
        while not condition():
            self.assertLess(monotonic(), end)
            pause(0.02)

    def assert_file_gone(self) -> None:
        self.assertFalse(Path(self.seen.read_text().strip()).exists())


class CallTests(AgentCase):
    """What comes back."""

    def test_the_answer_is_its_json(self) -> None:
        self.agent("""echo '{"result": "Zürich"}'""")
        self.assertEqual(call_agent("Where?", url=URL), {"result": "Zürich"})
        self.assert_file_gone()

    def test_it_is_told_the_prompt_the_daemon_and_the_turns(self) -> None:
        self.agent(
            f"cp \"$2\" '{self.folder}/config'; printf '%s\\n' \"$@\" > '{self.folder}/args'"
        )
        call_agent("--what do we know?", url=URL, max_turns=5)
        config = json.loads((self.folder / "config").read_text())
        self.assertEqual(config["mcpServers"]["mnemo"]["url"], URL)
        arguments = (self.folder / "args").read_text().splitlines()
        self.assertEqual(arguments[-5:], ["--max-turns", "5", "-p", "--", "--what do we know?"])

    def test_the_configuration_is_for_its_owner_alone(self) -> None:
        self.agent('echo "{\\"mode\\": \\"$(ls -l "$2" | cut -c1-10)\\"}"')
        mode = call_agent("", url=URL, token=TOKEN)["mode"]
        self.assertEqual(mode, stat.filemode(stat.S_IFREG | 0o600))

    def test_no_output_is_an_error(self) -> None:
        self.agent("exit 3")
        self.assertEqual(call_agent("", url=URL), {"error": "No output"})
        self.assert_file_gone()

    def test_an_output_that_is_no_json_is_one_and_shown(self) -> None:
        self.agent("echo Please log in")
        self.assertEqual(
            call_agent("", url=URL), {"error": "The output is no JSON", "output": "Please log in"}
        )

    def test_at_the_limit_it_is_killed_with_all_that_it_has_started(self) -> None:
        child = self.folder / "child"
        self.agent(f"sh -c 'echo $$ > \"{child}\"; sleep 60' &\nsleep 60")
        began = monotonic()
        answer = call_agent("", 1.0, url=URL)
        self.assertLess(monotonic() - began, PATIENCE)
        self.assertEqual(answer, {"error": "No answer within 1 s"})
        self.assert_file_gone()
        self.until(lambda: not is_alive(int(child.read_text())))

    def test_what_it_leaves_running_is_killed_and_not_waited_for(self) -> None:
        child = self.folder / "child"
        self.agent(f"sleep 60 & echo $! > '{child}'; echo '{{}}'")
        began = monotonic()
        self.assertEqual(call_agent("", 30.0, url=URL), {})
        self.assertLess(monotonic() - began, PATIENCE)
        self.until(lambda: not is_alive(int(child.read_text())))

    def test_without_it_that_is_said(self) -> None:
        self.patch(os, "environ", {**os.environ, "PATH": str(self.folder)})
        with self.assertRaisesRegex(NoAgent, "claude is not on the PATH"):
            call_agent("", url=URL)
        (self.folder / "claude").write_text("")
        with self.assertRaisesRegex(NoAgent, "cannot be started"):
            call_agent("", url=URL)


class CommandTests(AgentCase):
    """C{mnemo gateway}, as a process."""

    def start(self, *arguments: str, **env: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "mnemo", "gateway", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={
                "PATH": self.path,
                "PYTHONPATH": str(ROOT),
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                **env,
            },
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def daemon(self) -> str:
        """The address of something that says that it lives."""
        from tests.transports.fake_daemon import FakeDaemon

        daemon = FakeDaemon()
        daemon.start()
        self.addCleanup(daemon.stop)
        return f"http://127.0.0.1:{daemon.port}/mcp"

    def test_the_answer_is_printed(self) -> None:
        self.agent('cat "$2"')
        url = self.daemon()
        process = self.start("Hello", MNEMO_URL=url, MNEMO_SERVER_TOKENS=f"me:{TOKEN}")
        output, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, errors), (0, b""))
        self.assertEqual(json.loads(output), server_config(url, TOKEN))

    def test_an_error_is_printed_too_and_is_the_exit_code(self) -> None:
        self.agent("sleep 60")
        process = self.start("Hello", "--timeout", "0.5", MNEMO_URL=self.daemon())
        output, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(json.loads(output), {"error": "No answer within 0.5 s"})
        self.assertEqual(process.returncode, 1)

    def test_when_it_is_ended_nothing_is_left(self) -> None:
        child = self.folder / "child"
        self.agent(f"sleep 60 & echo $! > '{child}'; sleep 60")
        url = self.daemon()
        for number in (signal.SIGTERM, signal.SIGINT):
            child.unlink(missing_ok=True)
            process = self.start("Hello", MNEMO_URL=url)
            self.until(lambda: child.exists() and child.read_text().endswith("\n"))
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 128 + number)
            self.assert_file_gone()
            self.until(lambda: not is_alive(int(child.read_text())))

    def test_a_missing_agent_is_a_line(self) -> None:
        process = self.start("Hello", MNEMO_URL=self.daemon(), PATH=str(self.folder))
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, errors.count(b"\n")), (127, 1))

    def test_a_daemon_that_does_not_answer_is_a_line(self) -> None:
        self.agent("echo '{}'")
        process = self.start("Hello", MNEMO_URL="http://127.0.0.1:1/mcp")
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, errors.count(b"\n")), (1, 1))


class WordsTests(SynchronousTestCase):
    """What is made of words."""

    def test_the_configuration_has_a_token_where_there_is_one(self) -> None:
        def headers(token: str) -> Any:
            return server_config(URL, token)["mcpServers"]["mnemo"]["headers"]

        self.assertEqual(headers(""), {"X-Mnemo-Project": "${PWD}"})
        self.assertEqual(headers(TOKEN)["Authorization"], f"Bearer {TOKEN}")

    def test_a_long_output_that_is_no_json_is_cut(self) -> None:
        self.assertEqual(len(parsed(b"x" * 10_000)["output"]), 2000)
