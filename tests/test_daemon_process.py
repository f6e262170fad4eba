"""The daemon as a process of its own: started, asked, stopped and killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.asking import ANSWER_SECONDS
from mnemo.lock import Holder, holder_of
from tests.mcp.fakes import initialize_message, legacy_message

PATIENCE = 60.0
TWISTD = "from twisted.scripts.twistd import run; run()"


@frozen
class Response:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: Any


class ProcessTestCase(SynchronousTestCase):
    """Processes for homes of this test, which end with it."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "MNEMO_"},
            "MNEMO_HOME": str(self.home),
            "MNEMO_MODELS": str(self.home / "models"),
            "MNEMO_SERVER_PORT": "0",
        }

    def spawn(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command of the interpreter that runs the tests."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell runs in the background is deaf to Ctrl-C, and so are its children.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        self.addCleanup(self.end, process)
        return process

    def twistd(self, *options: str) -> "subprocess.Popen[str]":
        """C{twistd mnemo start} in the foreground."""
        return self.spawn("-c", TWISTD, "-n", "--pidfile=", "mnemo", "start", *options)

    def mnemo(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A C{mnemo} command, to its end."""
        process = self.spawn("-m", "mnemo", *arguments)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertNotIn("Traceback", out + err)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def end(self, process: "subprocess.Popen[str]") -> tuple[str, str]:
        """Kill it, if it still runs. What it wrote."""
        if process.poll() is None:
            process.kill()
        return process.communicate() if not process.stdout.closed else ("", "")  # type: ignore[union-attr]

    def serving(self, process: "subprocess.Popen[str] | None" = None) -> Holder:
        """Who serves the home, as soon as somebody does."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            holder = holder_of(self.home)
            if holder is not None and holder.port:
                return holder
            if process is not None and process.poll() is not None:
                self.fail(f"it ended: {self.end(process)}")
            time.sleep(0.02)
        raise AssertionError("nobody serves")

    def ask(self, method: str, path: str, message: object = None, session: str = "") -> Response:
        """Ask whoever serves the home."""
        holder = self.serving()
        connection = HTTPConnection(holder.host, holder.port, timeout=PATIENCE)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if session:
            headers["Mcp-Session-Id"] = session
        body = None if message is None else json.dumps(message)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = json.loads(response.read() or b"null")
        connection.close()
        return Response(response.status, {n.lower(): v for n, v in response.getheaders()}, content)

    def initialize(self) -> str:
        """A new session's id."""
        return self.ask("POST", "/mcp", initialize_message()).headers["mcp-session-id"]


class LegacySseTests(ProcessTestCase):
    """HTTP+SSE over the death of the daemon."""

    def listen(self) -> tuple[HTTPResponse, str]:
        """A stream, and the address that it names."""
        holder = self.serving()
        connection = HTTPConnection(holder.host, holder.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/sse", headers={"MCP-Protocol-Version": "2025-11-25"})
        stream = connection.getresponse()
        while not (line := stream.readline().decode()).startswith("data: "):
            self.assertNotEqual(line, "")
        return stream, line[6:].strip()

    def call(self, stream: HTTPResponse, address: str, id: int, tool: str, **given: str) -> Any:
        """The result of a tool, heard on the stream."""
        message = {**legacy_message("tools/call", name=tool, arguments=given), "id": id}
        self.assertEqual(self.ask("POST", address, message).status, 202)
        while line := stream.readline():
            heard = json.loads(line[6:]) if line.startswith(b"data: ") else {}
            if heard.get("id") == id:
                return heard["result"]
        raise AssertionError("the stream has ended")

    def test_after_a_kill_the_next_call_works_and_nothing_is_lost(self) -> None:
        daemon = self.twistd()
        stream, address = self.listen()
        self.call(stream, address, 1, "remember", text="The parser is written in Zig.")
        daemon.kill()
        daemon.wait()
        self.assertRaises(IncompleteRead, stream.read)
        self.twistd()
        again, other = self.listen()
        self.assertEqual(self.ask("POST", address, legacy_message("ping")).status, 404)
        # Without an initialize, as clients do that have only lost their stream.
        found = self.call(again, other, 2, "recall", query="parser")
        self.assertIn("Zig", json.dumps(found))


class HangingTests(ProcessTestCase):
    """A daemon that is there and does nothing."""

    def test_it_is_told_in_time_from_one_that_serves(self) -> None:
        daemon = self.twistd()
        port = str(self.serving(daemon).port)
        self.assertEqual(self.mnemo("health", port).returncode, 0)
        daemon.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        told = self.mnemo("health")
        self.assertEqual(told.returncode, 1)
        self.assertIn("does not answer", told.stderr)
        # The rest is the start of the interpreter.
        self.assertLess(time.monotonic() - began, ANSWER_SECONDS + 3.0)


class ForegroundTests(ProcessTestCase):
    """C{twistd -n mnemo start}."""

    def test_it_serves_until_it_is_told_to_stop(self) -> None:
        daemon = self.twistd()
        holder = self.serving(daemon)
        self.assertEqual(holder.pid, daemon.pid)
        self.assertEqual(self.ask("GET", "/health/ready").status, 200)
        session = self.initialize()
        tools = self.ask("POST", "/mcp", legacy_message("tools/list"), session)
        self.assertIn("remember", [tool["name"] for tool in tools.body["result"]["tools"]])
        daemon.send_signal(signal.SIGTERM)
        out, err = daemon.communicate(timeout=PATIENCE)
        self.assertIn(daemon.returncode, (0, -signal.SIGTERM))
        self.assertNotIn("Traceback", out + err)
        self.assertEqual(err, "")
        self.assertIn(f"claude mcp add --transport http mnemo {holder.address}/mcp\n", out)
        self.assertIsNone(holder_of(self.home))

    def test_ctrl_c_ends_it_as_well(self) -> None:
        daemon = self.twistd()
        self.serving(daemon)
        daemon.send_signal(signal.SIGINT)
        out, err = daemon.communicate(timeout=PATIENCE)
        self.assertIn(daemon.returncode, (0, -signal.SIGINT))
        self.assertNotIn("Traceback", out + err)

    def test_a_second_one_is_refused_by_pid_and_port(self) -> None:
        first = self.twistd()
        holder = self.serving(first)
        second = self.twistd("--port=0")
        _, err = second.communicate(timeout=PATIENCE)
        self.assertEqual(second.returncode, 1)
        self.assertEqual(
            err,
            f"mnemo: {self.home} is already served by pid {first.pid} on port {holder.port}\n",
        )
        self.assertEqual(self.ask("GET", "/health/live").status, 200)

    def test_a_killed_one_leaves_the_home_free_and_its_sessions_alive(self) -> None:
        first = self.twistd()
        self.serving(first)
        session = self.initialize()
        first.kill()
        first.wait()
        second = self.twistd()
        self.assertEqual(self.serving(second).pid, second.pid)
        self.assertEqual(self.ask("POST", "/mcp", legacy_message("ping"), session).status, 200)
        self.assertEqual(self.ask("DELETE", "/mcp", None, session).status, 200)
        self.assertEqual(self.ask("POST", "/mcp", legacy_message("ping"), session).status, 404)

    def test_a_port_that_is_taken_ends_it_in_a_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as another:
            port = another.getsockname()[1]
            daemon = self.twistd(f"--port={port}")
            _, err = daemon.communicate(timeout=PATIENCE)
        self.assertEqual((daemon.returncode, err.count("\n")), (1, 1), err)
        self.assertIn(f"mnemo: cannot listen on 127.0.0.1 port {port}", err)

    def test_a_configuration_that_cannot_be_used_ends_it_in_a_line(self) -> None:
        (self.home / "mnemo.toml").write_text("[server]\nprot = 1\n")
        daemon = self.twistd()
        _, err = daemon.communicate(timeout=PATIENCE)
        self.assertEqual((daemon.returncode, err.count("\n")), (1, 1), err)
        self.assertIn("mnemo.toml", err)
        self.assertIn("server.port", err)


class BackgroundTests(ProcessTestCase):
    """C{mnemo start}, C{status}, C{restart} and C{stop}."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.kill_holder)

    def kill_holder(self) -> None:
        holder = holder_of(self.home)
        if holder is not None:
            os.kill(holder.pid, signal.SIGKILL)

    def test_a_life_in_the_background(self) -> None:
        started = self.mnemo("start")
        self.assertEqual(started.returncode, 0, started.stderr)
        holder = self.serving()
        self.assertIn(
            f"claude mcp add --transport http mnemo {holder.address}/mcp\n", started.stdout
        )
        self.assertEqual((self.home / "mnemo.pid").read_text(), str(holder.pid))

        shown = self.mnemo("status")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("status     degraded\n", shown.stdout)
        self.assertIn("mnemo model fetch", shown.stdout)

        session = self.initialize()
        again = self.mnemo("start")
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"pid {holder.pid} on port {holder.port}\n", again.stderr)

        self.assertEqual(self.mnemo("restart").returncode, 0)
        self.assertNotEqual(self.serving().pid, holder.pid)
        self.assertEqual(self.ask("POST", "/mcp", legacy_message("ping"), session).status, 200)

        self.assertEqual(self.mnemo("stop").returncode, 0)
        self.assertIsNone(holder_of(self.home))
        self.assertFalse((self.home / "mnemo.pid").exists())
        self.assertEqual(self.mnemo("status").returncode, 1)

    def test_start_says_why_it_failed(self) -> None:
        (self.home / "memory.sqlite3").write_bytes(b"no database " * 1000)
        started = self.mnemo("start")
        self.assertEqual((started.returncode, started.stderr.count("\n")), (1, 1), started.stderr)
        self.assertIn(str(self.home / "memory.sqlite3"), started.stderr)

    def test_twistd_daemonizes_too(self) -> None:
        process = self.spawn("-c", TWISTD, "mnemo", "start")
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err), (0, ""))
        holder = self.serving()
        self.assertNotEqual(holder.pid, process.pid)
        self.assertEqual((self.home / "twistd.pid").read_text(), str(holder.pid))
        self.assertEqual(self.mnemo("stop").returncode, 0)
