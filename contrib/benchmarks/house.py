"""mnemo's own store, model and tools around one store of a labelled set."""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from attrs import define, field, frozen
from labelled import UNDATED, Labelled, Question, moment
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater
from zope.interface import implementer

from mnemo import config_sources
from mnemo.inference.engine import Engine
from mnemo.inference.interfaces import (
    EngineStatistics,
    IEmbedder,
    ModelInfo,
    Priority,
)
from mnemo.inference.thread import InferenceThread
from mnemo.memory.memories import Memories
from mnemo.memory.query import Query, understand
from mnemo.memory.recall import CANDIDATES
from mnemo.memory.salience import INITIAL, fades
from mnemo.memory.weights import Weights
from mnemo.models import load_model
from mnemo.sessions.interfaces import Opening, Session
from mnemo.store.records import NewMemory
from mnemo.store.search import Candidate, Filter
from mnemo.store.sqlite.store import SqliteStore
from mnemo.tools.base import offer
from mnemo.tools.budget import MOST
from mnemo.tools.interfaces import CallContext, ITool
from mnemo.tools.recall import Recall
from mnemo.transfer.transfer import Transfer
from mnemo.waiting import in_thread

Vectors = NDArray[np.float32]

ASKED = 20
"""How many memories a recall asks for."""

_DAY = 86400.0
_BATCH = 64
_PAUSE = 0.1
"""Seconds between looks at an index that is behind."""

_LOOKS = 100

_SESSION = Session("s", "mcp", Opening("2025-11-25", "bench", "1", "local", ""), "", 0.0, 0.0)


@implementer(IEmbedder)
@define(eq=False)
class CachedEmbedder:
    """
    The engine, with what it made before kept in a file.

    @ivar directory: where the file lies
    """

    _thread: InferenceThread
    _engine: Engine
    directory: Path
    _known: dict[str, Vectors] = field(factory=dict, init=False)
    problem: str = field(default="", init=False)

    async def start(self) -> None:
        """Load the model, and what it made before."""
        self._thread.start()
        await self._engine.start()
        if self._engine.model is None:
            raise SystemExit(self._engine.problem)
        if self._file.exists():
            kept = np.load(self._file)
            self._known = dict(zip(kept["digests"].tolist(), kept["vectors"], strict=True))

    async def stop(self) -> None:
        """Keep what was made, and let go of the model."""
        self.directory.mkdir(parents=True, exist_ok=True)
        vectors = np.array(list(self._known.values()), np.float32)
        np.savez(self._file, digests=np.array(list(self._known)), vectors=vectors)
        await self._engine.stop()
        await self._thread.stop()

    @property
    def model(self) -> ModelInfo:
        """The loaded model."""
        model = self._engine.model
        assert model is not None
        return model

    @property
    def statistics(self) -> EngineStatistics:
        """The engine's."""
        return self._engine.statistics

    @property
    def _file(self) -> Path:
        return self.directory / f"{self.model.name.replace('/', '_')}.npz"

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[Vectors]:
        """The vectors of C{texts}."""
        return Deferred.fromCoroutine(self._embed(texts))

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {d: t for d, t in zip(digests, texts, strict=True) if d not in self._known}
        if new:
            made = await self._engine.embed(list(new.values()), Priority.BACKGROUND)
            self._known.update(zip(new, made, strict=True))
        return np.array([self._known[digest] for digest in digests])

    def on_ready(self, callback: Callable[[], object]) -> None:
        """There is a model."""
        callback()


def embedder(reactor: Any, cache: Path) -> CachedEmbedder:
    """The model that is configured."""
    settings = config_sources.load(os.environ).config
    thread = InferenceThread(reactor)
    return CachedEmbedder(
        thread, Engine(reactor, partial(load_model, settings, reactor.seconds), thread), cache
    )


@frozen
class Seconds:
    """What a search takes by words alone, by meaning alone, and by both."""

    text: float
    vector: float
    both: float


@frozen(eq=False)
class Case:
    """
    What the store proposes for a question.

    @ivar relevant: the ids of what answers it
    @ivar seconds: what the store took
    """

    question: Question
    query: Query
    now: float
    candidates: tuple[Candidate, ...]
    relevant: frozenset[str]
    seconds: Seconds


class House:
    """A store with the memories of a labelled one, and the recall tool on it."""

    def __init__(
        self, reactor: Any, directory: Path, embed: CachedEmbedder, labelled: Labelled
    ) -> None:
        self.labelled = labelled
        self._reactor = reactor
        self._embedder = embed
        self._store = SqliteStore(directory, reactor)
        self._clock = Clock()
        self._ids = frozenset(memory.id for memory in labelled.memories)
        self._memories = Memories(self._store, embed, self._clock)
        self._transfer = Transfer(self._memories, directory, partial(in_thread, reactor))

    async def start(self) -> None:
        """Fill it. It is asked a day after the last was said."""
        await self._store.start()
        await self._store.vectors.use_model(
            self._embedder.model.name, self._embedder.model.dimensions
        )
        at = 0.0
        added = []
        for said in self.labelled.memories:
            at = max(at + 0.001, moment(said.date) or UNDATED)
            added.append(
                self._store.add(
                    NewMemory(
                        id=said.id,
                        text=said.words,
                        type="general",
                        source="bench",
                        project="",
                        session=said.session,
                        salience=INITIAL["general"],
                        fades=fades("general", INITIAL["general"], at),
                        created=at,
                    )
                )
            )
        await gatherResults(added)
        while waiting := await self._store.vectors.unembedded(_BATCH):
            vectors = await self._embedder.embed([each.text for each in waiting])
            await self._store.vectors.put(list(zip(waiting, vectors, strict=True)))
        self._clock.advance(at + _DAY)
        while any((await self._store.self_test(self._clock.seconds())).values()):
            await deferLater(self._reactor, _PAUSE)
        await self._memories.start()

    async def stop(self) -> None:
        """Close it."""
        self._memories.stop()
        await self._store.stop()

    async def case(self, question: Question) -> Case:
        """What the store proposes, and how long it takes."""
        now = self._clock.seconds()
        (vector,) = await self._embedder.embed([question.text])
        _, by_text = await self._search(question.text, None, now)
        _, by_vector = await self._search("", vector, now)
        candidates, by_both = await self._search(question.text, vector, now)
        relevant = self._ids.intersection(question.relevant)
        query = understand(question.text, now)
        seconds = Seconds(by_text, by_vector, by_both)
        return Case(question, query, now, candidates, relevant, seconds)

    async def _search(
        self, text: str, vector: NDArray[np.float32] | None, now: float
    ) -> tuple[tuple[Candidate, ...], float]:
        for _ in range(_LOOKS):
            began = perf_counter()
            found = await self._store.search(text, vector, Filter(now=now), CANDIDATES)
            seconds = perf_counter() - began
            if not found.problems:
                return found.candidates, seconds
            await deferLater(self._reactor, _PAUSE)
        raise SystemExit("; ".join(found.problems))

    def tool(self, weights: Weights) -> ITool:
        """The recall tool, ranking by these weights."""
        self._memories.recalling._weights = weights
        return offer(Recall, self._memories, self._transfer, _resolve, _choose)


async def asked(tool: ITool, text: str) -> list[str]:
    """The ids that the tool answers."""
    arguments = {"query": text, "limit": ASKED, "max_tokens": MOST}
    answer = await tool.call(arguments, CallContext(_SESSION))
    if answer.is_error or answer.structured is None:
        raise SystemExit(f"recall failed: {answer.content}")
    degraded = answer.structured["degraded"]
    if degraded:
        raise SystemExit(f"recall is degraded: {degraded}")
    return [memory["id"] for memory in answer.structured["memories"]]


async def _resolve(hint: str) -> str:
    return hint


async def _choose(session: Session, project: str) -> None:
    raise NotImplementedError
