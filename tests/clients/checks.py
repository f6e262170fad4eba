"""What the clients have to manage, one function each. They run in this order, on one daemon."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import define

from mnemo.mcp.versions import LEGACY, MODERN
from tests.clients.claude_code import ClaudeCode, Servers
from tests.clients.model_stub import Step
from tests.clients.python_sdk import PythonSdk
from tests.clients.tested_daemon import TestedDaemon


@define
class Bench:
    """What the checks work with."""

    daemon: TestedDaemon
    claude: ClaudeCode
    sdk: PythonSdk

    @property
    def http(self) -> Servers:
        """The daemon over HTTP, for Claude Code."""
        return {"mnemo": {"type": "http", "url": self.daemon.url}}

    @property
    def stdio(self) -> Servers:
        """The daemon over stdio, for Claude Code."""
        return {"mnemo": {"type": "stdio", **self.command}}

    @property
    def command(self) -> dict[str, Any]:
        """How a client starts C{mnemo mcp}."""
        return {
            "command": sys.executable,
            "args": ["-m", "mnemo", "mcp"],
            "env": self.daemon.environment,
        }

    def expect_one_model(self) -> None:
        """Fail unless the daemon has loaded a model, once."""
        health = self.daemon.ask("/health")
        assert health is not None, "the daemon does not answer"
        loads = health["model"]["loads"]
        assert loads == 1, f"{loads} model loads; {'; '.join(health['reasons'])}"


def remember(text: str, **more: Any) -> Step:
    """Have it remember something."""
    return Step("mcp__mnemo__remember", {"text": text}, **more)


def recall(query: str, **more: Any) -> Step:
    """Have it recall something."""
    return Step("mcp__mnemo__recall", {"query": query}, **more)


def expect(wanted: str, text: str) -> None:
    """Fail unless C{wanted} is in C{text}."""
    assert wanted in text, f"{wanted!r} is not in {text[:2000]!r}"


# -- Claude Code over HTTP


def connects(bench: Bench) -> None:
    """Claude Code, http: `claude mcp list` says connected"""
    url = bench.daemon.url
    added = bench.claude.run(
        "add", "mcp", "add", "--transport", "http", "--scope", "user", "mnemo", url
    )
    assert added.code == 0, added.text
    expect(f"mnemo: {url} (HTTP) - ✔ Connected", bench.claude.run("list", "mcp", "list").text)


def lists_tools(bench: Bench) -> None:
    """Claude Code, http: shows the model the tools"""
    script = bench.claude.work("lists", bench.http, [Step("mcp__mnemo__status", {})])
    shown = {name for name in script.offered if name.startswith("mcp__mnemo__")}
    assert {"mcp__mnemo__remember", "mcp__mnemo__recall"} <= shown, shown


def recalls_what_another_process_remembered(bench: Bench) -> None:
    """Claude Code, http: what one process remembers, a second one recalls"""
    bench.claude.work("writer", bench.http, [remember("The parser is written in Zig.")])
    script = bench.claude.work("reader", bench.http, [recall("language of the parser")])
    expect("The parser is written in Zig.", script.results[0])


def works_in_its_folder(bench: Bench) -> None:
    """Claude Code, http: a header that it fills in says which project it works in"""
    (server,) = bench.http.values()
    headers = {"X-Mnemo-Project": "${PWD}"}
    steps = [remember("The door is blue."), recall("colour of the door")]
    script = bench.claude.work("project", {"mnemo": {**server, "headers": headers}}, steps)
    expect('"project":"project"', script.results[1])
    expect("The door is blue.", script.results[1])


def three_share_one_model(bench: Bench) -> None:
    """Claude Code, http: three processes at once, one daemon, one model load"""
    three_at_once(bench, "http", bench.http)


def survives_a_restart(bench: Bench) -> None:
    """Claude Code, http: the daemon restarts between two calls of one process"""
    restart_between_calls(bench, "http", bench.http)


# -- Claude Code over stdio


def connects_by_stdio(bench: Bench) -> None:
    """Claude Code, stdio: `claude mcp list` says connected"""
    environment = [f"--env={name}={value}" for name, value in bench.daemon.environment.items()]
    added = bench.claude.run(
        "add-stdio",
        *("mcp", "add", "--scope", "user", *environment, "piped"),
        *("--", sys.executable, "-m", "mnemo", "mcp"),
    )
    assert added.code == 0, added.text
    listed = bench.claude.run("list-stdio", "mcp", "list").text
    line = next((line for line in listed.splitlines() if line.startswith("piped:")), listed)
    expect("✔ Connected", line)


def recalls_by_stdio(bench: Bench) -> None:
    """Claude Code, stdio: what one process remembers, a second one recalls"""
    bench.claude.work("stdio-writer", bench.stdio, [remember("Releases happen on Tuesdays.")])
    script = bench.claude.work("stdio-reader", bench.stdio, [recall("day of releases")])
    expect("Releases happen on Tuesdays.", script.results[0])


def survives_a_restart_by_stdio(bench: Bench) -> None:
    """Claude Code, stdio: the daemon restarts between two calls of one process"""
    restart_between_calls(bench, "stdio", bench.stdio)


def three_start_one_daemon(bench: Bench) -> None:
    """Claude Code, stdio: three processes at once start one daemon, with one model load"""
    bench.daemon.stop()
    three_at_once(bench, "stdio", bench.stdio)


def three_at_once(bench: Bench, name: str, servers: Servers) -> None:
    """Three processes, each of which remembers something and recalls it."""

    def work(number: int) -> str:
        text = f"Over {name}, process {number} keeps its notes in drawer {number}{number}{number}."
        steps = [remember(text), recall(f"drawer of process {number}")]
        script = bench.claude.work(f"{name}-{number}", servers, steps)
        expect(text, script.results[1])
        return text

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    bench.expect_one_model()


def restart_between_calls(bench: Bench, name: str, servers: Servers) -> None:
    """One process that calls, finds the daemon restarted, and calls again."""
    text = f"Over {name}, the cache is emptied at 04:30."
    before = bench.daemon.ask("/health")["boot"]
    steps = [remember(text), recall("when is the cache emptied", before=bench.daemon.restart)]
    script = bench.claude.work(f"{name}-restart", servers, steps)
    expect(text, script.results[1])
    assert bench.daemon.ask("/health")["boot"] != before, "the daemon was not restarted"


# -- the Python SDK


def sdk_modern(bench: Bench) -> None:
    """Python SDK, http, modern: lists, remembers, recalls"""
    sdk_talks(bench, bench.daemon.url, "auto", MODERN[-1])


def sdk_legacy(bench: Bench) -> None:
    """Python SDK, http, legacy: lists, remembers, recalls, and ends its session"""
    before = bench.daemon.ask("/health")["sessions"]["live"]
    sdk_talks(bench, bench.daemon.url, "legacy", LEGACY[-1])
    after = bench.daemon.ask("/health")["sessions"]["live"]
    assert after == before, f"{before} live sessions before, {after} after"


def sdk_modern_by_stdio(bench: Bench) -> None:
    """Python SDK, stdio, modern: lists, remembers, recalls"""
    sdk_talks(bench, bench.command, "auto", MODERN[-1])


def sdk_legacy_by_stdio(bench: Bench) -> None:
    """Python SDK, stdio, legacy: lists, remembers, recalls, and its session ends with it"""
    before = bench.daemon.ask("/health")["sessions"]["live"]
    sdk_talks(bench, bench.command, "legacy", LEGACY[-1])
    after = bench.daemon.ask("/health")["sessions"]["live"]
    assert after == before, f"{before} live sessions before, {after} after"


def sdk_talks(bench: Bench, server: Any, mode: str, version: str) -> None:
    """One client's conversation."""
    kind = "http" if isinstance(server, str) else "stdio"
    text = f"The {mode} client over {kind} likes its tea with lemon."
    seen = bench.sdk.talk(server, mode, text)
    assert seen.version == version, seen.version
    assert {"remember", "recall", "status"} <= set(seen.tools), seen.tools
    expect(text, seen.recalled)


ALL: Sequence[Callable[[Bench], None]] = (
    connects,
    lists_tools,
    recalls_what_another_process_remembered,
    works_in_its_folder,
    three_share_one_model,
    survives_a_restart,
    connects_by_stdio,
    recalls_by_stdio,
    survives_a_restart_by_stdio,
    sdk_modern,
    sdk_legacy,
    sdk_modern_by_stdio,
    sdk_legacy_by_stdio,
    three_start_one_daemon,
)
