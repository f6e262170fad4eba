"""Requests a second of the same trivial tool, by every transport."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from load import Client, HttpTalker, Load, Talker, drive, http_post, latencies_of
from messages import INITIALIZED, echo, in_session, initialize, modern_call
from servers import Server
from talkers import SseTalker, StdioTalker, WebSocketTalker

CONNECTIONS = (1, 8, 64)
MANY = 1_000
"""How many sessions there are in the row of many."""

Make = Callable[[Server, int], Sequence[Talker]]


def stateless(server: Server, count: int) -> Sequence[Talker]:
    """Streamable HTTP in which every request stands for itself."""
    made = []
    for number in range(1, count + 1):
        message, headers = modern_call("echo", {"text": "hi"}, number)
        request = http_post(server.port, msgspec.json.encode(message), headers)
        made.append(HttpTalker(server.port, request))
    return made


def stateful(server: Server, count: int) -> Sequence[Talker]:
    """Streamable HTTP with a session for each connection."""
    made = []
    opener = Client(server.port)
    for number in range(1, count + 1):
        headers = in_session(initialize(opener))
        body = msgspec.json.encode(echo(number))
        made.append(HttpTalker(server.port, http_post(server.port, body, headers)))
    opener.close()
    return made


def legacy_sse(server: Server, count: int) -> Sequence[Talker]:
    """HTTP+SSE, of 2024."""
    return [SseTalker(server.port) for _ in range(count)]


def websocket(server: Server, count: int) -> Sequence[Talker]:
    """WebSockets."""
    return [WebSocketTalker(server.port) for _ in range(count)]


def stdio(server: Server, count: int) -> Sequence[Talker]:
    """C{mnemo mcp}, a process for each client."""
    return [StdioTalker(server.port) for _ in range(count)]


def http_rates(pair: Sequence[Server], rounds: int, seconds: float) -> dict[str, Any]:
    """Streamable HTTP, both servers turn by turn."""
    figures = {}
    for make in (stateless, stateful):
        for count in CONNECTIONS:
            name = f"Streamable HTTP {make.__name__} x{count}"
            figures[name] = _compared(name, pair, make, count, rounds, seconds)
    name = f"Streamable HTTP, {MANY:,} sessions"
    # So many that each needs a while to come around.
    figures[name] = _compared(name, pair, stateful, MANY, max(1, rounds // 2), 2 * seconds)
    return figures


def other_rates(pair: Sequence[Server], rounds: int, seconds: float) -> dict[str, Any]:
    """The other transports; of the second server those that it has."""
    figures = {}
    ours = [server for server in pair if server.name == "mnemo"]
    rows: list[tuple[str, Make, int, Sequence[Server]]] = [
        ("HTTP+SSE x1", legacy_sse, 1, pair),
        ("HTTP+SSE x64", legacy_sse, 64, pair),
        ("WebSocket x1", websocket, 1, ours),
        ("WebSocket x64", websocket, 64, ours),
        ("stdio proxy x1", stdio, 1, ours),
        ("stdio proxy x4", stdio, 4, ours),
    ]
    for name, make, count, servers in rows:
        figures[name] = _compared(name, servers, make, count, rounds, seconds)
    return figures


def session_start(pair: Sequence[Server], count: int) -> dict[str, Any]:
    """From C{initialize} on a new connection to the first tool result, in milliseconds."""
    seconds: dict[str, list[float]] = {server.name: [] for server in pair}
    for _ in range(count):
        for server in pair:
            begin = time.perf_counter()
            client = Client(server.port)
            headers = in_session(initialize(client))
            client.post(INITIALIZED, headers)
            client.post(echo(1), headers)
            seconds[server.name].append(time.perf_counter() - begin)
            client.close()
    return {name: latencies_of(name, taken) for name, taken in seconds.items()}


def _compared(
    name: str, servers: Sequence[Server], make: Make, count: int, rounds: int, seconds: float
) -> dict[str, Any]:
    """A row: each server in each round, in the median."""
    runs: dict[str, list[Load]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            runs[server.name].append(drive(make(server, count), seconds))
    row: dict[str, Any] = {server: _summary(loads) for server, loads in runs.items()}
    told = "; ".join(f"{server} {each['text']}" for server, each in row.items())
    if len(servers) > 1:
        row["ratio"] = round(row["mnemo"]["per_second"] / row["mcp SDK"]["per_second"], 2)
        told += f"; ratio {row['ratio']:.2f}"
    print(f"  {name}: {told}", flush=True)
    return row


def _summary(loads: Sequence[Load]) -> dict[str, Any]:
    rate = statistics.median(load.per_second for load in loads)
    p50, p99 = (
        statistics.median(load.latencies.percentile(percent) for load in loads)
        for percent in (50, 99)
    )
    text = f"{rate:,.0f}/s (p50 {p50:.2f} ms, p99 {p99:.2f} ms)"
    return {"per_second": rate, "p50_ms": p50, "p99_ms": p99, "text": text}
