"""
How mnemo grows: C{scale.py [SIZE…]}; with 10,000, 100,000 and 1,000,000 memories unless told.

At each size: how fast memories come in, what C{recall} (with the embedding of its query) and
C{remember} take while everything that works in the background has all of them still to do, how
much memory is resident, how large the files are, and how long a start takes, to the first answer
and until both search legs take part. Then the graph of vectors is damaged: recall has to go on,
and to say what it lacks, until it is whole again. The text index likewise.

Filled homes are kept for the next run where C{--keep} names a folder.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import corpus
import fill
import servers
from load import Client, latencies_of
from messages import modern_call

SIZES: Final = (10_000, 100_000, 1_000_000)
QUICK: Final = (1_000, 10_000)

GRAPH_ROWS: Final = 50_000
"""More vectors than these have a graph."""

BARS: Final[dict[int, dict[str, float]]] = {
    100_000: {"recall p50": 9, "recall p99": 25, "remember p99": 10},
    1_000_000: {"recall p50": 12, "recall p99": 40, "resident MB": 2_500},
}
"""At most, by the number of memories; milliseconds where nothing else is said."""

START: Final = 3.0
"""How many times as long as with the fewest memories a start may take to its first answer."""

MENDED: Final = 100_000
"""Up to how many memories indexes are damaged: of a million a graph takes many minutes."""

PATIENCE: Final = 3_600.0

Figures = dict[str, float]


def measured(home: Path, size: int, calls: int) -> Figures:
    """The figures of a memory of C{size}, which is filled unless it is there."""
    figures: Figures = {}
    if not (home / "memory.sqlite3").exists():
        begin = time.perf_counter()
        fill.fill(home, size)
        figures["inserts a second"] = size / (time.perf_counter() - begin)
    if size > GRAPH_ROWS:
        with answering(home) as (server, _):
            whole(server, home, graph=True)
    with answering(home, figures) as (server, client):
        begin = time.perf_counter()
        whole(server, home, graph=size > GRAPH_ROWS)
        figures["s to both legs"] = time.perf_counter() - begin + figures["s to an answer"]
        client.close()
        client = Client(server.port)
        asked = corpus.questions(calls + 10, seed=size)
        for question in asked[:10]:
            called(client, "recall", {"query": question})
        recalled = [called(client, "recall", {"query": each})[0] for each in asked[10:]]
        texts = corpus.memories(calls, seed=size + int(time.time()))
        remembered = [called(client, "remember", {"text": text})[0] for text in texts]
        figures["resident MB"] = server.resident_kib() / 1024
        client.close()
    for name, seconds in (("recall", recalled), ("remember", remembered)):
        found = latencies_of(f"{size:,}: {name}", seconds)
        figures |= {f"{name} p50": found["p50_ms"], f"{name} p99": found["p99_ms"]}
    figures["database MB"] = megabytes(home / "memory.sqlite3")
    figures["text index MB"] = megabytes(home / "index" / "text")
    figures["graph MB"] = megabytes(home / "index" / "vectors")
    return figures


def damaged(home: Path, size: int) -> list[tuple[str, bool]]:
    """Whether recall goes on without an index, says so, and has it again."""
    kept = []
    for leg, files in (("text", "text/*.idx"), ("vectors", "vectors/graph.*")):
        graph = home / "index" / "vectors" / "graph.usearch"
        for path in (home / "index").glob(files):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        broken = graph.stat().st_mtime_ns if graph.exists() else 0
        with answering(home) as (server, client):
            _, answer = called(client, "recall", {"query": corpus.questions(1)[0]})
            found, said = answer["memories"], answer["degraded"]
            client.close()
            whole(server, home, graph=size > GRAPH_ROWS)
            if leg == "vectors" and broken:
                wait_for(partial(_is_newer, graph, broken))
        told = "; ".join(said) or "that nothing lacks"
        kept.append(
            (
                f"{size:,}: with its {leg} damaged recall answers, and says: {told}",
                bool(found),
            )
        )
    return kept


def _is_newer(path: Path, moment: int) -> bool:
    return path.exists() and path.stat().st_mtime_ns > moment


@contextmanager
def answering(
    home: Path, figures: Figures | None = None
) -> Iterator[tuple[servers.Server, Client]]:
    """A daemon that has answered its first recall; notes how long that took after its start."""
    begin = time.perf_counter()
    with servers.mnemo(home) as server:
        listening = time.perf_counter() - begin
        client = Client(server.port)
        called(client, "recall", {"query": "what is there to know"})
        if figures is not None:
            figures["s to listen"] = listening
            figures["s to an answer"] = time.perf_counter() - begin
        yield server, client


def called(client: Client, name: str, arguments: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """How long a call took, and what it answered."""
    begin = time.perf_counter()
    _, answer = client.post(*modern_call(name, arguments))
    taken = time.perf_counter() - begin
    if answer.get("error") or answer["result"].get("isError"):
        raise SystemExit(f"{name} failed: {answer}")
    return taken, answer["result"]["structuredContent"]


def whole(server: servers.Server, home: Path, graph: bool) -> None:
    """Until both legs take part, and the graph of vectors is made where there is to be one."""

    def is_whole() -> bool:
        health = server.health()
        made = not graph or (home / "index" / "vectors" / "graph.usearch").exists()
        busy = (home / "index" / "vectors" / "graph.usearch.tmp").exists()
        return health["status"] == "ok" and not health["queues"]["vectors"] and made and not busy

    wait_for(is_whole)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("the daemon did not become whole")
        time.sleep(0.2)


def megabytes(path: Path) -> float:
    """The size of a file, or of all in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6


def bars(figures: dict[int, Figures]) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept."""
    kept = []
    for size, of_size in figures.items():
        for name, most in BARS.get(size, {}).items():
            kept.append(
                (f"{size:,}: {name} {of_size[name]:.1f}, at most {most}", of_size[name] <= most)
            )
    least, most = min(figures), max(figures)
    if least != most:
        first, last = (figures[size]["s to an answer"] for size in (least, most))
        text = f"a start takes {last:.2f} s to an answer at {most:,}, {first:.2f} s at {least:,}"
        kept.append((text, last <= START * first))
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", metavar="SIZE", help="numbers of memories")
    parser.add_argument("--quick", action="store_true", help="under a minute, smaller sizes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where filled homes are kept")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK if options.quick else SIZES)
    calls = 100 if options.quick else 500
    figures: dict[int, Figures] = {}
    kept: list[tuple[str, bool]] = []
    with tempfile.TemporaryDirectory(prefix="mnemo-scale-") as scratch:
        for size in sorted(sizes):
            home = (options.keep or Path(scratch)) / str(size)
            figures[size] = measured(home, size, calls)
            for name, value in figures[size].items():
                print(f"  {size:,}: {name} {value:,.2f}", flush=True)
            if size <= MENDED:
                kept += damaged(home, size)
            if options.keep is None:
                shutil.rmtree(home)
    kept = [*bars(figures), *kept]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    count = sum(met for _, met in kept)
    print(f"scale: {count} of {len(kept)} bars kept")
    return int(options.check and count < len(kept))


if __name__ == "__main__":
    sys.exit(main())
