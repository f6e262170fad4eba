"""C{mnemo mcp} as a process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from time import monotonic

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import mcp
from mnemo.lock import NAME, Holder, holder_of
from tests.cli.stdio_client import PATIENCE, StdioClient, environment
from tests.transports.fake_daemon import FakeDaemon, Seen

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


class ProcessCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.home = folder / "home"

    def client(self, *flags: str, folder: str | None = None, **env: str) -> StdioClient:
        client = StdioClient(*flags, env=environment(self.home, **env), folder=folder)
        self.addCleanup(client.kill)
        return client

    def seconds_after_its_parent(self, *flags: str) -> float:
        """How long a process that was asked something lives on when its parent is killed."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        spawn = (
            "import subprocess, sys, time\n"
            "subprocess.Popen([sys.executable, '-m', 'mnemo', 'mcp', *sys.argv[1:]])\n"
            "time.sleep(60)"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", spawn, *flags],
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
        os.write(writing, b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
        self.assertEqual(json.loads(parent.stdout.readline())["id"], 1)
        parent.kill()
        killed = monotonic()
        # The output ends when the last process that has it does.
        self.assertEqual(parent.stdout.read(), b"")
        return monotonic() - killed


class ProxyTests(ProcessCase):
    """With a daemon that answers."""

    def setUp(self) -> None:
        super().setUp()
        self.daemon = FakeDaemon()
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.stop())
        self.home.mkdir()
        self.announce()

    def announce(self) -> None:
        holder = Holder(os.getpid(), "127.0.0.1", self.daemon.port, 0.0)
        (self.home / NAME).write_bytes(msgspec.json.encode(holder))

    def test_the_first_listing_takes_half_a_second_at_most(self) -> None:
        took: list[float] = []
        # What else this machine does may come in between once, but not each time.
        while len(took) < 10 and min(took, default=1.0) >= 0.5:
            client = self.client()
            client.ask(0, "tools/list")
            took.append(monotonic() - client.began)
        self.assertLess(min(took), 0.5)

    def test_it_stays_below_40_megabytes(self) -> None:
        client = self.client()
        client.initialize()
        for number in range(50):
            client.tell({"jsonrpc": "2.0", "id": number, "method": "ping"})
        self.assertEqual({client.hear()["id"] for _ in range(50)}, set(range(50)))
        self.assertLess(client.memory(), 40 * 1024)

    def test_a_conversation_of_each_era(self) -> None:
        client = self.client()
        discovered = client.ask("probe", "server/discover", _meta=META)
        self.assertEqual(discovered["result"], {"method": "server/discover"})
        self.assertIn("protocolVersion", client.initialize()["result"])
        self.assertEqual(client.call(1, "recall"), {"method": "tools/call"})

    def test_what_is_no_json_is_answered(self) -> None:
        client = self.client()
        client.tell(b"{")
        self.assertEqual(client.hear()["error"]["code"], -32700)

    def test_the_project_is_the_current_folder(self) -> None:
        self.client(folder=str(self.home)).ask(0, "tools/list")
        self.assertEqual(self.daemon.seen[0].headers["x-mnemo-project"], str(self.home))

    def test_or_what_a_flag_says(self) -> None:
        self.client("--project", "/somewhere").ask(0, "tools/list")
        self.assertEqual(self.daemon.seen[0].headers["x-mnemo-project"], "/somewhere")

    def test_a_url_leads_to_another_daemon(self) -> None:
        (self.home / NAME).unlink()
        url = f"http://127.0.0.1:{self.daemon.port}/mcp"
        self.assertIn("result", self.client("--url", url).ask(0, "tools/list"))
        self.assertIn("result", self.client(MNEMO_URL=url).ask(0, "tools/list"))

    def test_the_daemon_may_restart_on_another_port(self) -> None:
        client = self.client()
        client.initialize()
        self.daemon.stop()
        client.tell({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}})
        self.daemon.port = 0
        self.daemon.start()
        self.announce()
        self.assertEqual(client.hear()["result"], {"method": "tools/call"})

    def test_it_ends_with_its_input_and_ends_its_session(self) -> None:
        client = self.client()
        client.initialize()
        self.assertLess(client.close(), 2.0)
        self.assertEqual(client.process.returncode, 0)
        self.assertEqual(self.daemon.sessions, set())
        self.assertEqual(client.complaints(), "")

    def test_who_asks_and_closes_at_once_is_answered(self) -> None:
        asked = b'{"jsonrpc":"2.0","id":7,"method":"ping"}\n'
        process = subprocess.run(
            [sys.executable, "-m", "mnemo", "mcp"],
            input=asked,
            capture_output=True,
            env=environment(self.home),
            timeout=PATIENCE,
        )
        self.assertEqual(json.loads(process.stdout)["id"], 7)

    def test_a_call_that_hangs_does_not_keep_it(self) -> None:
        arrived, release = Event(), Event()
        self.addCleanup(release.set)

        def rule(seen: Seen) -> None:
            if seen.message and seen.message["method"] == "tools/call":
                arrived.set()
                release.wait(PATIENCE)

        self.daemon.rule = rule
        client = self.client()
        client.initialize()
        client.tell({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x"}})
        self.assertTrue(arrived.wait(PATIENCE))
        self.assertLess(client.close(), 2.0)

    def test_it_ends_when_it_is_told_to(self) -> None:
        client = self.client()
        client.initialize()
        client.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.process.wait(2.0), 0)
        self.assertEqual(self.daemon.sessions, set())

    def test_it_ends_with_its_parent_though_its_input_stays_open(self) -> None:
        self.assertLess(self.seconds_after_its_parent(), 2.0)


class PatienceTests(SynchronousTestCase):
    """How long a client is waited for that has not been served yet."""

    def setUp(self) -> None:
        reading, self.writing = os.pipe()
        kept = os.dup(mcp.STDIN)
        os.dup2(reading, mcp.STDIN)
        os.close(reading)
        self.addCleanup(os.close, kept)
        self.addCleanup(os.dup2, kept, mcp.STDIN)
        self.client = mcp.Client(os.getppid(), "")

    def test_one_that_is_there_is_waited_for(self) -> None:
        self.assertFalse(self.client.is_gone_after(0))
        os.close(self.writing)

    def test_one_that_has_asked_nothing_and_closed_is_gone(self) -> None:
        os.close(self.writing)
        self.assertTrue(self.client.is_gone_after(0))

    def test_one_that_has_asked_and_closed_is_gone_after_a_moment(self) -> None:
        os.write(self.writing, b"{}\n")
        os.close(self.writing)
        self.assertFalse(self.client.is_gone_after(0))
        self.patch(mcp, "monotonic", lambda: monotonic() + 2 * mcp.GRACE_SECONDS)
        self.assertTrue(self.client.is_gone_after(0))

    def test_one_whose_parent_has_gone_is_gone(self) -> None:
        client = mcp.Client(-1, "")
        self.assertTrue(client.is_gone_after(0))
        os.close(self.writing)


class MistakeTests(ProcessCase):
    """What is said to a person goes to stderr, in a line."""

    def complaint(self, *flags: str, **env: str) -> str:
        client = self.client(*flags, **env)
        client.process.wait(PATIENCE)
        self.assertEqual(client.process.returncode, 1)
        complaint = client.complaints()
        self.assertEqual(complaint.count("\n"), 1)
        return complaint

    def test_a_wrong_configuration(self) -> None:
        self.assertIn("server.port", self.complaint(MNEMO_SERVER_PORT="high"))

    def test_a_wrong_url(self) -> None:
        self.assertIn("http://127.0.0.1:9999/mcp", self.complaint("--url", "ftp://x"))


class StartingTests(ProcessCase):
    """Without a daemon: one is started."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.end_daemon)

    def end_daemon(self) -> None:
        holder = holder_of(self.home)
        if holder is not None:
            os.kill(holder.pid, signal.SIGKILL)

    def test_clients_that_come_at_once_share_one(self) -> None:
        clients = [self.client() for _ in range(3)]
        for client in clients:
            client.initialize()
        holders = {holder_of(self.home)}
        clients[0].call(1, "remember", text="The parser is written in Zig.")
        found = clients[1].call(1, "recall", query="What is the parser written in?")
        self.assertIn("Zig", json.dumps(found))
        holders.add(holder_of(self.home))
        self.assertEqual(len(holders), 1)

    def test_it_stays_when_its_client_goes(self) -> None:
        first = self.client()
        first.initialize()
        holder = holder_of(self.home)
        assert holder is not None
        first.close()
        second = self.client()
        second.initialize()
        self.assertEqual(holder_of(self.home), holder)
        self.assertNotEqual(os.getsid(holder.pid), os.getsid(0))


class InProcessTests(ProcessCase):
    """Without a daemon, and none to be started: the process serves its client itself."""

    def test_it_remembers_and_recalls(self) -> None:
        client = self.client("--no-start")
        client.initialize()
        client.call(1, "remember", text="The parser is written in Zig.")
        found = client.call(2, "recall", query="What is the parser written in?")
        self.assertIn("Zig", json.dumps(found))
        self.assertLess(client.close(), 2.0)
        self.assertEqual(client.process.returncode, 0)

    def test_it_ends_with_its_parent_though_its_input_stays_open(self) -> None:
        self.assertLess(self.seconds_after_its_parent("--no-start"), 2.0)

    def test_the_model_is_not_wanted_before_a_tool_is_called(self) -> None:
        client = self.client("--no-start")
        client.initialize()
        client.ask(1, "tools/list")
        log = self.home / "mnemo.log"
        self.assertNotIn("no embeddings", log.read_text())
        for number in range(2, 1000):
            client.call(number, "recall", query="anything")
            if "no embeddings" in log.read_text():
                return
        self.fail("the model was not looked for")

    def test_the_configuration_can_say_so(self) -> None:
        client = self.client(MNEMO_STDIO_START_DAEMON="false")
        self.assertIn("result", client.ask(0, "tools/list"))
        holder = holder_of(self.home)
        assert holder is not None
        self.assertEqual((holder.pid, holder.port), (client.process.pid, 0))

    def test_where_starting_one_fails_it_is_done_as_well(self) -> None:
        blocker = FakeDaemon()
        blocker.start()
        self.addCleanup(blocker.stop)
        client = self.client(MNEMO_SERVER_PORT=str(blocker.port))
        self.assertIn("result", client.ask(0, "tools/list"))
        client.close()
        self.assertIn(str(blocker.port), client.complaints())

    def test_a_second_one_is_told_who_has_the_home(self) -> None:
        first = self.client("--no-start")
        first.ask(0, "tools/list")
        second = self.client("--no-start")
        answer = second.ask(0, "tools/list")
        self.assertIn(f"pid {first.process.pid}", answer["error"]["message"])
        self.assertEqual(second.process.wait(PATIENCE), 1)
        self.assertIn(f"pid {first.process.pid}", second.complaints())
