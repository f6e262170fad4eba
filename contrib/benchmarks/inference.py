"""
What one model for everybody costs: mnemo beside llama.cpp's own servers and bare loops, in one
run, turn by turn, on one file of random weights.

Tokens a second over HTTP at several callers; how long one who waits is kept from a first text by
background work; embeddings a second; how long C{/health} takes while all cores compute. On a GPU
C{--model-shape 1.5b} tells its memory as well.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import contenders
import measures
import random_model
from attrs import evolve, frozen
from completions import Prompts, crowd
from contenders import Terms
from llama_cpp import llama_cpp
from measures import Rates, Work, ratio
from native_llama import Native, native
from servers import BUILD

from mnemo import config_sources
from mnemo.inference.catalogue import locate
from mnemo.inference.llama_model import spare_cores


@frozen
class Plan:
    """How much is measured."""

    shape: str
    callers: tuple[int, ...]
    work: Work
    rounds: int
    samples: int
    texts: int


def plan(shape: str | None, *, quick: bool) -> Plan:
    """What the options ask for."""
    shape = shape or ("20m" if quick else "100m")
    callers = (1, 16) if shape == "1.5b" else (1, 8) if quick else (1, 2, 4, 8)
    work = Work(f"random-{shape}", 80, 48 if quick else 128, 1)
    rounds, samples, texts = (2, 8, 64) if quick else (3, 40, 256)
    return Plan(shape, callers, work, rounds, samples, texts)


def terms_of(chosen: Plan) -> Terms:
    """What is equal for all; one core is left to HTTP and the callers."""
    path = BUILD / f"{chosen.work.model}.gguf"
    if not path.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        random_model.write(path.with_suffix(".part"), random_model.SHAPES[chosen.shape])
        path.with_suffix(".part").rename(path)
    gpu = bool(llama_cpp.llama_supports_gpu_offload())
    sequences = max(chosen.callers)
    return Terms(path, 8192, spare_cores(), sequences, 2048 if gpu else 512, gpu)


def measure(chosen: Plan, terms: Terms, programs: Native) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {"machine": _machine(), "shape": chosen.shape}
    print(figures["machine"])
    work, most = chosen.work, max(chosen.callers)
    before = measures.gpu_memory()
    with ExitStack() as stack:
        mnemo = stack.enter_context(contenders.mnemo(terms))
        crowd(mnemo, work.model, [["warm"]], 8, stream=False)
        figures["device"] = mnemo.health()["language_model"]["device"]
        print(f"{chosen.shape} on {figures['device']}, {terms.threads} threads")
        if terms.gpu:
            figures["gpu_memory"] = section(
                "GB of the GPU while so many sessions generate",
                partial(measures.gpu_memory_during, mnemo, work, chosen.callers, before),
            )
            print(f"  {figures['gpu_memory']}")
        figures["first_text"] = section(
            "milliseconds to the first text",
            partial(measures.patience, mnemo, work, chosen.samples),
        )
        print(f"  {_rounded(figures['first_text'])}")
        figures["query"] = section(
            "milliseconds to the vector of a query",
            partial(measures.query_waits, mnemo, work, 2 * chosen.samples),
        )
        print(f"  {_rounded(figures['query'])}")
        others = [
            mnemo,
            stack.enter_context(contenders.llama_server(terms, programs.server)),
            stack.enter_context(contenders.python_server(terms)),
        ]
        loop = stack.enter_context(contenders.bare("generate", terms, terms.model))
        for server in others:
            crowd(server, work.model, [["warm"]], 8, stream=False)
        bench = partial(
            contenders.batched_bench,
            terms,
            programs.batched_bench,
            loop.ask({"prompt": next(Prompts(work.characters)), "tokens": 8})["prompt"],
            work.tokens,
            list(chosen.callers),
        )
        figures["throughput"], figures["cpu_ms"] = section(
            "tokens a second",
            partial(measures.throughput, others, loop, bench, work, chosen.callers, chosen.rounds),
        )
        for name, rates in figures["throughput"].items():
            _show(name, rates)
        print("milliseconds of CPU time a token")
        for name, costs in figures["cpu_ms"].items():
            _show(name, costs)
    figures["embeddings"] = section("texts embedded a second", lambda: _embeddings(chosen, terms))
    _show("", figures["embeddings"])
    busy = evolve(terms, threads=os.cpu_count() or 1)
    with contenders.mnemo(busy) as server:
        crowd(server, work.model, [["warm"]], 8, stream=False)
        found = section(
            "/health while all cores compute", lambda: measures.health(server, work, most)
        )
    figures["health_p99_ms"] = found.percentile(99)
    print(f"  {found}")
    return figures


def _embeddings(chosen: Plan, terms: Terms) -> Rates:
    model = locate(config_sources.load({}, {}).config.models, "all-MiniLM-L6-v2")
    with (
        contenders.mnemo(terms) as server,
        contenders.bare("embed", terms, model) as loop,
    ):
        measures.embeddings(server, loop, 64, 1)
        return measures.embeddings(server, loop, chosen.texts, chosen.rounds)


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.platform()}, Python {sys.version.split()[0]}"


def _show(name: str, rates: Rates) -> None:
    shown = (f"{who} {statistics.median(each):,.2f}" for who, each in rates.items())
    print(f"  {name:9} {', '.join(shown)}")


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 1) for name, figure in figures.items()}


def bars(figures: dict[str, Any]) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept."""
    throughput: dict[str, Rates] = figures["throughput"]
    kept = []

    def at_least(what: str, measured: float, bar: float) -> None:
        kept.append((f"{what}: {measured:.2f}, at least {bar}", measured >= bar))

    if figures["shape"] == "1.5b":
        one = statistics.median(throughput["1 whole"]["mnemo"])
        kept.append((f"one caller has {one:.0f} tokens/s, over 200", one > 200))
        for count, memory in figures.get("gpu_memory", {}).items():
            kept.append((f"{count} sessions take {memory:.2f} GB, under 1.5", memory < 1.5))
        return kept
    for name in ("1 whole", "1 stream", "8 whole", "8 stream"):
        rates = throughput[name]
        at_least(f"{name}, to llama-server", ratio(rates, "mnemo", "llama-server"), 1)
        if name.startswith("8"):
            at_least(f"{name}, to llama_cpp.server", ratio(rates, "mnemo", "llama_cpp.server"), 1.8)
        else:
            at_least(f"{name}, to llama_decode", ratio(rates, "mnemo", "bare llama_decode"), 0.97)
    first = figures["first_text"]
    limit = first["alone_p50"] + 2 * first["step_p50"]
    waited = first["busy_p50"]
    kept.append((f"first text after {waited:.0f} ms, at most {limit:.0f}", waited <= limit))
    query = figures["query"]
    kept_waiting = query["busy_p99"] - query["alone_p50"]
    kept.append((f"a query waits {kept_waiting:.0f} ms, at most 50", kept_waiting <= 50))
    embedded = ratio(figures["embeddings"], "mnemo", "bare llama.cpp")
    at_least("embeddings, to bare llama.cpp", embedded, 0.97)
    health = figures["health_p99_ms"]
    kept.append((f"/health p99 {health:.1f} ms, under 20", health < 20))
    return kept


def section(title: str, run: Callable[[], Any]) -> Any:
    print(title, flush=True)
    return run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, smaller sizes")
    parser.add_argument("--model-shape", choices=random_model.SHAPES, help="100m unless quick")
    parser.add_argument("--sources", type=Path, metavar="FILE", help="llama-cpp-python's .tar.gz")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    options = parser.parse_args()
    chosen = plan(options.model_shape, quick=options.quick)
    programs = native(options.sources)
    figures = measure(chosen, terms_of(chosen), programs)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    kept = bars(figures)
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    count = sum(met for _, met in kept)
    print(f"inference: {count} of {len(kept)} bars kept")
    return int(options.check and count < len(kept))


if __name__ == "__main__":
    sys.exit(main())
