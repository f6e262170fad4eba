"""The embedding model of another server."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from attrs import define, evolve, field
from numpy.typing import NDArray
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.inference.breaker import Breaker
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    ModelInfo,
    Priority,
)
from mnemo.inference.remote import STOPPING
from mnemo.inference.remote_problems import AnswerBroken, RequestRefused, ServerDown
from mnemo.inference.remote_server import RemoteServer
from mnemo.inference.servers import ServerModel
from mnemo.inference.windows import normalised, pieces

RETRY_SECONDS: Final = 5.0
"""How often a server is asked that has not answered yet."""

START_SECONDS: Final = 3.0
"""How long a start waits for a server that is slow."""

TIMEOUT: Final = 60.0
"""Seconds for one request."""

WINDOW: Final = 512
"""How many tokens of a text the model is taken to have room for, where nobody says."""

AT_ONCE: Final = 32
"""Texts in one request."""

_CHARACTERS = 2
"""
How many of them are a token, at the least that is usual: a text is cut by them, since only the
server knows its tokens.
"""

_LONGEST = 64 * 1024 * 1024

Vectors = NDArray[np.float32]


@implementer(IEmbedder)
@define(eq=False)
class RemoteEmbedder:
    """
    Asks a server that has OpenAI's API for vectors.

    A text longer than the model's window is cut into pieces, and its vector is the mean of theirs,
    weighted by their length.
    """

    reactor: Any
    server: ServerModel
    chance: Callable[[], float] = random.random
    model: ModelInfo | None = field(default=None, init=False)
    _statistics: EngineStatistics = field(
        init=False, factory=lambda: EngineStatistics(0, 0, 0, 0, 0, 0)
    )
    _waiting: dict[Deferred[Vectors], Priority] = field(factory=dict, init=False)
    _callbacks: list[Callable[[], object]] = field(factory=list, init=False)
    _remote: RemoteServer = field(init=False)
    _retry: LoopingCall = field(init=False)
    _looking: Deferred[None] = field(factory=lambda: succeed(None), init=False)
    _said: str = field(default="", init=False)
    _stopping: bool = field(default=False, init=False)

    log = Logger()

    def __attrs_post_init__(self) -> None:
        self._remote = RemoteServer(self.reactor, self.server, self.chance)
        self._said = f"{self.server.host} has not been asked yet"
        self._retry = LoopingCall(self._look_again)
        self._retry.clock = self.reactor

    @property
    def breaker(self) -> Breaker:
        """Whether the server is left alone, and for how long."""
        return self._remote.breaker

    @property
    def problem(self) -> str:
        """Empty while the server is asked, else why it is not."""
        if self._stopping:
            return STOPPING
        return self._said if self.model is None else self._remote.problem

    @property
    def statistics(self) -> EngineStatistics:
        """Counters, as they are now. The server counts its steps and tokens, and does not say."""
        waiting = list(self._waiting.values())
        return evolve(
            self._statistics,
            waiting_interactive=waiting.count(Priority.INTERACTIVE),
            waiting_background=waiting.count(Priority.BACKGROUND),
        )

    def start(self) -> Deferred[None]:
        """
        Ask the server for its dimensions; while it does not answer, again and again.

        @return: fires when it has answered, or not, or takes longer than L{START_SECONDS}
        """
        asked: Deferred[None] = Deferred()

        def answered(result: Any) -> Any:
            if not asked.called:
                asked.callback(None)
            return result

        self._retry.start(RETRY_SECONDS)
        self._looking.addBoth(answered)
        return asked.addTimeout(START_SECONDS, self.reactor, lambda result, seconds: None)

    def stop(self) -> Deferred[None]:
        """Give up what runs, and close the connections."""
        return Deferred.fromCoroutine(self._stop())

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and when there is one."""
        self._callbacks.append(callback)
        if self.model is not None:
            self._announce(callback)

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[Vectors]:
        """The unit vectors of C{texts}, shape C{(len(texts), dimensions)}."""
        model = self.model
        if model is None:
            return fail(EmbedderUnavailable(self.problem))
        if not texts:
            return succeed(np.zeros((0, model.dimensions), np.float32))
        answer = Deferred.fromCoroutine(self._embed(texts, model.dimensions, counted))
        if not answer.called:
            self._waiting[answer] = priority
            answer.addBoth(self._ended, answer)
        return answer

    async def _stop(self) -> None:
        self._stopping = True
        self.model = None
        if self._retry.running:
            self._retry.stop()
        self._looking.cancel()
        for answer in list(self._waiting):
            answer.cancel()
        await self._remote.stop()

    def _look_again(self) -> Deferred[None]:
        self._looking = Deferred.fromCoroutine(self._look())
        return self._looking

    async def _look(self) -> None:
        try:
            vectors, _ = await self._vectors(["mnemo"])
        except (EmbedderUnavailable, CancelledError) as problem:
            if str(problem) != self._said and not self._stopping:
                self._said = str(problem)
                self.log.warn("no embeddings: {problem}", problem=self._said)
            return
        except Exception:
            self.log.failure("a server could not be asked")
            return
        if self._stopping or self.model is not None:
            return
        server = self.server
        self.model = ModelInfo(server.model, Path(), vectors.shape[1], server.window, server.host)
        self._statistics = evolve(self._statistics, loads=1)
        if self._retry.running:
            self._retry.stop()
        for callback in list(self._callbacks):
            self._announce(callback)

    async def _embed(
        self, texts: Sequence[str], dimensions: int, counted: Callable[[int], object] | None
    ) -> Vectors:
        longest = (self.server.window - 2) * _CHARACTERS
        parts = [(at, part) for at, text in enumerate(texts) for part in _parts(text, longest)]
        sums = np.zeros((len(texts), dimensions), np.float32)
        count = 0
        for start in range(0, len(parts), AT_ONCE):
            some = parts[start : start + AT_ONCE]
            vectors, tokens = await self._vectors([part for _, part in some])
            count += tokens
            if vectors.shape[1] != dimensions:
                raise EmbedderUnavailable(
                    f"{self.server.host} answers vectors of {vectors.shape[1]} dimensions, where"
                    f" they were {dimensions}: it has another model"
                )
            for (at, part), vector in zip(some, vectors, strict=True):
                sums[at] += vector * max(1, len(part))
        self._statistics = evolve(self._statistics, texts=self._statistics.texts + len(texts))
        if counted is not None:
            counted(count)
        return normalised(sums)

    async def _vectors(self, texts: Sequence[str]) -> tuple[Vectors, int]:
        """
        The unit vectors of texts that are short and few, as the server makes them, and how many
        tokens it says that they have.
        """
        content = {"model": self.server.model, "input": texts, "encoding_format": "float"}
        body = bytearray()

        def take(data: bytes) -> None:
            body.extend(data)
            if len(body) > _LONGEST:
                raise AnswerBroken(f"{self.server.host} answers more than {_LONGEST} bytes")

        try:
            await self._remote.send("/embeddings", content, TIMEOUT, take)
            vectors, tokens = _read(bytes(body), len(texts))
        except (ServerDown, RequestRefused, AnswerBroken, TimeoutError) as problem:
            raise EmbedderUnavailable(str(problem)) from None
        except CancelledError:
            if self._stopping:
                raise EmbedderUnavailable(STOPPING) from None
            raise
        except ValueError as problem:
            raise EmbedderUnavailable(f"{self.server.host} answers no vectors: {problem}") from None
        self._statistics = evolve(self._statistics, steps=self._statistics.steps + 1)
        return normalised(vectors), tokens

    def _ended(self, result: Any, answer: Deferred[Vectors]) -> Any:
        self._waiting.pop(answer, None)
        return result

    def _announce(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            self.log.failure("a listener for the embedding model failed")


def _parts(text: str, longest: int) -> Iterator[str]:
    """C{text} in parts; one that is blank is one part, since servers refuse what is empty."""
    found = False
    for part in pieces(text, longest):
        found = True
        yield part
    if not found:
        yield " "


def _read(body: bytes, count: int) -> tuple[Vectors, int]:
    """The vectors of an answer, and the tokens that it counts. Raises C{ValueError}."""
    try:
        answer = msgspec.json.decode(body)
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
        vectors = np.array([row["embedding"] for row in rows], np.float32)
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError) as problem:
        raise ValueError(repr(problem)) from None
    if vectors.ndim != 2 or len(vectors) != count or not vectors.any(axis=1).all():
        raise ValueError(f"shape {vectors.shape} for {count} texts")
    if not np.isfinite(vectors).all():
        raise ValueError("they are not finite")
    return vectors, tokens
