"""Callers of C{/v1/completions}: each a thread with a connection of its own."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from random import Random
from typing import Any

import corpus
from attrs import define, field, frozen
from servers import Server

HEADERS = {"Content-Type": "application/json"}


@frozen
class Answer:
    """
    One answer, in seconds from its request.

    @ivar texts: when each piece of text came; for an answer in one, when that came
    """

    began: float
    texts: tuple[float, ...]
    seconds: float

    @property
    def first(self) -> float:
        """How long its first text took."""
        return self.texts[0]


@define
class Caller:
    """A program that asks one server, one request after the other."""

    server: Server
    model: str
    name: str
    connection: HTTPConnection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.server.port, timeout=600)

    def ask(self, prompt: str, tokens: int, *, stream: bool, tier: str = "") -> Answer:
        """
        Have C{prompt} gone on with for so many tokens.

        @param tier: C{"flex"} where nobody waits for it, to servers that make a difference
        """
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": prompt,
            "max_tokens": tokens,
            "temperature": 0,
            "stream": stream,
            "user": self.name,
        }
        if tier:
            body["service_tier"] = tier
        # Not every server keeps a connection after a stream.
        self.connection.close()
        began = time.perf_counter()
        self.connection.request("POST", "/v1/completions", json.dumps(body), HEADERS)
        try:
            response = self.connection.getresponse()
        except ConnectionError as problem:
            raise SystemExit(f"{self.server.name} has hung up: {problem}") from None
        if response.status != 200:
            raise SystemExit(f"{self.server.name}: {response.status} {response.read()[:500]!r}")
        texts = self._stream(response, began) if stream else self._whole(response, began, tokens)
        return Answer(began, tuple(texts), time.perf_counter() - began)

    def _whole(self, response: HTTPResponse, began: float, tokens: int) -> Iterator[float]:
        usage = json.loads(response.read())["usage"]
        if usage["completion_tokens"] != tokens:
            raise SystemExit(f"{self.server.name} has not written {tokens} tokens: {usage}")
        yield time.perf_counter() - began

    def _stream(self, response: HTTPResponse, began: float) -> Iterator[float]:
        finish = None
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            for choice in json.loads(line[6:])["choices"]:
                finish = choice["finish_reason"] or finish
                if choice["text"]:
                    yield time.perf_counter() - began
        if finish != "length":
            raise SystemExit(f"{self.server.name} has ended a stream with {finish!r}")

    def close(self) -> None:
        """Hang up, also in the middle of an answer."""
        self.connection.close()


@define
class Prompts:
    """Prompts of about one length, of which no two begin alike: nobody has computed a part."""

    characters: int
    pick: Random = field(factory=lambda: Random(1))
    known: Sequence[str] = field(factory=corpus.sentences)

    def __next__(self) -> str:
        letters = "".join(self.pick.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        sentences = " ".join(self.pick.sample(self.known, 1 + self.characters // 40))
        return f"{letters} {sentences}"[: self.characters]


@frozen
class Crowd:
    """What callers at once have had: the answers, and the seconds for all of them."""

    answers: Sequence[Answer]
    seconds: float


def crowd(
    server: Server, model: str, prompts: Sequence[Sequence[str]], tokens: int, *, stream: bool
) -> Crowd:
    """
    Callers at once.

    @param prompts: of each caller
    """
    answers: list[Answer] = []
    ready = threading.Barrier(len(prompts) + 1)

    def call(number: int, own: Sequence[str]) -> None:
        caller = Caller(server, model, f"caller {number}")
        ready.wait()
        answers.extend(caller.ask(prompt, tokens, stream=stream) for prompt in own)
        caller.close()

    with at_once([partial(call, *each) for each in enumerate(prompts)]) as results:
        ready.wait()
        begin = time.perf_counter()
        wait(results)
        seconds = time.perf_counter() - begin
    return Crowd(answers, seconds)


@contextmanager
def at_once(calls: Sequence[Callable[[], object]]) -> Iterator[Sequence[Future[object]]]:
    """Each call on a thread; at the end they are waited for, and what one raised is raised."""
    with ThreadPoolExecutor(len(calls)) as pool:
        results = [pool.submit(call) for call in calls]
        yield results
        for result in results:
            result.result()
