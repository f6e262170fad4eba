"""
What serving costs: mnemo beside a server built on the C{mcp} SDK, in one run, interleaved.

Requests a second of the same trivial tool at 1, 8 and 64 connections; session start; memory of
an idle session; C{remember} and C{recall} with the real embedding model at two sizes of memory.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corpus
import fill
import msgspec
import servers
from load import Client, Latencies, Load, drive, http_post

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
GRAPH_ROWS = 50_000
"""More vectors than these have a graph."""

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}

Message = tuple[dict[str, Any], dict[str, str]]


def modern_call(name: str, arguments: dict[str, Any], number: int = 1) -> Message:
    """A C{tools/call} of the stateless era, with the headers it needs."""
    params = {"name": name, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": name}
    return message, headers


def legacy_call(session: str, number: int) -> Message:
    """A C{tools/call} of the echo tool within a session."""
    params = {"name": "echo", "arguments": {"text": "hi"}}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return message, {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": session}


def initialize(client: Client) -> str:
    """Open a session; its id."""
    params = {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    head, _ = client.post(message, {})
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "mcp-session-id":
            return value.strip()
    raise SystemExit(f"no session id in the answer to initialize: {head!r}")


def requests_of(server: servers.Server, era: str, connections: int) -> list[bytes]:
    """A request for each connection; of the legacy era, each in a session of its own."""
    made = []
    for number in range(1, connections + 1):
        if era == "modern":
            message, headers = modern_call("echo", {"text": "hi"}, number)
        else:
            client = Client(server.port)
            message, headers = legacy_call(initialize(client), number)
            client.close()
        made.append(http_post(server.port, msgspec.json.encode(message), headers))
    return made


def throughput(pair: list[servers.Server], rounds: int, seconds: float) -> dict[str, Any]:
    """Requests a second of both servers, turn by turn."""
    figures: dict[str, Any] = {}
    for era in ("modern", "legacy"):
        for connections in (1, 8, 64):
            runs: dict[str, list[Load]] = {server.name: [] for server in pair}
            requests = {s.name: requests_of(s, era, connections) for s in pair}
            for _ in range(rounds):
                for server in pair:
                    runs[server.name].append(drive(server.port, requests[server.name], seconds))
            row = {name: _summary(loads) for name, loads in runs.items()}
            ratio = row["mnemo"]["per_second"] / row["mcp SDK"]["per_second"]
            figures[f"{era} x{connections}"] = {**row, "ratio": round(ratio, 2)}
            print(f"  {era:6} {connections:2} connections: ", end="")
            print(", ".join(f"{n} {r['per_second']:,.0f}/s ({r['text']})" for n, r in row.items()))
            print(f"         ratio {ratio:.2f}")
    return figures


def _summary(loads: list[Load]) -> dict[str, Any]:
    middle = sorted(loads, key=lambda load: load.per_second)[len(loads) // 2]
    return {
        "per_second": statistics.median(load.per_second for load in loads),
        "p50_ms": middle.latencies.percentile(50),
        "p99_ms": middle.latencies.percentile(99),
        "text": str(middle.latencies),
    }


def session_start(pair: list[servers.Server], count: int) -> dict[str, Any]:
    """From C{initialize} on a new connection to the first tool result, in milliseconds."""
    seconds: dict[str, list[float]] = {server.name: [] for server in pair}
    for _ in range(count):
        for server in pair:
            begin = time.perf_counter()
            client = Client(server.port)
            session = initialize(client)
            headers = {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": session}
            client.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
            client.post(*legacy_call(session, 1))
            seconds[server.name].append(time.perf_counter() - begin)
            client.close()
    return {name: _latencies(f"  {name}", taken) for name, taken in seconds.items()}


def _latencies(label: str, seconds: list[float]) -> dict[str, float]:
    latencies = Latencies.of_seconds(seconds)
    print(f"{label}: {latencies}")
    return {"p50_ms": latencies.percentile(50), "p99_ms": latencies.percentile(99)}


def session_memory(pair: list[servers.Server], count: int) -> dict[str, float]:
    """KiB of resident memory that one more idle session costs."""
    figures = {}
    for server in pair:
        client = Client(server.port)
        for _ in range(50):
            initialize(client)
        before = server.resident_kib()
        for _ in range(count):
            initialize(client)
        figures[server.name] = (server.resident_kib() - before) / count
        client.close()
        print(f"  {server.name}: {figures[server.name]:.1f} KiB a session")
    return figures


def memory(size: int, calls: int) -> dict[str, Any]:
    """C{remember} and C{recall} of a daemon that holds C{size} memories."""
    with tempfile.TemporaryDirectory(prefix="mnemo-bench-home-") as scratch:
        home = Path(scratch)
        print(f"  filling a memory with {size:,} ...", flush=True)
        fill.fill(home, size)
        begin = time.perf_counter()
        with servers.mnemo(home) as server:
            print(f"  {size:,}: listening after {time.perf_counter() - begin:.2f} s")
            _settle(server)
            if size > GRAPH_ROWS:
                _wait_for(home / "index" / "vectors" / "graph.usearch")
            client = Client(server.port)
            texts = list(corpus.memories(calls, seed=size))
            asked = corpus.questions(calls, seed=size)
            for question in asked[:10]:
                _call(client, "recall", {"query": question})
            remembered = [_call(client, "remember", {"text": text}) for text in texts]
            _settle(server)
            recalled = [_call(client, "recall", {"query": question}) for question in asked]
            client.close()
    return {
        "remember": _latencies(f"  {size:,}: remember", remembered),
        "recall": _latencies(f"  {size:,}: recall", recalled),
    }


def _call(client: Client, name: str, arguments: dict[str, Any]) -> float:
    begin = time.perf_counter()
    _, answer = client.post(*modern_call(name, arguments))
    taken = time.perf_counter() - begin
    if answer.get("error") or answer["result"].get("isError"):
        raise SystemExit(f"{name} failed: {answer}")
    return taken


def _settle(server: servers.Server) -> None:
    """Until nothing waits for a vector and no index is behind."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        health = server.health()
        if health["status"] == "ok" and not health["queues"]["vectors"]:
            return
        time.sleep(0.2)
    raise SystemExit(f"the daemon did not settle: {server.health()}")


def _wait_for(graph: Path) -> None:
    """Until the graph of vectors is made, as it is on any other day than the first."""
    until = time.monotonic() + 300
    while not graph.exists():
        if time.monotonic() > until:
            raise SystemExit(f"there is no {graph}")
        time.sleep(0.5)
    time.sleep(2)


def bars(figures: dict[str, Any], largest: int) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept."""
    rates: dict[str, Any] = figures["throughput"]
    kept = [
        (f"{name}: {row['ratio']} times the SDK, at least 3", row["ratio"] >= 3)
        for name, row in rates.items()
    ]
    start = figures["session_start"]["mnemo"]["p99_ms"]
    kept.append((f"session start p99 {start:.1f} ms, under 20", start < 20))
    size = figures["session_memory"]["mnemo"]
    kept.append((f"{size:.1f} KiB a session, under 32", size < 32))
    for name, limit in (("remember", 15), ("recall", 30)):
        p99 = figures["memory"][str(largest)][name]["p99_ms"]
        kept.append((f"{name} p99 {p99:.1f} ms at {largest:,}, under {limit}", p99 < limit))
    return kept


def section(title: str, run: Callable[[], Any]) -> Any:
    print(title, flush=True)
    return run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, smaller sizes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    options = parser.parse_args()
    rounds, seconds, starts = (2, 0.5, 60) if options.quick else (5, 2.0, 500)
    sizes, calls = ((1_000, 4_000), 100) if options.quick else ((1_000, 100_000), 1_000)
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {sys.version.split()[0]}"
    }
    print(figures["machine"])
    # Of fresh processes: what a load has freed would hide what a session takes.
    with servers.mnemo() as ours, servers.sdk() as theirs:
        figures["session_memory"] = section(
            "memory of an idle session", lambda: session_memory([ours, theirs], 1_000)
        )
    with servers.mnemo() as ours, servers.sdk() as theirs:
        pair = [ours, theirs]
        figures["throughput"] = section(
            "requests a second", lambda: throughput(pair, rounds, seconds)
        )
        figures["session_start"] = section(
            "initialize to first result", lambda: session_start(pair, starts)
        )
    figures["memory"] = section(
        "remember and recall", lambda: {str(size): memory(size, calls) for size in sizes}
    )
    kept = bars(figures, sizes[-1])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    count = sum(met for _, met in kept)
    print(f"serve: {count} of {len(kept)} bars kept")
    return int(options.check and count < len(kept))


if __name__ == "__main__":
    sys.exit(main())
