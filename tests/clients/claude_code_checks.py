"""Claude Code, over every transport that it has, set up as its page says."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import define, evolve

from tests.clients.checks import Bench, Check, expect
from tests.clients.claude_code import ClaudeCode, Servers
from tests.clients.model_stub import ModelStub, Step
from tests.clients.pages import block
from tests.clients.tested_daemon import until

NEVER = 60.0
"""Seconds that no call is waited for."""

PATIENCE = "2000"
"""Milliseconds that Claude Code waits for a call where it is told to give up."""

SECONDS_AWAY = 4
"""How soon after a daemon is there again Claude Code has found it."""

AT_ONCE = ("http", "stdio")
"""Where the very next call finds it."""


def remember(text: str, **more: Any) -> Step:
    """Have it remember something."""
    return Step("mcp__mnemo__remember", {"text": text}, **more)


def recall(query: str, **more: Any) -> Step:
    """Have it recall something."""
    return Step("mcp__mnemo__recall", {"query": query}, **more)


def recalls(query: str, before: Callable[[], object]) -> list[Step]:
    """
    Have it recall something again and again for some seconds: it looks for a daemon that was gone
    only now and then.
    """
    later = [recall(query, before=partial(time.sleep, 0.5)) for _ in range(SECONDS_AWAY * 2)]
    return [recall(query, before=before), *later]


WAIT = Step("mcp__mnemo__wait", {"seconds": NEVER})


@define
class OverTransport:
    """
    Claude Code over one transport.

    @ivar line: the command of the page that adds the server
    """

    transport: str
    line: str
    bench: Bench
    claude: ClaudeCode

    @property
    def servers(self) -> Servers:
        """The server, as the page's command has put it into Claude Code's settings."""
        settings = json.loads((self.bench.folder / ".claude.json").read_text())
        return {"mnemo": settings["mcpServers"]["mnemo"]}

    def checks(self) -> Iterator[Check]:
        """All that it has to manage, in order."""
        for says, run in (
            ("`claude mcp list` says connected", self.connects),
            ("shows the model the tools", self.lists),
            ("what one process remembers, a second one recalls", self.recalls),
            ("gives up a call after a while, which frees its slot", self.times_out),
            ("is killed in a call, which frees its slot", self.is_killed),
            ("goes on after kill -9 of the daemon", self.goes_on),
            ("goes on after kill -9 of the daemon with a call running", self.goes_on_in_a_call),
            ("three processes at once share one model", self.three_at_once),
        ):
            yield Check(f"Claude Code, {self.transport}: {says}", run)

    def connects(self) -> None:
        """Do what the page says, and look whether it helped."""
        added = self.claude.type("add", self.line)
        assert added.code == 0, added.text
        listed = self.claude.type("list", "claude mcp list").text
        line = next((line for line in listed.splitlines() if line.startswith("mnemo:")), listed)
        expect("✔ Connected", line)

    def lists(self) -> None:
        """Look at what the model is offered."""
        script = self.work("lists", [Step("mcp__mnemo__status", {})])
        shown = {name for name in script.offered if name.startswith("mcp__mnemo__")}
        assert {"mcp__mnemo__remember", "mcp__mnemo__recall"} <= shown, shown

    def recalls(self) -> None:
        """One writes, the other reads."""
        text = f"The parser for {self.transport} is written in Zig."
        self.work("writer", [remember(text)])
        expect(text, self.work("reader", [recall("language of the parser")]).results[0])

    def times_out(self) -> None:
        """Wait no longer than the environment says."""
        steps = [WAIT, recall("anything")]
        script = self.work("patience", steps, MCP_TOOL_TIMEOUT=PATIENCE)
        assert "have passed" not in script.results[0], script.results
        self.bench.daemon.expect_running(0)

    def is_killed(self) -> None:
        """Vanish in the middle of a call."""
        process = self.claude.begin("vanishing", self.servers, [WAIT])
        until(lambda: self.running() == 1, "it does not call", seconds=30.0)
        process.kill()
        process.wait()
        self.bench.daemon.expect_running(0)

    def goes_on(self) -> None:
        """Find another daemon at the next call."""
        text = f"Over {self.transport}, the cache is emptied at 04:30."
        after = recalls("when is the cache emptied", self.bench.daemon.restart)
        steps = [remember(text), *after]
        script = self.work("restart", steps)
        expect(text, script.results[1 if self.transport in AT_ONCE else len(steps) - 1])

    def goes_on_in_a_call(self) -> None:
        """Lose the daemon while it waits for it."""
        text = f"Over {self.transport}, the doors are painted in May."
        with ThreadPoolExecutor(1) as aside:
            restarts: list[Future[None]] = []
            wait = evolve(
                WAIT, before=lambda: restarts.append(aside.submit(self.restart_in_a_call))
            )
            after = recalls("when are the doors painted", lambda: restarts[0].result())
            steps = [remember(text), wait, *after]
            script = self.work("restart-in-a-call", steps, MCP_TOOL_TIMEOUT=PATIENCE)
        expect(text, script.results[2 if self.transport in AT_ONCE else len(steps) - 1])

    def restart_in_a_call(self) -> None:
        """Kill the daemon when a call is running, and start it again at once."""
        until(lambda: self.running() == 1, "it does not call", seconds=30.0)
        self.bench.daemon.restart()

    def three_at_once(self) -> None:
        """Three processes, each of which remembers something and recalls it."""

        def work(number: int) -> None:
            text = f"Process {number} keeps its notes in drawer {number}{number}{number}."
            steps = [remember(text), recall(f"drawer of process {number}")]
            expect(text, self.work(f"three-{number}", steps).results[1])

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        self.bench.expect_one_model()

    def work(self, name: str, steps: list[Step], **more: str) -> Any:
        """Have a process do these steps."""
        return self.claude.work(name, self.servers, steps, **more)

    def running(self) -> int:
        """How many calls run."""
        health = self.bench.daemon.ask("/health")
        return -1 if health is None else int(health["sessions"]["running"])


@contextmanager
def at_work(bench: Bench, transport: str, part: str) -> Iterator[OverTransport]:
    """Claude Code with a model, set up by the page's command that has this in it."""
    stub = ModelStub()
    stub.start()
    try:
        claude = ClaudeCode(
            bench.clients.claude_code,
            bench.folder,
            bench.daemon.environment,
            stub,
            bench.processes,
        )
        yield OverTransport(transport, block("claude-code", part, bench.port), bench, claude)
    finally:
        stub.stop()


def claude_code_http(bench: Bench) -> Iterator[Check]:
    """Over HTTP."""
    with at_work(bench, "http", "--transport http --scope user mnemo http://127.0.0.1") as client:
        yield from client.checks()
        yield Check(
            "Claude Code, http: a header that it fills in says which project it works in",
            lambda: works_in_its_folder(client),
        )


def works_in_its_folder(client: OverTransport) -> None:
    """With the page's file, which has the header."""
    servers = json.loads(block("claude-code", '"mcpServers"', client.bench.port))["mcpServers"]
    steps = [remember("The door is blue."), recall("colour of the door")]
    script = client.claude.work("project", servers, steps)
    expect('"project":"project"', script.results[1])
    expect("The door is blue.", script.results[1])


def claude_code_sse(bench: Bench) -> Iterator[Check]:
    """Over server-sent events."""
    with at_work(bench, "sse", "--transport sse") as client:
        yield from client.checks()


def claude_code_websocket(bench: Bench) -> Iterator[Check]:
    """Over a WebSocket."""
    with at_work(bench, "websocket", '"type": "ws"') as client:
        yield from client.checks()


def claude_code_stdio(bench: Bench) -> Iterator[Check]:
    """Over stdin and stdout."""
    with at_work(bench, "stdio", "mnemo -- mnemo mcp") as client:
        yield from client.checks()
        yield Check(
            "Claude Code, stdio: three processes at once start one daemon, with one model",
            lambda: three_start_one(client),
        )


def three_start_one(client: OverTransport) -> None:
    """Three processes that find no daemon."""
    client.bench.daemon.stop()
    client.three_at_once()


GROUPS: tuple[Callable[[Bench], Iterator[Check]], ...] = (
    claude_code_http,
    claude_code_sse,
    claude_code_websocket,
    claude_code_stdio,
)
