"""C{mnemo shim} as a process."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.shim import headers_of
from mnemo.lock import holder_of
from tests.cli.stdio_client import PATIENCE, ROOT, StdioClient, environment

TOKEN = "a-token-of-the-client-0123456789"


class ShimCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.home = self.folder / "home"

    def client(self, *flags: str, folder: str | None = None, **env: str) -> StdioClient:
        client = StdioClient(
            *flags, env=environment(self.home, **env), folder=folder, command="shim"
        )
        self.addCleanup(client.kill)
        return client


class Serving:
    """
    A daemon that answers, in a process of its own, until the interpreter ends.

    @ivar home: the home that it has
    @ivar log: where each message goes that it has had
    """

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(dir=".")).absolute()
        self.home, self.log = folder / "home", folder / "messages"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.transports.fake_websocket", self.home, self.log],
            env=environment(self.home),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        atexit.register(self.kill)
        with self.process.stdout:
            self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def methods(self) -> list[str]:
        """The method of each message that it has had."""
        return [json.loads(line)["method"] for line in self.log.read_bytes().splitlines()]


serving = cache(Serving)
"""The one that all tests share that leave it as it is."""


class KilledTests(ShimCase):
    """With a daemon that ends."""

    def test_a_daemon_killed_in_a_call_costs_that_call_alone(self) -> None:
        daemon = Serving()
        self.addCleanup(daemon.kill)
        self.home = daemon.home
        client = self.client("--no-start")
        client.initialize()
        client.tell({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hang"}})
        client.ask(2, "ping")
        daemon.kill()
        killed = monotonic()
        error = client.hear()
        self.assertLess(monotonic() - killed, 1.0)
        self.assertEqual(error["id"], 1)
        self.assertIn("may or may not have", error["error"]["message"])
        daemon.start()
        self.assertEqual(client.call(3, "recall")["pid"], daemon.process.pid)
        calls = [method for method in daemon.methods() if method == "tools/call"]
        self.assertEqual(len(calls), 2)


class DaemonTests(ShimCase):
    """With a daemon that answers."""

    def setUp(self) -> None:
        super().setUp()
        self.daemon = serving()
        self.home = self.daemon.home

    def test_the_listing_of_tools_is_json_and_nothing_else_is_written(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "mnemo", "shim"],
            input=b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n',
            capture_output=True,
            env=environment(self.home),
            timeout=PATIENCE,
        )
        (line,) = done.stdout.splitlines()
        self.assertEqual(json.loads(line)["result"]["method"], "tools/list")
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_files_will_do_for_pipes(self) -> None:
        asked, answered = self.folder / "asked", self.folder / "answered"
        asked.write_bytes(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        with asked.open("rb") as stdin, answered.open("wb") as stdout:
            subprocess.run(
                [sys.executable, "-m", "mnemo", "shim"],
                stdin=stdin,
                stdout=stdout,
                env=environment(self.home),
                timeout=PATIENCE,
            )
        self.assertEqual(json.loads(answered.read_bytes())["id"], 1)

    def test_it_ends_with_its_input(self) -> None:
        client = self.client()
        client.initialize()
        self.assertLess(client.close(), 2.0)
        self.assertEqual((client.process.returncode, client.complaints()), (0, ""))

    def test_a_call_that_hangs_keeps_it_for_less_than_five_seconds(self) -> None:
        client = self.client()
        client.initialize()
        client.tell({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "hang"}})
        self.assertLess(client.close(), 5.0)

    def test_it_ends_when_it_is_told_to(self) -> None:
        client = self.client()
        client.initialize()
        client.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.process.wait(2.0), 0)

    def test_an_address_leads_to_another_daemon(self) -> None:
        address = f"127.0.0.1:{self.daemon.port}"
        self.home = self.folder / "another"
        flag = self.client("--url", f"ws://{address}/ws")
        self.assertIn("result", flag.ask(0, "tools/list"))
        variable = self.client(MNEMO_URL=f"http://{address}/mcp")
        self.assertIn("result", variable.ask(0, "tools/list"))

    def test_a_token_is_in_no_output_and_in_no_argument(self) -> None:
        client = self.client(MNEMO_SERVER_TOKENS=TOKEN)
        client.initialize()
        arguments = Path(f"/proc/{client.process.pid}/cmdline")
        if arguments.exists():
            self.assertNotIn(TOKEN.encode(), arguments.read_bytes())
        client.close()
        self.assertEqual(client.complaints(), "")
        self.assertNotIn(TOKEN, self.daemon.log.read_text())

    def test_it_may_be_started_from_anywhere(self) -> None:
        self.assertIn("result", self.client(folder="/").ask(0, "tools/list"))


class OrphanTests(ShimCase):
    """Without a daemon, and none to come: what never connects must still end."""

    def test_it_ends_with_its_input(self) -> None:
        client = self.client("--no-start")
        client.tell({"jsonrpc": "2.0", "id": 1, "method": "ping"})
        self.assertLess(client.close(), 5.0)

    def test_it_ends_with_its_parent_though_its_input_stays_open(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        spawn = (
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.executable, '-m', 'mnemo', 'shim', '--no-start'])\n"
            "time.sleep(60)"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", spawn],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(self.home),
        )
        os.close(reading)
        assert parent.stdout is not None
        self.addCleanup(parent.stdout.close)
        self.addCleanup(parent.wait)
        self.addCleanup(parent.kill)
        os.write(writing, b"{\n")
        self.assertEqual(json.loads(parent.stdout.readline())["error"]["code"], -32700)
        parent.kill()
        killed = monotonic()
        # The output ends when the last process that has it does.
        self.assertEqual(parent.stdout.read(), b"")
        self.assertLess(monotonic() - killed, 5.0)

    def test_what_is_wrong_is_a_line_for_a_person(self) -> None:
        client = self.client("--url", "ftp://x")
        self.assertEqual(client.process.wait(PATIENCE), 1)
        self.assertIn("ws://127.0.0.1:9999/ws", client.complaints())


class StartingTests(ShimCase):
    """Without a daemon: one is started, and this one is real."""

    def test_two_at_once_share_one(self) -> None:
        self.addCleanup(self.end_daemon)
        clients = [self.client() for _ in range(2)]
        for client in clients:
            client.initialize()
        first, second = (
            client.call(1, "remember", text=f"Zig, says {number}.")
            for number, client in enumerate(clients)
        )
        session = [told["structuredContent"]["session_id"] for told in (first, second)]
        self.assertEqual(len(set(session)), 2)

    def test_it_is_started_and_started_again_when_it_is_killed(self) -> None:
        self.addCleanup(self.end_daemon)
        client = self.client()
        client.initialize()
        client.call(1, "remember", text="The parser is written in Zig.")
        self.end_daemon()
        # Sent before the connection was seen to break, this one may be lost.
        client.ask(2, "ping")
        found = client.call(3, "recall", query="What is the parser written in?")
        self.assertIn("Zig", json.dumps(found))

    def end_daemon(self) -> None:
        holder = holder_of(self.home)
        if holder is not None:
            os.kill(holder.pid, signal.SIGKILL)


class WordsTests(SynchronousTestCase):
    """Where it goes, and what it says there."""

    def test_a_token_is_sent_where_there_is_one(self) -> None:
        self.assertEqual(headers_of("", "/a"), {"X-Mnemo-Project": "/a"})
        self.assertEqual(headers_of(TOKEN, "/a")["Authorization"], f"Bearer {TOKEN}")

    def test_a_folder_that_is_no_text_is_not_sent(self) -> None:
        for project in ("/a\nX-Evil: 1", "/a\udcff"):
            self.assertEqual(headers_of("", project), {})
