"""The daemon put together: a real store, real threads and a real port, without a model."""

import json
import os
import socket
import tempfile
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, FileBodyProducer, readBody
from twisted.web.http_headers import Headers

from mnemo.config import Config, InferenceConfig, ServerConfig
from mnemo.inference.convert import convert
from mnemo.inference.generation import GeneratorUnavailable
from mnemo.inference.meter import Meter
from mnemo.inference.snapshot import Gpu
from mnemo.lock import holder_of
from mnemo.mcp.subscriptions import Wants
from mnemo.service import Daemon, make_service
from mnemo.tools.catalogue import TOOLS
from mnemo.waiting import promised
from tests.api.serving import Serving, chat
from tests.inference import tiny
from tests.inference.tiny_model import write_language_model
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

    server = ServerConfig(port=0)

    def config(self, port: int = 0) -> Config:
        server = evolve(self.server, port=port)
        return Config(home=self.home, models=self.home / "models", server=server)

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
        self.assertEqual((names[0], names[-1]), ("home", "port"))

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

    async def test_health_says_where_the_models_are_and_what_they_take(self) -> None:
        models = self.config().models
        models.mkdir(parents=True)
        convert(tiny.write_bert_directory(models / "tiny"), models / "all-MiniLM-L6-v2.gguf")
        daemon = await self.start()
        ready: Deferred[None] = Deferred()
        daemon.core.models.engine.on_ready(lambda: ready.callback(None))
        await ready
        model = (await self.ask("GET", "/health")).body["model"]
        self.assertEqual((model["name"].partition("-")[0], model["device"]), ("all", "cpu"))
        self.assertGreater(model["bytes"], 10_000)
        self.assertIsNone((await self.ask("GET", "/health")).body["gpu"])
        self.patch(Meter, "gpu", lambda meter: Gpu("a GPU", 3, 10))
        report = (await self.ask("GET", "/health")).body
        self.assertEqual(report["gpu"], {"name": "a GPU", "free": 3, "total": 10})
        await daemon.stopService()

    async def test_health_has_something_of_every_part(self) -> None:
        daemon = await self.start()
        report = (await self.ask("GET", "/health")).body
        for name in ("version", "pid", "boot", "uptime", "sessions", "streams", "model", "queues"):
            self.assertIn(name, report)
        self.assertEqual(report["database"]["path"], str(self.home / "memory.sqlite3"))
        self.assertGreater(report["database"]["bytes"], 0)
        self.assertEqual(report["vectors"], {"made": 0, "of": 0})
        self.assertEqual(report["tools"], len(TOOLS) + 1)
        self.assertEqual(report["self_test"]["text"], "ok")
        await daemon.stopService()

    async def test_what_it_seals_opens_after_a_restart(self) -> None:
        daemon = await self.start()
        assert daemon.core.server.sealer is not None
        sealed = daemon.core.server.sealer.seal("yes", b"call")
        await daemon.stopService()
        self.assertEqual(len((self.home / "secret.key").read_bytes()), 32)
        daemon = await self.start()
        assert daemon.core.server.sealer is not None
        self.assertEqual(daemon.core.server.sealer.open(sealed, b"call"), "yes")
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


class OpenAiTests(ServiceTestCase):
    """OpenAI's API, and models of servers that have it."""

    elsewhere = InferenceConfig()

    def config(self, port: int = 0) -> Config:
        return evolve(super().config(port), inference=self.elsewhere)

    async def test_without_models_it_says_what_mends_it(self) -> None:
        daemon = await self.start()
        self.assertEqual((await self.ask("GET", "/v1/models")).body["data"], [])
        said = await self.ask("POST", "/v1/chat/completions", chat())
        self.assertEqual(said.status, 503)
        self.assertIn("inference.language_model", said.body["error"]["message"])
        said = await self.ask("POST", "/v1/embeddings", {"model": "x", "input": "x"})
        self.assertEqual(said.status, 503)
        self.assertIn("mnemo model fetch", said.body["error"]["message"])
        await daemon.stopService()

    async def test_models_of_another_server_are_used_as_its_own(self) -> None:
        site: Any = Serving(clock=reactor).front.site
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        address = f"http://127.0.0.1:{port.getHost().port}/v1"
        self.elsewhere = InferenceConfig(
            model=f"{address} model=fake",
            language_model="http://127.0.0.1:9/v1 model=none for=background",
            fallbacks=(f"{address} model=scripted",),
        )
        daemon = await self.start()
        ready: Deferred[None] = Deferred()
        daemon.core.models.engine.on_ready(lambda: ready.callback(None))
        await ready
        names = [model["id"] for model in (await self.ask("GET", "/v1/models")).body["data"]]
        self.assertEqual(names, ["none", "scripted", "fake"])
        for name in ("none", "scripted"):
            said = await self.ask("POST", "/v1/chat/completions", chat(model=name))
            self.assertEqual(said.body["choices"][0]["message"]["content"], "Hello world")
            self.assertEqual(said.body["model"], "scripted")
        report = (await self.ask("GET", "/health")).body
        self.assertEqual((report["reasons"], report["model"]["name"]), ([], "fake"))
        self.assertEqual(report["openai"], {"running": 0, "waiting": 0})
        seen = (await self.ask("GET", "/api/v1/inference")).body
        told = [(each["model"], each["purpose"], each["tokens"] > 0) for each in seen["servers"]]
        self.assertEqual(
            told,
            [
                ("none", "language", False),
                ("scripted", "language", True),
                ("fake", "embedding", False),
            ],
        )
        self.assertEqual((seen["language"]["state"], seen["gpu"]), ("none", None))
        await daemon.stopService()


class LanguageModelTests(ServiceTestCase):
    """A language model in the daemon, which comes, goes, and may be no good."""

    def config(self, port: int = 0) -> Config:
        config = super().config(port)
        config.models.mkdir(parents=True, exist_ok=True)
        return evolve(config, inference=InferenceConfig(language_model="writer", gpu="off"))

    def writer(self) -> Path:
        return self.config().models / "writer.gguf"

    async def loaded(self, daemon: Daemon) -> str:
        """Wait until it is, and say why it is not."""
        assert daemon.core.models.local is not None
        try:
            await daemon.core.models.local.load()
        except GeneratorUnavailable as problem:
            return str(problem)
        return ""

    async def test_it_is_released_and_comes_back(self) -> None:
        write_language_model(self.writer())
        daemon = await self.start()
        self.assertEqual(await self.loaded(daemon), "")
        report = (await self.ask("GET", "/health")).body["language_model"]
        self.assertEqual((report["name"], report["device"]), ("writer", "cpu"))
        self.assertEqual(report["state"], "loaded")
        self.assertGreater(report["bytes"], 100_000)
        said = await self.ask("POST", "/api/v1/models/release")
        self.assertEqual((said.status, said.body["state"]), (200, "released"))
        health = (await self.ask("GET", "/health")).body
        self.assertEqual(health["language_model"]["bytes"], 0)
        self.assertIn("mnemo model load brings it back", " ".join(health["reasons"]))
        said = await self.ask("POST", "/api/v1/models/load")
        self.assertEqual((said.status, said.body["state"]), (200, "loaded"))
        said = await self.ask("POST", "/v1/chat/completions", chat(model="writer", max_tokens=3))
        self.assertEqual((said.status, said.body["usage"]["completion_tokens"]), (200, 3))
        seen = (await self.ask("GET", "/api/v1/inference")).body["language"]
        self.assertEqual((seen["name"], seen["state"], seen["loads"]), ("writer", "loaded", 2))
        self.assertGreater(min(seen["weights"], seen["cache"]), 10_000)
        self.assertEqual((seen["first_token"]["count"], seen["requests"]), (1, []))
        await daemon.stopService()

    async def test_one_that_cannot_be_used_is_a_reason_and_the_daemon_runs(self) -> None:
        for content, reason in {
            b"<html>": "is not a GGUF file",
            tiny.write_llama(self.writer()).read_bytes()[:-1000]: "cannot be loaded: ",
        }.items():
            self.writer().write_bytes(content)
            daemon = await self.start()
            self.assertIn(reason, await self.loaded(daemon))
            health = (await self.ask("GET", "/health")).body
            self.assertEqual(health["status"], "degraded")
            (told,) = (line for line in health["reasons"] if "writer.gguf" in line)
            self.assertIn(reason, told)
            self.assertEqual((await self.ask("GET", "/health/ready")).status, 200)
            said = await self.ask("POST", "/v1/chat/completions", chat(model="writer"))
            self.assertEqual((said.status, said.body["error"]["message"]), (503, told))
            await daemon.stopService()


class PromiseTests(SynchronousTestCase):
    """What the protocol waits with."""

    def test_it_is_kept(self) -> None:
        promise = promised(Clock(), 5.0)
        promise.callback("here")
        self.assertEqual(self.successResultOf(promise), "here")

    def test_it_is_broken_when_its_time_is_over(self) -> None:
        clock = Clock()
        promise, lasting = promised(clock, 5.0), promised(clock)
        clock.advance(5.0)
        self.assertIn("5 seconds", str(self.failureResultOf(promise, TimeoutError).value))
        self.assertNoResult(lasting)


class TokenTests(ServiceTestCase):
    """A daemon that asks for a token."""

    TOKEN = "0123456789abcdef"
    server = ServerConfig(port=0, tokens=(f"me:{TOKEN}",))

    async def test_who_has_it_is_served(self) -> None:
        daemon, said = self.make()
        daemon.startService()
        self.assertIn("Authorization: Bearer TOKEN", await said)
        refused = await self.ask("GET", "/health")
        self.assertEqual(refused.status, 401)
        self.assertEqual(refused.headers.getRawHeaders("WWW-Authenticate"), ["Bearer"])
        known = await self.ask("GET", "/health", Authorization=f"Bearer {self.TOKEN}")
        self.assertEqual((known.status, known.body["tools"]), (200, len(daemon.core.tools)))
        self.assertEqual((await self.ask("GET", "/health/ready")).status, 200)
        await daemon.stopService()

    async def test_it_is_written_nowhere(self) -> None:
        daemon = await self.start()
        await self.ask("POST", "/mcp", initialize_message(), Authorization=f"Bearer {self.TOKEN}")
        await self.ask("POST", "/mcp", {}, Authorization=f"Bearer {self.TOKEN}x")
        await daemon.stopService()
        for file in filter(Path.is_file, self.home.rglob("*")):
            self.assertNotIn(self.TOKEN.encode(), file.read_bytes(), file.name)


class ListenTests(ServiceTestCase):
    """More than one port."""

    def setUp(self) -> None:
        super().setUp()
        # A path of a socket has about a hundred characters.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/mnemo.sock"
        more = ("tcp:0:interface=127.0.0.1", f"unix:{self.path}")
        self.server = ServerConfig(port=0, listen=more)

    async def test_all_of_them_carry_all_of_it(self) -> None:
        daemon = await self.start()
        addresses: list[Any] = [port.getHost() for port in daemon.listener.ports]
        holder = holder_of(self.home)
        assert holder is not None
        self.assertEqual(addresses[0].port, holder.port)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        for endpoint in (
            TCP4ClientEndpoint(reactor, "127.0.0.1", addresses[1].port),
            UNIXClientEndpoint(reactor, self.path),
        ):
            self.assertIn(b"event: endpoint", await heard(endpoint, b"event: endpoint"))
        await daemon.stopService()
        self.assertFalse(os.path.exists(self.path))

    async def test_a_foreign_page_gets_nothing_there_either(self) -> None:
        daemon = await self.start()
        endpoint = UNIXClientEndpoint(reactor, self.path)
        answer = await heard(endpoint, b" ", host=b"evil.example")
        self.assertTrue(answer.startswith(b"HTTP/1.1 421 "), answer)
        await daemon.stopService()

    async def test_what_a_killed_one_has_left_behind_is_no_hindrance(self) -> None:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(self.path)
        # Twisted's lock of the socket, by a process that was killed.
        os.symlink("2147483647", f"{self.path}.lock")
        daemon = await self.start()
        await daemon.stopService()

    async def test_one_that_cannot_be_opened_is_named(self) -> None:
        self.server = ServerConfig(port=0, listen=("unix:/nowhere/at/all/mnemo.sock",))
        daemon, _ = self.make()
        daemon.startService()
        reason = await self.reasons
        self.assertIn("unix:/nowhere/at/all/mnemo.sock", reason)
        self.assertIn("server.listen", reason)


class Ear(Protocol):
    """Hears until some bytes have come."""

    def __init__(self, wanted: bytes) -> None:
        self.wanted = wanted
        self.data = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if self.wanted in self.data and not self.done.called:
            self.done.callback(self.data)
            self.transport.abortConnection()  # type: ignore[union-attr]


async def heard(
    endpoint: IStreamClientEndpoint, wanted: bytes, host: bytes = b"localhost"
) -> bytes:
    """What comes of C{GET /sse}, up to some bytes."""
    ear = Ear(wanted)
    await connectProtocol(endpoint, ear)
    assert ear.transport is not None
    ear.transport.write(b"GET /sse HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    return await ear.done


class OfferTests(ServiceTestCase):
    """What the daemon offers besides tools."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.daemon = await self.start()
        self.session = await self.opened("pond")

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.daemon.stopService()

    async def opened(self, project: str) -> dict[str, str]:
        """The headers of a new session that works in a project."""
        sent = initialize_message()
        initialized = await self.ask("POST", "/mcp", sent, X_Mnemo_Project=project)
        self.capabilities = initialized.body["result"]["capabilities"]
        (session,) = initialized.headers.getRawHeaders("Mcp-Session-Id", [])
        return {"Mcp_Session_Id": session}

    async def call(self, method: str, **params: Any) -> Any:
        message = legacy_message(method, **params)
        return (await self.ask("POST", "/mcp", message, **self.session)).body["result"]

    async def use(self, tool: str, **arguments: Any) -> Any:
        result = await self.call("tools/call", name=tool, arguments=arguments)
        return result["structuredContent"]

    async def test_resources_are_listed_and_read(self) -> None:
        kept = (await self.use("remember", text="the heron stands"))["id"]
        listed = (await self.call("resources/list"))["resources"]
        uris = [each["uri"] for each in listed]
        self.assertIn("mnemo://project/pond/context", uris)
        for uri in (*uris, f"mnemo://memory/{kept}"):
            (content,) = (await self.call("resources/read", uri=uri))["contents"]
            self.assertIn("the heron stands", content["text"])
        templates = (await self.call("resources/templates/list"))["resourceTemplates"]
        self.assertEqual(len(templates), 6)

    async def test_prompts_are_listed_and_filled_in(self) -> None:
        await self.use("remember", text="the heron stands")
        listed = (await self.call("prompts/list"))["prompts"]
        self.assertIn("briefing", [each["name"] for each in listed])
        messages = (await self.call("prompts/get", name="briefing"))["messages"]
        self.assertIn("the heron stands", messages[0]["content"]["resource"]["text"])

    async def test_names_are_completed(self) -> None:
        await self.use("remember", text="x", project="Pondicherry")
        completed = await self.call(
            "completion/complete",
            ref={"type": "ref/prompt", "name": "briefing"},
            argument={"name": "project", "value": "po"},
        )
        self.assertEqual(completed["completion"]["values"], ["pond", "Pondicherry"])

    async def test_a_change_is_told_to_whoever_watches(self) -> None:
        self.assertTrue(self.capabilities["resources"]["listChanged"])
        told: list[tuple[str, Any]] = []
        enough: Deferred[None] = Deferred()

        def tell(method: str, params: Any) -> None:
            told.append((method, params.get("uri")))
            if len(told) == 2:
                enough.callback(None)

        uri = "mnemo://project/pond/context"
        wants = Wants(resources=True, uris=frozenset({uri}))
        self.daemon.core.server.subscriptions.add(wants, tell)
        await self.use("remember", text="the heron stands")
        await enough
        self.assertEqual(
            told,
            [
                ("notifications/resources/updated", uri),
                ("notifications/resources/list_changed", None),
            ],
        )

    async def test_two_sessions_never_see_each_other_s_project_unless_they_ask(self) -> None:
        ours, theirs = self.session, await self.opened("desert")
        await self.use("remember", text="the heron stands")
        await self.use("create_handoff", completed=["the pond"])
        self.session = theirs
        await self.use("remember", text="the camel stands")
        listed = [each["uri"] for each in (await self.call("resources/list"))["resources"]]
        self.assertEqual(
            listed,
            [
                "mnemo://project/desert/context",
                f"mnemo://session/{theirs['Mcp_Session_Id']}",
            ],
        )
        self.assertNotIn("heron", json.dumps(await self.use("recall", query="stands")))
        self.assertIn("heron", json.dumps(await self.use("recall", query="stands", project="*")))
        pond = await self.call("resources/read", uri="mnemo://project/pond/context")
        self.assertIn("heron", json.dumps(pond))
        await self.use("activate_project", project="sea")
        self.session = ours
        self.assertEqual((await self.use("status"))["project"], "pond")

    async def test_an_activated_project_outlives_the_daemon_and_no_header_moves_it(self) -> None:
        await self.use("activate_project", project="sea")
        await self.daemon.stopService()
        self.daemon = await self.start()
        self.session["X_Mnemo_Project"] = "pond"
        self.assertEqual((await self.use("status"))["project"], "sea")
        self.assertEqual((await self.use("remember", text="x"))["project"], "sea")


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
