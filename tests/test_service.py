"""The daemon put together: a real store, real threads and a real port, without a model."""

import json
import os
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, FileBodyProducer, readBody
from twisted.web.http_headers import Headers

from mnemo.config import Config, ServerConfig
from mnemo.lock import holder_of
from mnemo.service import Daemon, make_service
from tests.mcp.fakes import EchoTool, initialize_message, legacy_message


@frozen
class Response:
    """What came back."""

    status: int
    headers: Headers
    body: Any


class ServiceTestCase(TestCase):
    """Daemons for homes of this test."""

    timeout = 20

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.reasons: Deferred[str] = Deferred()

    def config(self, port: int = 0) -> Config:
        return Config(home=self.home, models=self.home / "models", server=ServerConfig(port=port))

    def make(self, port: int = 0) -> tuple[Daemon, Deferred[str]]:
        """A daemon, and what it says when it serves."""
        daemon = make_service(self.config(port), reactor, [EchoTool()])
        said: Deferred[str] = Deferred()
        daemon.tell = said.callback
        daemon.give_up = self.reasons.callback
        # Where a test fails, its threads would keep the process from ending.
        self.addCleanup(daemon.stopService)
        return daemon, said

    async def start(self) -> Daemon:
        daemon, said = self.make()
        daemon.startService()
        await said
        return daemon

    async def ask(self, method: str, path: str, message: object = None, **headers: str) -> Response:
        holder = holder_of(self.home)
        assert holder is not None
        sent = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        sent.addRawHeader("Content-Type", "application/json")
        content = BytesIO(json.dumps(message).encode())
        body = None if message is None else FileBodyProducer(content)
        url = f"{holder.address}{path}".encode()
        response = await Agent(reactor).request(method.encode(), url, sent, body)
        answer = json.loads(await readBody(response) or b"null")
        return Response(response.code, response.headers, answer)


class DaemonTests(ServiceTestCase):
    """A daemon that starts and stops."""

    def test_the_port_opens_last(self) -> None:
        daemon, _ = self.make()
        names = [part.name for part in daemon]
        self.assertEqual(
            names, ["home", "log", "store", "model", "sessions", "vectors", "health", "port"]
        )

    def test_nothing_is_there_before_it_is_started(self) -> None:
        threads = set(threading.enumerate())
        self.make()
        self.assertFalse(self.home.exists())
        self.assertEqual(set(threading.enumerate()), threads)

    async def test_it_serves_and_says_how_to_connect(self) -> None:
        daemon, said = self.make()
        daemon.startService()
        lines = await said
        holder = holder_of(self.home)
        assert holder is not None
        self.assertEqual(holder.pid, os.getpid())
        self.assertIn(f"claude mcp add --transport http mnemo {holder.address}/mcp\n", lines)
        await daemon.stopService()

    async def test_what_it_stops_leaves_nothing_behind(self) -> None:
        threads = set(threading.enumerate())
        daemon = await self.start()
        await daemon.stopService()
        self.assertIsNone(holder_of(self.home))
        left = set(threading.enumerate()) - threads
        self.assertEqual([thread.name for thread in left if "mnemo" in thread.name], [])

    async def test_without_a_model_it_serves_and_says_what_mends_it(self) -> None:
        daemon = await self.start()
        report = (await self.ask("GET", "/health")).body
        self.assertEqual(report["status"], "degraded")
        self.assertIn("mnemo model fetch", report["reasons"][0])
        self.assertEqual(report["model"]["loads"], 0)
        self.assertEqual((await self.ask("GET", "/health/ready")).status, 200)
        await daemon.stopService()

    async def test_health_has_something_of_every_part(self) -> None:
        daemon = await self.start()
        report = (await self.ask("GET", "/health")).body
        for name in ("version", "pid", "boot", "uptime", "sessions", "streams", "model", "queues"):
            self.assertIn(name, report)
        self.assertEqual(report["database"]["path"], str(self.home / "memory.sqlite3"))
        self.assertGreater(report["database"]["bytes"], 0)
        self.assertEqual(report["tools"], 15)
        self.assertEqual(report["self_test"]["text"], "ok")
        await daemon.stopService()

    async def test_a_tool_that_was_passed_in_is_offered(self) -> None:
        daemon = await self.start()
        session = await self.initialize()
        listed = await self.ask("POST", "/mcp", legacy_message("tools/list"), **session)
        names = [tool["name"] for tool in listed.body["result"]["tools"]]
        self.assertIn("echo", names)
        self.assertIn("remember", names)
        await daemon.stopService()

    async def test_the_end_of_a_session_is_logged_and_a_stop_ends_none(self) -> None:
        daemon = await self.start()
        deleted, kept = await self.initialize(), await self.initialize()
        await self.ask("DELETE", "/mcp", **deleted)
        await daemon.stopService()
        log = (self.home / "mnemo.log").read_text()
        self.assertEqual(log.count("has ended (deleted)"), 1)
        self.assertIn(deleted["Mcp_Session_Id"], log)
        self.assertNotIn(kept["Mcp_Session_Id"], log)

    async def test_a_session_outlives_the_daemon(self) -> None:
        daemon = await self.start()
        session = await self.initialize()
        await daemon.stopService()
        daemon = await self.start()
        self.assertEqual(
            (await self.ask("POST", "/mcp", legacy_message("ping"), **session)).status, 200
        )
        await daemon.stopService()

    async def initialize(self) -> dict[str, str]:
        """The headers of a new session."""
        response = await self.ask("POST", "/mcp", initialize_message())
        (session,) = response.headers.getRawHeaders("Mcp-Session-Id", [])
        return {"Mcp_Session_Id": session}


class CannotStartTests(ServiceTestCase):
    """What keeps a daemon from starting is said in a line."""

    def take_a_port(self) -> int:
        """The number of a port that somebody else has."""
        taken: Any = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
        self.addCleanup(taken.stopListening)
        number: int = taken.getHost().port
        return number

    async def refused(self, port: int = 0) -> str:
        daemon, _ = self.make(port)
        daemon.startService()
        reason = await self.reasons
        await daemon.stopService()
        self.assertNotIn("\n", reason)
        return reason

    async def test_a_second_one_is_told_who_serves_the_home(self) -> None:
        first = await self.start()
        holder = holder_of(self.home)
        assert holder is not None
        reason = await self.refused()
        self.assertIn(f"pid {os.getpid()} on port {holder.port}", reason)
        self.assertEqual((await self.ask("GET", "/health/live")).status, 200)
        await first.stopService()

    async def test_a_port_that_is_taken_is_named(self) -> None:
        number = self.take_a_port()
        reason = await self.refused(number)
        self.assertIn(f"cannot listen on 127.0.0.1 port {number}", reason)
        self.assertIn("server.port", reason)
        self.assertIsNone(holder_of(self.home))

    async def test_a_database_that_is_none_is_named(self) -> None:
        self.home.mkdir()
        (self.home / "memory.sqlite3").write_bytes(b"no database " * 1000)
        reason = await self.refused()
        self.assertIn(str(self.home / "memory.sqlite3"), reason)

    async def test_a_home_that_cannot_be_made_is_named(self) -> None:
        self.home.write_text("a file")
        reason = await self.refused()
        self.assertIn(str(self.home), reason)

    async def test_the_log_says_it_too(self) -> None:
        reason = await self.refused(self.take_a_port())
        self.assertIn(f"Cannot start: {reason}\n", (self.home / "mnemo.log").read_text())
