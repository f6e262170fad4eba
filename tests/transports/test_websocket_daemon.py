"""
The WebSocket of a whole daemon, over real sockets.

The numbers are those of L{tests.transports.test_what_broke_elsewhere}.
"""

import builtins
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mnemo.config import Config, ServerConfig
from mnemo.lock import holder_of
from tests.mcp.fakes import MODERN, initialize_message, legacy_message, modern_message
from tests.test_service import ServiceTestCase as _ServiceTestCase
from tests.transports.websocket_client import WebSocketClient

reactor: Any = global_reactor

ROOT = Path(__file__).resolve().parents[2]


class DaemonTestCase(_ServiceTestCase):
    """A daemon, and clients that are gone when the test is."""

    @property
    def port(self) -> int:
        holder = holder_of(self.home)
        assert holder is not None
        return holder.port

    async def connect(self, **more: Any) -> WebSocketClient:
        client = await WebSocketClient.connect(reactor, self.port, **more)
        self.addCleanup(client.vanish)
        return client

    async def greeted(self, **hello: Any) -> tuple[WebSocketClient, str]:
        client = await WebSocketClient.greeted(reactor, self.port, **hello)
        self.addCleanup(client.vanish)
        return client, (await client.hear())["session_id"]


class TwoWindowsTests(DaemonTestCase):
    """Two clients at once."""

    async def test_each_lists_the_tools_and_calls_one_in_its_own_session(self) -> None:
        daemon = await self.start()
        (first, one), (second, two) = await self.greeted(), await self.greeted()
        self.assertNotEqual(one, two)
        for client in (first, second):
            client.say({"op": "list_tools", "request_id": 1})
        for client in (first, second):
            tools = (await client.hear_op("list_tools_res"))["tools"]
            self.assertIn("remember", [tool["name"] for tool in tools])
        answers = await gatherResults(
            [
                Deferred.fromCoroutine(client.call("echo", "same", text=text))
                for client, text in ((first, "a"), (second, "b"))
            ]
        )
        self.assertEqual([answer["text"] for answer in answers], ["a", "b"])
        self.assertEqual((await self.ask("GET", "/health")).body["websockets"], 2)
        await daemon.stopService()

    async def test_http_and_plain_mcp_and_the_dialect_have_one_memory(self) -> None:
        daemon = await self.start()
        (dialect, _), plain = await self.greeted(), await self.connect(protocols=("mcp",))
        kept = await dialect.call("remember", text="The port of the scheduler is 4242.")
        self.assertNotIn("error", kept)
        plain.say(initialize_message(0))
        plain.say(legacy_message("tools/call", 1, name="recall", arguments={"query": "scheduler"}))
        self.assertEqual((await plain.hear())["id"], 0)
        self.assertIn("4242", str(await plain.hear()))
        asked = modern_message("tools/call", 1, name="recall", arguments={"query": "scheduler"})
        told = await self.ask(
            *("POST", "/mcp", asked),
            Accept="application/json, text/event-stream",
            MCP_Protocol_Version=MODERN,
            Mcp_Method="tools/call",
            Mcp_Name="recall",
        )
        self.assertIn("4242", str(told.body))
        await daemon.stopService()

    async def test_forty_calls_at_once_are_answered_each(self) -> None:
        daemon = await self.start()
        client, _ = await self.greeted()
        for n in range(40):
            client.say(
                {
                    "op": "call_tool",
                    "request_id": n,
                    "name": "recall" if n % 2 else "remember",
                    "arguments": {"query": "stress"} if n % 2 else {"text": f"Stress {n}."},
                }
            )
        answers = [await client.hear_op("call_tool_res") for _ in range(40)]
        self.assertEqual(sorted(answer["request_id"] for answer in answers), list(range(40)))
        self.assertEqual([answer["error"] for answer in answers if "error" in answer], [])
        self.assertEqual(daemon.core.sessions.statistics.running, 0)
        await daemon.stopService()

    async def test_a_client_that_vanishes_under_load_leaves_nothing(self) -> None:
        daemon = await self.start()
        (client, session), (other, _) = await self.greeted(), await self.greeted()
        for n in range(30):
            client.say({"op": "call_tool", "request_id": n, "name": "status", "arguments": {}})
        await client.hear_op("call_tool_ack")
        client.vanish()
        for _ in range(200):
            live = daemon.core.sessions.find(session, "local")
            if live is None and daemon.core.sessions.statistics.running == 0:
                break
            await deferLater(reactor, 0.01)
        self.assertIsNone(daemon.core.sessions.find(session, "local"))
        self.assertEqual((await other.call("echo", text="here"))["text"], "here")
        self.assertEqual((await self.ask("GET", "/health")).body["websockets"], 1)
        await daemon.stopService()


class StopTests(DaemonTestCase):
    """The daemon goes, and comes again."""

    async def test_a_client_is_told_and_goes_on_with_its_session(self) -> None:
        daemon = await self.start()
        client, session = await self.greeted()
        await daemon.stopService()
        self.assertEqual(await client.closed, 1001)
        daemon = await self.start()
        again, same = await self.greeted(session_id=session)
        self.assertEqual(same, session)
        self.assertEqual((await again.call("echo", text="x"))["text"], "x")
        await daemon.stopService()

    async def test_18_the_port_is_free_for_the_next_one_at_once(self) -> None:
        daemon = await self.start()
        port = self.port
        client, _ = await self.greeted()
        await daemon.stopService()
        await client.closed
        daemon, said = self.make(port)
        daemon.startService()
        await said
        self.assertEqual(self.port, port)
        await daemon.stopService()


class UnixSocketTests(DaemonTestCase):
    """A daemon with another way in."""

    def config(self, port: int = 0) -> Config:
        listen = (f"unix:{self.path}",)
        return evolve(super().config(port), server=ServerConfig(port=port, listen=listen))

    async def test_a_unix_socket_carries_it_too(self) -> None:
        # A path in the temporary folder of a test is longer than such a socket takes.
        with TemporaryDirectory() as folder:
            self.path = f"{folder}/s"
            daemon = await self.start()
            way = UNIXClientEndpoint(reactor, self.path)
            client = await WebSocketClient.connect(reactor, self.port, "/", way=way)
            client.say({"op": "hello"})
            self.assertTrue((await client.hear())["ok"])
            self.assertEqual((await client.call("echo", text="x"))["text"], "x")
            await client.close()
            await daemon.stopService()


class OneDaemonTests(DaemonTestCase):
    """What there is one of."""

    async def test_02_the_port_is_said_in_one_place_which_says_what_it_is(self) -> None:
        daemon = await self.start()
        report = await self.ask("GET", "/health")  # asked where the lock says
        self.assertEqual(report.status, 200)
        client, _ = await self.greeted()
        client.say({"op": "health"})
        self.assertEqual((await client.hear_op("health_res"))["health"]["pid"], os.getpid())
        await daemon.stopService()

    async def test_22_health_is_on_the_port_that_serves(self) -> None:
        daemon = await self.start()
        client, _ = await self.greeted()
        client.say({"op": "health", "request_id": 1})
        told = (await client.hear_op("health_res"))["health"]
        report = (await self.ask("GET", "/health")).body
        self.assertEqual(told["status"], report["status"])
        self.assertEqual(told["tool_count"], report["tools"])
        self.assertEqual((await self.ask("GET", "/health/live")).status, 200)
        await daemon.stopService()

    async def test_24_there_is_one_pid_and_it_is_that_of_who_serves(self) -> None:
        daemon = await self.start()
        client, _ = await self.greeted()
        client.say({"op": "health"})
        told = (await client.hear_op("health_res"))["health"]["pid"]
        holder = holder_of(self.home)
        assert holder is not None
        report = (await self.ask("GET", "/health")).body
        self.assertEqual({told, holder.pid, report["pid"]}, {os.getpid()})
        await daemon.stopService()

    async def test_27_no_call_opens_a_file_in_the_reactor_thread(self) -> None:
        daemon = await self.start()
        client, _ = await self.greeted()
        await client.call("remember", text="The first one may set something up.")
        opened: list[Any] = []
        self.watch(builtins, "open", opened)
        self.watch(io, "open", opened)
        self.watch(os, "open", opened)
        await client.call("remember", text="This one must not.")
        await client.call("recall", query="one")
        await client.call("echo", text=5)
        self.assertEqual(opened, [])
        await daemon.stopService()

    def watch(self, module: Any, name: str, opened: list[Any]) -> None:
        original, mine = getattr(module, name), threading.get_ident()

        def watched(*arguments: Any, **more: Any) -> Any:
            if threading.get_ident() == mine:
                opened.append(arguments)
            return original(*arguments, **more)

        self.patch(module, name, watched)


class ProcessTests(TestCase):
    """The daemon as a process."""

    timeout = 40

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    async def serve(self, port: int = 0) -> "tuple[subprocess.Popen[bytes], int]":
        """A daemon's process, and its port."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from twisted.scripts.twistd import run; run()"),
                *("-n", "--pidfile=", "mnemo", "start", f"--home={self.home}", f"--port={port}"),
            ],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MNEMO_MODELS": str(self.home / "models")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for _ in range(1500):
            holder = holder_of(self.home)
            if holder is not None and holder.port and holder.pid == process.pid:
                return process, holder.port
            await deferLater(reactor, 0.02)
        raise AssertionError("nobody serves")

    async def test_killed_in_the_middle_it_keeps_what_it_said_it_had(self) -> None:
        process, port = await self.serve()
        client = await WebSocketClient.greeted(reactor, port)
        session = (await client.hear())["session_id"]
        for n in range(100):
            client.say(
                {
                    "op": "call_tool",
                    "request_id": n,
                    "name": "remember",
                    "arguments": {"text": f"Number {n} of those that are kept."},
                }
            )
        kept = [(await client.hear_op("call_tool_res")) for _ in range(5)]
        process.kill()
        await client.closed
        process.wait()
        _, port = await self.serve(port)
        again = await WebSocketClient.greeted(reactor, port, session_id=session)
        self.assertEqual((await again.hear())["session_id"], session)
        told = await again.call("recall_session", session_id=session, limit=100, max_tokens=25_000)
        for answer in kept:
            if "error" not in answer:
                self.assertIn(f"Number {answer['request_id']} of", told["text"])
        again.vanish()
        await again.closed

    def test_20_it_runs_from_wherever_it_is_called(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-m", "mnemo", "--version"],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=False,
            timeout=30,
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
