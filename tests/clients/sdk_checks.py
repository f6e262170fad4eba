"""
The clients made with SDKs, and mcp-remote: each stays connected from its first check to its last,
while the daemon is killed and started anew under it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any

from attrs import define

from mnemo.mcp.versions import LEGACY, MODERN
from tests.clients.checks import Bench, Check, expect
from tests.clients.driver import Driver, Refused
from tests.clients.pages import block
from tests.clients.tested_daemon import until

HERE = Path(__file__).parent

NEVER = 60.0
"""Seconds that no call is waited for."""

Server = Mapping[str, Any]


@define
class Conversation:
    """
    One client from its beginning to its end.

    @ivar name: the client's, with its era and its transport
    @ivar version: the one that it has to agree on
    @ivar lost: the ways in which losing the daemon is the end of this client, which then has to
        be connected anew: C{between} calls, or C{in} one. This is how the client is made; what
        it had been told stays true all the same.
    @ivar ends_session: whether it ends its session, if it has one
    """

    name: str
    version: str
    bench: Bench
    driver: Driver
    lost: Set[str] = frozenset()
    ends_session: bool = True
    before: int = 0

    def checks(self) -> Iterator[Check]:
        """All that it has to manage, in order."""
        for says, run in (
            ("connects and lists the tools", self.connects),
            ("recalls what it remembered", self.recalls),
            ("gives up a call after a while, which frees its slot", self.times_out),
            ("cancels a call, which frees its slot", self.cancels),
            ("leaves" + ", and its session ends" * self.ends_session, self.leaves),
            ("comes again", self.connects),
            ("goes on after kill -9 between two calls", self.goes_on),
            ("goes on after kill -9 with a call running", self.goes_on_in_a_call),
            ("leaves again", self.driver.close),
        ):
            yield Check(f"{self.name}: {says}", run)

    def connects(self) -> None:
        """Connect, and list the tools."""
        self.before = self.live()
        version = self.driver.connect()
        assert version == self.version, version
        tools = self.driver.list()
        assert {"remember", "recall", "status"} <= set(tools), tools

    def recalls(self) -> None:
        """Remember something and recall it."""
        text = f"{self.name} likes its tea with lemon."
        self.driver.call("remember", {"text": text})
        expect(text, self.driver.call("recall", {"query": f"how does {self.name} like its tea"}))

    def times_out(self) -> None:
        """Wait no longer than a second for a call."""
        try:
            said = self.driver.call("wait", {"seconds": NEVER}, seconds=1.0)
        except Refused:
            pass
        else:
            raise AssertionError(f"it waited, and was told: {said}")
        self.bench.daemon.expect_running(0)
        self.driver.call("status", {})

    def cancels(self) -> None:
        """Give up a call before its time is over."""
        number, outcome = self.driver.begin(
            "call", tool="wait", given={"seconds": NEVER}, seconds=NEVER
        )
        self.bench.daemon.expect_running(1)
        self.driver.order("cancel", call=number)
        assert outcome.exception(10) is not None, outcome.result()
        self.bench.daemon.expect_running(0)
        self.driver.call("status", {})

    def goes_on(self) -> None:
        """Find what was acknowledged in another daemon."""
        text = f"{self.name} empties its cache at 04:30."
        self.driver.call("remember", {"text": text})
        self.bench.daemon.restart()
        if "between" in self.lost:
            self.driver.connect()
        expect(text, self.next_call("recall", {"query": f"when does {self.name} empty its cache"}))

    def goes_on_in_a_call(self) -> None:
        """The same, having lost the daemon while it waited for it."""
        text = f"{self.name} paints its doors in May."
        self.driver.call("remember", {"text": text})
        self.driver.begin("call", tool="wait", given={"seconds": NEVER}, seconds=NEVER)
        self.bench.daemon.expect_running(1)
        self.bench.daemon.restart()
        if "in" in self.lost:
            self.driver.connect()
        expect(text, self.next_call("recall", {"query": f"when does {self.name} paint its doors"}))

    def leaves(self) -> None:
        """Say good-bye."""
        self.driver.close()
        if self.ends_session:
            until(lambda: self.live() <= self.before, f"{self.before} sessions were before")

    def live(self) -> int:
        """How many sessions there are."""
        return int(self.bench.daemon.ask("/health")["sessions"]["live"])

    def next_call(self, tool: str, given: Mapping[str, Any]) -> str:
        """
        The text of the next call that comes through. Clients need a moment to see that a stream
        of events has ended.
        """
        said: list[str] = []
        problems: list[str] = ["none was made"]

        def comes_through() -> bool:
            try:
                said.append(self.driver.call(tool, given, seconds=5.0))
            except (Refused, NotYet) as problem:
                problems.append(str(problem))
            return bool(said)

        until(comes_through, f"no call comes through: {problems[-1]}", seconds=15.0)
        return said[0]


# -- what there is to talk to


def http(bench: Bench) -> Server:
    """The endpoint."""
    return {"type": "http", "url": f"http://127.0.0.1:{bench.port}/mcp"}


def sse(bench: Bench) -> Server:
    """The stream of events of the first version."""
    return {"type": "sse", "url": f"http://127.0.0.1:{bench.port}/sse"}


def websocket(bench: Bench) -> Server:
    """The WebSocket."""
    return {"type": "ws", "url": f"ws://127.0.0.1:{bench.port}/ws"}


def started(bench: Bench, *command: str) -> Server:
    """A command that speaks on stdin and stdout."""
    program, *arguments = command
    environment = {**bench.daemon.environment, "MNEMO_STDIO_START_DAEMON": "false"}
    return {"type": "stdio", "command": program, "args": arguments, "env": environment}


def proxy(bench: Bench) -> Server:
    """C{mnemo mcp}, which does not start the daemon: that is done here."""
    return started(bench, sys.executable, "-m", "mnemo", "mcp")


def shim(bench: Bench) -> Server:
    """C{mnemo shim}, the bridge to the WebSocket."""
    return started(bench, sys.executable, "-m", "mnemo", "shim")


# -- the clients


def conversation(
    bench: Bench,
    client: str,
    transport: str,
    mode: str,
    server: Server,
    command: Sequence[object],
    lost: Set[str] = frozenset(),
) -> Iterator[Check]:
    """The checks of one client."""
    version = LEGACY[-1] if mode == "legacy" else MODERN[-1]
    driver = Driver(
        [str(part) for part in command],
        server,
        mode,
        bench.folder,
        bench.daemon.environment,
        bench.processes,
    )
    name = f"{client}, {transport}, {mode}"
    # Of the clients over HTTP only this one says that it leaves.
    ends = mode == "legacy" and (transport != "http" or client == "Python SDK")
    yield from Conversation(name, version, bench, driver, lost, ends).checks()


def python_sdk(bench: Bench) -> Iterator[Check]:
    """The Python SDK."""
    command = (bench.clients.python, HERE / "drive.py")
    yield Check("Python SDK: the page's example runs", lambda: python_page(bench))
    for transport, mode, server, lost in (
        ("http", "auto", http, {"in"}),
        ("http", "legacy", http, {"in"}),
        ("http", MODERN[-1], http, {"in"}),
        ("sse", "legacy", sse, {"between", "in"}),
        ("stdio", "auto", proxy, set()),
        ("stdio", "legacy", proxy, set()),
        ("shim", "legacy", shim, set()),
    ):
        yield from conversation(bench, "Python SDK", transport, mode, server(bench), command, lost)


def typescript_sdk(bench: Bench) -> Iterator[Check]:
    """Version 1 of the TypeScript SDK."""
    command = (bench.clients.node, HERE / "drive_sdk.mjs", bench.clients.sdk)
    yield Check(
        "TypeScript SDK 1: the page's example runs",
        lambda: typescript_page(bench, bench.clients.sdk, "@modelcontextprotocol/sdk"),
    )
    for transport, server, lost in (
        ("http", http, set()),
        ("sse", sse, set()),
        ("websocket", websocket, {"between", "in"}),
        ("stdio", proxy, set()),
        ("shim", shim, set()),
    ):
        yield from conversation(
            bench, "TypeScript SDK 1", transport, "legacy", server(bench), command, lost
        )


def typescript_client(bench: Bench) -> Iterator[Check]:
    """Version 2 of the TypeScript SDK."""
    command = (bench.clients.node, HERE / "drive_client.mjs", bench.clients.client)
    yield Check(
        "TypeScript SDK 2: the page's example runs",
        lambda: typescript_page(bench, bench.clients.client, "@modelcontextprotocol/client"),
    )
    for transport, mode, server in (
        ("http", "auto", http),
        ("http", "legacy", http),
        ("http", MODERN[-1], http),
        ("sse", "legacy", sse),
        ("stdio", "auto", proxy),
        ("stdio", "legacy", proxy),
    ):
        yield from conversation(bench, "TypeScript SDK 2", transport, mode, server(bench), command)


def mcp_remote(bench: Bench) -> Iterator[Check]:
    """mcp-remote between the TypeScript SDK and the daemon, as the page has it started."""
    given = json.loads(block("mcp-remote", "mcpServers", bench.port))["mcpServers"]["mnemo"]
    assert (given["command"], given["args"][0]) == ("npx", "-y"), given
    command = (bench.clients.node, HERE / "drive_sdk.mjs", bench.clients.sdk)
    urls = {"http": given["args"][2], "sse": f"http://127.0.0.1:{bench.port}/sse"}
    for transport, url in urls.items():
        server = started(bench, str(bench.clients.node), str(bench.clients.mcp_remote), url)
        yield from conversation(bench, "mcp-remote", transport, "legacy", server, command)


GROUPS = (python_sdk, typescript_client, typescript_sdk, mcp_remote)


# -- the pages


def python_page(bench: Bench) -> None:
    """Run the page's program."""
    program = block("python-sdk", "import asyncio", bench.port)
    said = output_of(bench, str(bench.clients.python), "-c", program)
    expect("The release is on Tuesday.", said)


def typescript_page(bench: Bench, package: Path, name: str) -> None:
    """Run the page's program, where it finds its package."""
    modules = next(folder for folder in package.parents if folder.name == "node_modules")
    folder = bench.folder / f"{name.replace('/', '-')}"
    folder.mkdir()
    (folder / "node_modules").symlink_to(modules)
    program = folder / "program.mjs"
    program.write_text(block("typescript-sdk", f"from '{name}", bench.port))
    expect("query", output_of(bench, str(bench.clients.node), str(program)))


def output_of(bench: Bench, *command: str) -> str:
    """What a program writes; fail unless it ends well."""
    done = subprocess.run(
        command,
        cwd=bench.folder,
        env=bench.daemon.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
