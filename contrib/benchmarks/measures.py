"""What is measured of servers with models: each figure in rounds, turn by turn."""

import json
import os
import shutil
import statistics
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import corpus
from attrs import frozen
from completions import HEADERS, Answer, Caller, Prompts, at_once, crowd
from contenders import Bare
from load import Latencies
from servers import Server

BACKGROUND = 4
"""How many generations nobody waits for run while somebody asks."""

TEXTS = 64
"""How many texts one request for vectors has."""

Rates = dict[str, list[float]]
"""Tokens or texts a second of each contender, one figure for each turn."""


@frozen
class Work:
    """
    What a caller asks for.

    @ivar characters: of a prompt
    @ivar tokens: of an answer
    @ivar requests: of each caller, one after the other
    """

    model: str
    characters: int
    tokens: int
    requests: int


def throughput(
    servers: Sequence[Server],
    bare: Bare,
    bench: Callable[[], Mapping[int, float]],
    work: Work,
    callers: Sequence[int],
    rounds: int,
) -> tuple[dict[str, Rates], dict[str, Rates]]:
    """
    Generated tokens a second, prompts and HTTP included, by C{"8 whole"} or C{"8 stream"}; and
    the milliseconds of CPU time that each token took, which the load of others changes little.

    @param bench: a run of C{llama-batched-bench}
    """
    figures: dict[str, Rates] = {}
    costs: dict[str, Rates] = {}
    prompts = Prompts(work.characters)
    for number in range(rounds):
        print(f"  round {number + 1} of {rounds}", flush=True)
        for count in callers:
            # Few callers are done soon: with more turns a noisy moment says as little of them.
            for turn in range(number, number + max(callers) // count):
                turns = [*servers[turn % len(servers) :], *servers[: turn % len(servers)]]
                for mode in ("whole", "stream"):
                    asked = [[next(prompts) for _ in range(work.requests)] for _ in range(count)]
                    tokens = count * work.requests * work.tokens
                    rates = figures.setdefault(f"{count} {mode}", {})
                    cost = costs.setdefault(f"{count} {mode}", {})
                    for server in turns:
                        before = cpu_seconds(server.pid)
                        taken = crowd(
                            server, work.model, asked, work.tokens, stream=mode == "stream"
                        )
                        rates.setdefault(server.name, []).append(tokens / taken.seconds)
                        each = (cpu_seconds(server.pid) - before) * 1000 / tokens
                        cost.setdefault(server.name, []).append(each)
                    if count == 1:
                        alone = _alone(bare, asked[0], work.tokens)
                        rates.setdefault("bare llama_decode", []).append(alone)
        for count, rate in bench().items():
            for mode in ("whole", "stream"):
                figures[f"{count} {mode}"].setdefault("llama-batched-bench", []).append(rate)
    return figures, costs


def _alone(bare: Bare, prompts: Sequence[str], tokens: int) -> float:
    """Tokens a second of the bare loop, one prompt after the other."""
    answers = [bare.ask({"prompt": prompt, "tokens": tokens}) for prompt in prompts]
    seconds: float = sum(answer["seconds"] for answer in answers)
    return len(prompts) * tokens / seconds


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has taken; 0 where the system does not say."""
    try:
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def ratio(rates: Rates, ours: str, theirs: str) -> float:
    """How many times as fast we are, by the middle turn: a noisy one says little."""
    return statistics.median(
        our / their for our, their in zip(rates[ours], rates[theirs], strict=True)
    )


def patience(server: Server, work: Work, samples: int) -> dict[str, float]:
    """Milliseconds to the first text of one who waits, alone and beside background work."""
    caller = Caller(server, work.model, "a person")
    prompts = Prompts(work.characters)

    def first_texts() -> list[float]:
        return [caller.ask(next(prompts), 4, stream=True).first for _ in range(samples)]

    alone = Latencies.of_seconds(first_texts())
    with _background(server, work) as answers:
        busy = Latencies.of_seconds(first_texts())
    gaps = [
        later - earlier
        for answer in answers
        for earlier, later in zip(answer.texts, answer.texts[1:], strict=False)
    ]
    caller.close()
    return {
        "alone_p50": alone.percentile(50),
        "busy_p50": busy.percentile(50),
        "busy_p90": busy.percentile(90),
        "step_p50": statistics.median(gaps) * 1000,
    }


def query_waits(server: Server, work: Work, samples: int) -> dict[str, float]:
    """
    Milliseconds that the vector of a query takes, alone and while nobody waits for what both
    models do: texts are embedded and generations run.
    """
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    queries = iter(corpus.questions(2 * samples))
    name = _embedding_model(server)

    def taken() -> Latencies:
        return Latencies.of_seconds(
            _vectors(connection, name, [next(queries)]) for _ in range(samples)
        )

    alone = taken()
    enough = threading.Event()

    def index() -> None:
        own = HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not enough.is_set():
            _vectors(own, name, list(corpus.memories(TEXTS)))
        own.close()

    with at_once([index]), _background(server, work):
        try:
            busy = taken()
        finally:
            enough.set()
    connection.close()
    return {
        "alone_p50": alone.percentile(50),
        "busy_p50": busy.percentile(50),
        "busy_p99": busy.percentile(99),
    }


@contextmanager
def _background(server: Server, work: Work) -> Iterator[list[Answer]]:
    """Generations that nobody waits for; the answers are there at the end."""
    answers: list[Answer] = []
    enough = threading.Event()

    def call(number: int) -> None:
        caller = Caller(server, work.model, f"background {number}")
        prompts = Prompts(work.characters)
        while not enough.is_set():
            prompt = f"{number} {next(prompts)}"
            answers.append(caller.ask(prompt, 2 * work.tokens, stream=True, tier="flex"))
        caller.close()

    with at_once([partial(call, number) for number in range(BACKGROUND)]):
        time.sleep(0.5)
        try:
            yield answers
        finally:
            enough.set()


def health(server: Server, work: Work, callers: int) -> Latencies:
    """How long C{/health} takes while callers have all cores compute."""
    prompts = Prompts(work.characters)
    asked = [[next(prompts) for _ in range(work.requests)] for _ in range(callers)]
    taken: list[float] = []
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)

    load = partial(crowd, server, work.model, asked, work.tokens, stream=True)
    with at_once([load]) as [loaded]:
        while not loaded.done():
            begin = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            taken.append(time.perf_counter() - begin)
            time.sleep(0.005)
    connection.close()
    return Latencies.of_seconds(taken)


def embeddings(server: Server, bare: Bare, texts: int, rounds: int) -> Rates:
    """Texts embedded a second, of the same texts; of the bare loop its best way."""
    rates: Rates = {"mnemo": [], "bare llama.cpp": []}
    name = _embedding_model(server)
    for number in range(rounds):
        made = list(corpus.memories(texts, seed=number))
        rates["mnemo"].append(texts / _embed(server, name, made))
        rates["bare llama.cpp"].append(texts / min(bare.ask({"texts": made}).values()))
    return rates


def _embed(server: Server, model: str, texts: Sequence[str]) -> float:
    """Seconds for vectors of all texts, asked for on two connections."""
    asked = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]

    def call(own: Sequence[Sequence[str]]) -> None:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=600)
        for part in own:
            _vectors(connection, model, part)
        connection.close()

    begin = time.perf_counter()
    with at_once([partial(call, asked[half::2]) for half in range(2)]):
        pass
    return time.perf_counter() - begin


def _vectors(connection: HTTPConnection, model: str, texts: Sequence[str]) -> float:
    """Seconds for one request for the vectors of texts."""
    begin = time.perf_counter()
    body = {"model": model, "input": texts, "encoding_format": "base64"}
    connection.request("POST", "/v1/embeddings", json.dumps(body), HEADERS)
    answer = json.loads(connection.getresponse().read())
    vectors = [b64decode(each["embedding"]) for each in answer["data"]]
    assert len(vectors) == len(texts)
    return time.perf_counter() - begin


def _embedding_model(server: Server) -> str:
    return str(server.health()["model"]["name"]).rpartition("-")[0]


def gpu_memory() -> float:
    """GB of the GPU that are in use, by whomever; 0 where there is no NVIDIA GPU."""
    if shutil.which("nvidia-smi") is None:
        return 0.0
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1.048576e-3


def gpu_memory_during(
    server: Server, work: Work, counts: Sequence[int], before: float
) -> dict[str, Any]:
    """GB of the GPU beyond C{before} while so many sessions generate: the most that was seen."""
    prompts = Prompts(work.characters)
    figures = {}
    for count in counts:
        asked = [[next(prompts)] for _ in range(count)]
        most = 0.0

        load = partial(crowd, server, work.model, asked, work.tokens, stream=False)
        with at_once([load]) as [loaded]:
            while not loaded.done():
                most = max(most, gpu_memory() - before)
                time.sleep(0.05)
        figures[str(count)] = most
    return figures
