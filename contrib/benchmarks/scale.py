"""
How mnemo grows: C{scale.py [SIZE…]}; with 10,000, 100,000 and 1,000,000 memories unless told.

At each size: how fast memories come in, what C{recall} (with the embedding of its query) and
C{remember} take while everything that works in the background has all of them still to do, how
much memory is resident, how large the files are, and how long a start takes, to the first answer
and until both search legs take part. Then the text index is damaged, and the graph of vectors where
there is one: recall has to go on, each answer that a leg has no part in has to name that leg, and
the first one after all is whole again has to name none. Which legs have a part in an answer is
told by the explanation of what it found, not by what it says of itself.

Filled homes are kept for the next run where C{--keep} names a folder.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import corpus
import fill
import numpy as np
import servers
from attrs import frozen
from load import Client, latencies_of
from messages import modern_call

SIZES: Final = (10_000, 100_000, 1_000_000)
QUICK: Final = (1_000, 10_000)

GRAPH_ROWS: Final = 50_000
"""More vectors than these have a graph."""

LACKING: Final = (5_000, 0.02)
"""So many vectors, and this part of those that it has, may a graph lack that is not added to."""

BARS: Final[dict[int, dict[str, float]]] = {
    100_000: {"recall p50": 9, "recall p99": 25, "remember p99": 10},
    1_000_000: {"recall p50": 12, "recall p99": 40, "resident MB": 2_500},
}
"""At most, by the number of memories; milliseconds where nothing else is said."""

START: Final = 3.0
"""How many times as long as with the fewest memories a start may take to its first answer."""

MENDED: Final = 100_000
"""Up to how many memories indexes are damaged: of a million a graph takes many minutes."""

TRIES: Final = 5
"""How often an index is damaged at most, where it is mended before the first answer."""

PATIENCE: Final = 3_600.0

PROBE: Final = "The keeper of the lighthouse counted gannets at dawn and wrote down forty-one."
"""Like no other memory, so that both legs find it."""

Figures = dict[str, float]


@frozen
class Leg:
    """
    A search leg.

    @ivar files: those of its index
    @ivar signal: what the explanation of a memory has of it
    @ivar said: how an answer names it
    """

    name: str
    files: str
    signal: str
    said: str


LEGS: Final = (
    Leg("text", "text/*.idx", "text", "text search"),
    Leg("vectors", "vectors/graph.*", "meaning", "vector|words alone"),
)


@frozen
class Seen:
    """
    What recall answers at one moment.

    @ivar found: whether it finds anything for a question as any other
    @ivar lacked: the legs that have no part in finding the probe
    @ivar named: the legs that it says it lacks, as it does so
    """

    found: bool
    lacked: frozenset[str]
    named: frozenset[str]
    said: tuple[str, ...]


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
    """Whether recall goes on without an index, says what it lacks, and has it again."""
    graph = size > GRAPH_ROWS
    with answering(home) as (server, client):
        # What is kept last is the last that an index has again.
        called(client, "remember", {"text": PROBE})
        client.close()
        whole(server, home, graph)
    legs = [leg for leg in LEGS if graph or leg.name != "vectors"]
    return [bar for leg in legs for bar in mended(home, size, leg, graph)]


def mended(home: Path, size: int, leg: Leg, graph: bool) -> list[tuple[str, bool]]:
    """What recall answers and says from the damage on until all is whole."""
    answers: list[Seen] = []
    lacking: list[Seen] = []
    for _ in range(TRIES):
        answers += after_damage(home, leg, graph)
        lacking = [each for each in answers if leg.name in each.lacked]
        if lacking:
            break
    silent = [each for each in answers if not each.lacked <= each.named]
    last = answers[-1]
    about = f"{size:,}: with its {leg.name} damaged"
    return [
        (
            f"{about} recall goes on: {len(answers)} answers, {len(lacking)} without that leg",
            all(each.found for each in answers),
        ),
        (
            f"{about} an answer names what it lacks: {len(silent)} do not; the first says: "
            + ("; ".join(answers[0].said) or "nothing"),
            bool(lacking) and not silent,
        ),
        (
            f"{about} and whole again, it says: {'; '.join(last.said) or 'nothing'}",
            not last.lacked and not last.said,
        ),
    ]


def after_damage(home: Path, leg: Leg, graph: bool) -> list[Seen]:
    """Damage an index, and look until all is whole, and once more."""
    for path in (home / "index").glob(leg.files):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    damage = newest(home, leg)
    answers: list[Seen] = []
    with servers.mnemo(home) as server:
        client = Client(server.port)

        def is_mended() -> bool:
            answers.append(seen(client))
            return is_whole(server, home, graph) and newest(home, leg) > damage

        wait_for(is_mended)
        answers.append(seen(client))
        client.close()
    return answers


def seen(client: Client) -> Seen:
    """Ask for the probe, and a question as any other."""
    # First, since what a start mends it has soon mended.
    _, answer = called(client, "recall", {"query": PROBE, "explain": True})
    _, usual = called(client, "recall", {"query": corpus.questions(1)[0]})
    terms = {
        term["name"]
        for memory in answer["memories"]
        if memory["text"] == PROBE
        for term in memory["explanation"]
        if term["raw"] is not None
    }
    said = tuple(answer["degraded"])
    return Seen(
        found=bool(usual["memories"]),
        lacked=frozenset(leg.name for leg in LEGS if leg.signal not in terms),
        named=frozenset(leg.name for leg in LEGS if re.search(leg.said, "\n".join(said))),
        said=said,
    )


def newest(home: Path, leg: Leg) -> int:
    """When the index of a leg was last written."""
    return max((each.stat().st_mtime_ns for each in (home / "index").glob(leg.files)), default=0)


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
    """Wait until it L{is_whole}."""
    wait_for(lambda: is_whole(server, home, graph))


def is_whole(server: servers.Server, home: Path, graph: bool) -> bool:
    """Whether both legs take part, and the graph of vectors is made where there is to be one."""
    health = server.health()
    if health["status"] != "ok" or health["queues"]["vectors"]:
        return False
    vectors = home / "index" / "vectors"
    if not graph:
        return True
    if (vectors / "graph.usearch.tmp").exists():
        return False
    try:
        with np.load(vectors / "graph.npz") as kept:
            covered = len(kept["keys"])
    except (OSError, ValueError, BadZipFile):
        return False
    return bool(health["vectors"]["made"] - covered <= LACKING[0] + LACKING[1] * covered)


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
