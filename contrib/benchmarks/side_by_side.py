"""
mnemo beside mcp-memory-service and mem0 on labelled sets: C{side_by_side.py SET…}.

Each store of a set is a store of each system, which is asked through its public interface: tools
of MCP, or the documented Python API. All have the vectors of the same file of all-MiniLM-L6-v2 and
no language model: mnemo embeds in its own process, each other asks a daemon of mnemo that serves
nobody else. Systems take turns, memory by memory and question by question in blocks, and nobody's
turn ends before its background work. A latency is what the asker waits.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import labelled
import servers
from attrs import evolve
from comparison import OURS, Kept, Trial, bars, figures, judged, table
from labelled import Labelled, LabelledSet
from load import Client, Latencies, http_post
from peers import mcp_memory_service as memory_service
from peers import mem0_client
from peers.mnemo_itself import mnemo
from peers.system import MODEL, Place, System

SYSTEMS: Final[Mapping[str, Callable[[Place], AbstractContextManager[System]]]] = {
    OURS: mnemo,
    "mcp-memory-service": memory_service.running,
    "mcp-memory-service, hybrid": partial(memory_service.running, mode="hybrid"),
    "mem0": mem0_client.running,
}

BLOCK: Final = 50
"""How many memories, or questions, a turn has."""

WARM: Final = 3
"""Questions before the first that counts, so that nobody is measured while it loads something."""

_QUICK = 5
"""Of how many questions a quick run asks one."""

T = TypeVar("T")


def turns(systems: Mapping[str, T], items: Sequence[Any]) -> Iterator[tuple[str, T, Sequence[Any]]]:
    """Who has its turn with which items. Each block begins with another system."""
    names = list(systems)
    for number, start in enumerate(range(0, len(items), BLOCK)):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            yield name, systems[name], items[start : start + BLOCK]


def fill(
    store: Labelled, systems: Mapping[str, System], trials: Mapping[str, Trial]
) -> dict[str, Kept]:
    """Tell every system everything; what it keeps."""
    kept = {name: Kept.of(store) for name in systems}
    begun: dict[str, set[str]] = {name: set() for name in systems}
    for name, system, block in turns(systems, store.memories):
        for session in {said.session for said in block} - begun[name]:
            system.begin(session)
            begun[name].add(session)
        first = time.perf_counter()
        for said in block:
            begin = time.perf_counter()
            known_as = system.remember(said.words, said.session)
            trials[name].inserts.append(time.perf_counter() - begin)
            kept[name].add(known_as, said.words)
        system.settle()
        trials[name].busy += time.perf_counter() - first
    return kept


def ask(
    store: Labelled,
    systems: Mapping[str, System],
    trials: Mapping[str, Trial],
    kept: Mapping[str, Kept],
) -> None:
    """Ask every system everything."""
    for system in systems.values():
        for number in range(WARM):
            system.search(f"What happened first, number {number}?")
    for name, system, block in turns(systems, store.queries):
        for question in block:
            begin = time.perf_counter()
            found = system.search(question.text)
            trials[name].searches.append(time.perf_counter() - begin)
            judged(trials[name], kept[name].labels(found), question.relevant)


def compare(store: Labelled, trials: Mapping[str, Trial]) -> list[float]:
    """Put one store to all systems; the seconds of the embedding server for a question."""
    with ExitStack() as stack:
        systems: dict[str, System] = {}
        embeddings: list[int] = []
        for name, start in SYSTEMS.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="side-by-side-")))
            port = 0
            if name != OURS:
                port = stack.enter_context(servers.mnemo()).port
                embeddings.append(port)
            place = Place(folder, f"http://127.0.0.1:{port}")
            systems[name] = stack.enter_context(start(place))
        kept = fill(store, systems, trials)
        ask(store, systems, trials, kept)
        return embedding(embeddings[0], [query.text for query in store.queries])


def embedding(port: int, questions: Sequence[str]) -> list[float]:
    """Seconds that the embedding server takes for each question, which it does not know yet."""
    client = Client(port)
    taken = []
    for question in questions:
        body = json.dumps({"model": MODEL, "input": [f"{question} Really?"]}).encode()
        begin = time.perf_counter()
        client.send(http_post(port, body, {}, "/v1/embeddings"))
        taken.append(time.perf_counter() - begin)
    client.close()
    return taken


def quickly(given: LabelledSet) -> LabelledSet:
    """The smallest store, and some of its questions."""
    store = min(given.stores, key=lambda each: len(each.memories))
    return evolve(given, stores=(evolve(store, queries=store.queries[::_QUICK]),))


def run(given: LabelledSet) -> dict[str, Any]:
    """Put a set to all systems; what it came to."""
    trials = {name: Trial() for name in SYSTEMS}
    endpoint: list[float] = []
    for store in given.stores:
        begin = time.perf_counter()
        endpoint += compare(store, trials)
        print(f"  {given.name}, {store.name}: {time.perf_counter() - begin:.0f} s", flush=True)
    return outcome(given.name, trials, endpoint)


def outcome(name: str, trials: Mapping[str, Trial], endpoint: Sequence[float]) -> dict[str, Any]:
    """The figures of a set."""
    known = Latencies.of_seconds(endpoint)
    return {
        "name": name,
        "systems": {each: figures(trial) for each, trial in trials.items()},
        "embedding_ms": {f"p{at}": round(known.percentile(at), 2) for at in (50, 99)},
    }


def show(made: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Print what a set came to; its promises, and whether they are kept."""
    ours = made["systems"][OURS]
    print(f"\n{made['name']}: {ours['memories']:,} memories, {ours['questions']:,} questions\n")
    print(*table(made["systems"]), sep="\n")
    print(
        "\nThe embedding server alone, a question: p50 {p50} / p99 {p99} ms".format(
            **made["embedding_ms"]
        )
    )
    kept = [(f"{made['name']}: {text}", met) for text, met in bars(made["systems"])]
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    return kept


def main(options: argparse.Namespace) -> None:
    memory_service.programs()
    mem0_client.programs()
    outcomes = []
    kept = []
    for path in options.sets:
        given = labelled.read(path)
        outcomes.append(run(quickly(given) if options.quick else given))
        kept += show(outcomes[-1])
    if options.json:
        options.json.write_text(json.dumps(outcomes, indent=2) + "\n")
    count = sum(met for _, met in kept)
    summary = "; ".join(f"{each['name']} {_summary(each['systems'])}" for each in outcomes)
    print(f"side by side: nDCG@10 {summary}; {count} of {len(kept)} bars kept")
    if options.check and count < len(kept):
        raise SystemExit(1)


def _summary(systems: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {made['measures']['nDCG@10']:.3f}" for name, made in systems.items())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET", help="labelled sets")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest store, and one question of five"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    main(parser.parse_args(sys.argv[1:]))
