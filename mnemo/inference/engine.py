"""The embedder of the daemon: a model of this process, looked for until it is there."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mnemo.inference.embedding_calls import EmbeddingCalls
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    IEmbeddingBackend,
    ModelInfo,
    Priority,
)
from mnemo.inference.jobs import Job
from mnemo.inference.loader import Loader, NotLoaded
from mnemo.inference.query_cache import QueryCache
from mnemo.inference.retrying import Retrying
from mnemo.inference.thread import InferenceThread

Vectors = NDArray[np.float32]


@implementer(IEmbedder)
class Engine:
    """Loads the model on the inference thread, and remembers the vectors of recent queries."""

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        load: Callable[[], IEmbeddingBackend],
        thread: InferenceThread,
        *,
        step_seconds: float = float("inf"),
    ) -> None:
        """
        @param load: makes the backend, on the inference thread. The text of what it raises
            becomes L{problem}
        @param step_seconds: how long a background step may take
        """

        def make() -> EmbeddingCalls:
            return EmbeddingCalls(load(), reactor, thread, step_seconds)

        self.model: ModelInfo | None = None
        self.problem = "the embedding model is being loaded"
        self._loader = Loader(reactor, thread, "embedding", make, self._take_up)
        self._retrying = Retrying(reactor, lambda: Deferred.fromCoroutine(self._try_to_load()))
        self._cache = QueryCache()
        self._callbacks: list[Callable[[], object]] = []
        self._stopping = False

    @property
    def statistics(self) -> EngineStatistics:
        """Counters, as they are now."""
        loads, calls = self._loader.loads, self._loader.model
        if calls is None:
            return EngineStatistics(loads, 0, 0, 0, 0, 0)
        scheduler = calls.scheduler
        return EngineStatistics(
            loads=loads,
            waiting_interactive=scheduler.waiting[Priority.INTERACTIVE],
            waiting_background=scheduler.waiting[Priority.BACKGROUND],
            steps=scheduler.steps,
            texts=scheduler.texts,
            tokens=scheduler.tokens,
            remembered=self._cache.hits,
            missed=self._cache.misses,
            oldest_interactive=calls.oldest(Priority.INTERACTIVE),
            oldest_background=calls.oldest(Priority.BACKGROUND),
        )

    # -- life

    def start(self) -> Deferred[None]:
        """
        Load the model on the inference thread, which runs.

        @return: fires when the model is loaded, or cannot be and L{problem} says why. It is
            then looked for, as L{Retrying} does
        """
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """
        Fail what waits, let the running step end and free the model.

        @return: fires when the model is freed
        """
        return Deferred.fromCoroutine(self._stop())

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and each time one has been loaded."""
        self._callbacks.append(callback)
        if self.model is not None:
            self._announce(callback)

    # -- work

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[Vectors]:
        """
        The unit vectors of C{texts}, shape C{(len(texts), dimensions)}.

        It fails with L{EmbedderUnavailable} where there is no model, and with
        L{mnemo.inference.embedding_calls.EmbeddingFailed} where the model fails. Cancelling it
        drops what has not started.
        """
        calls = self._loader.model
        if calls is None or self.model is None:
            return fail(EmbedderUnavailable(self.problem))
        if not texts:
            return succeed(np.zeros((0, self.model.dimensions), np.float32))
        interactive = priority is Priority.INTERACTIVE
        if interactive and (known := self._cache.find(texts)) is not None:
            vectors, count = known
            if counted is not None:
                counted(count)
            return succeed(vectors)
        query = list(texts) if interactive else None
        return calls.ask(texts, priority, session).addCallback(self._answer, query, counted)

    def _answer(
        self, job: Job, query: list[str] | None, counted: Callable[[int], object] | None
    ) -> Vectors:
        vectors = job.vectors
        if counted is not None:
            counted(sum(job.counts))
        if query is not None:
            self._cache.keep(query, vectors, job.counts)
        return vectors

    # -- loading

    async def _start(self) -> None:
        await self._try_to_load()
        if self.model is None and not self._stopping:
            self._retrying.start()

    async def _try_to_load(self) -> None:
        try:
            await self._loader.load()
        except NotLoaded as problem:
            self._retrying.suspect = problem.path
            if str(problem) != self.problem and not self._stopping:
                self.problem = str(problem)
                self.log.warn("no embeddings: {problem}", problem=self.problem)

    def _take_up(self, calls: EmbeddingCalls) -> None:
        if self._stopping:
            return
        info = calls.backend.info
        self.model, self.problem = info, ""
        self.log.info(
            "embedding model {name} loaded on {device}", name=info.name, device=info.device
        )
        self._retrying.stop()
        for callback in list(self._callbacks):
            self._announce(callback)

    def _announce(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            self.log.failure("a listener for the embedding model failed")

    async def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.model = None
        self.problem = "mnemo is stopping"
        self._retrying.stop()
        if self._loader.model is not None:
            self._loader.model.give_up(self.problem)
        await self._loader.free()
