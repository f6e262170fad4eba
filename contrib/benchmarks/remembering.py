"""What C{remember} and C{recall} cost, with the real embedding model."""

import tempfile
import time
from pathlib import Path
from typing import Any

import corpus
import fill
import servers
from load import Client, latencies_of
from messages import modern_call

GRAPH_ROWS = 50_000
"""More vectors than these have a graph."""


def remembering(size: int, calls: int) -> dict[str, Any]:
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
        "remember": latencies_of(f"{size:,}: remember", remembered),
        "recall": latencies_of(f"{size:,}: recall", recalled),
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
