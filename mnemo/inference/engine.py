"""The embedder of the daemon: a model on a thread of its own, and the scheduler before it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken, ModelMissing
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    IEmbeddingBackend,
    ModelInfo,
    Priority,
)
from mnemo.inference.library import NoSuchGpu
from mnemo.inference.scheduler import Job, Scheduler, Step

RETRY_SECONDS: Final = 5.0
"""How often a model that could not be loaded is looked for."""

Vectors = NDArray[np.float32]
Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class EmbeddingFailed(EmbedderUnavailable):
    """There is a model, but it could not embed these texts."""


@implementer(IEmbedder)
class Engine:
    """
    Loads the model on its own thread, and runs one step at a time there.

    The scheduler lives on the reactor thread. The thread never has more than one call to
    make, so what comes next is chosen when that has ended.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        load: Callable[[], IEmbeddingBackend],
        *,
        pool: ThreadPool | None = None,
    ) -> None:
        """
        @param reactor: an C{IReactorFromThreads} as well
        @param load: makes the backend, on the inference thread. The text of what it raises
            becomes L{problem}
        @param pool: the pool to use in place of one thread of its own; L{start} starts it and
            L{stop} stops it
        """
        self.model: ModelInfo | None = None
        self.problem = "the embedding model is being loaded"
        self._reactor = IReactorFromThreads(reactor)
        self._load = load
        self._pool = pool
        self._backend: IEmbeddingBackend | None = None
        self._scheduler: Scheduler | None = None
        self._answers: dict[Job, Deferred[Vectors]] = {}
        self._callbacks: list[Callable[[], object]] = []
        self._loads = 0
        self._stopping = False
        self._busy = False
        self._idle: Deferred[None] | None = None
        # The file that could not be loaded, and how it was before the last attempt.
        self._suspect: Path | None = None
        self._seen: object = None
        self._retry = LoopingCall(self._look_again)
        self._retry.clock = reactor

    @property
    def statistics(self) -> EngineStatistics:
        """Counters, as they are now."""
        if self._scheduler is None:
            return EngineStatistics(self._loads, 0, 0, 0, 0, 0)
        return EngineStatistics(
            loads=self._loads,
            waiting_interactive=self._scheduler.waiting[Priority.INTERACTIVE],
            waiting_background=self._scheduler.waiting[Priority.BACKGROUND],
            steps=self._scheduler.steps,
            texts=self._scheduler.texts,
            tokens=self._scheduler.tokens,
        )

    # -- life

    def start(self) -> Deferred[None]:
        """
        Make the thread, and load the model there.

        @return: fires when the model is loaded, or cannot be and L{problem} says why. It is
            then looked for every L{RETRY_SECONDS}
        """
        self._pool = self._pool or ThreadPool(1, 1, "mnemo-inference")
        self._pool.start()
        loaded = Deferred.fromCoroutine(self._try_to_load())
        loaded.addCallback(self._watch)
        return loaded

    def stop(self) -> Deferred[None]:
        """
        Fail what waits, let the running step end, free the model and end the thread.

        @return: fires when the thread has ended
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
    ) -> Deferred[Vectors]:
        """
        The unit vectors of C{texts}, shape C{(len(texts), dimensions)}.

        It fails with L{EmbedderUnavailable} where there is no model, and with
        L{EmbeddingFailed} where the model fails. Cancelling it drops what has not started.
        """
        if self._scheduler is None or self.model is None:
            return fail(EmbedderUnavailable(self.problem))
        if not texts:
            return succeed(np.zeros((0, self.model.dimensions), np.float32))
        job = self._scheduler.submit(texts, priority, session)
        answer: Deferred[Vectors] = Deferred(lambda _: self._drop(job))
        self._answers[job] = answer
        if not self._busy:
            Deferred.fromCoroutine(self._work(self._scheduler))
        return answer

    async def _work(self, scheduler: Scheduler) -> None:
        """Run steps until no job waits."""
        with self._thread_in_use():
            while (step := scheduler.next_step()) is not None:
                await self._perform(scheduler, step)

    async def _perform(self, scheduler: Scheduler, step: Step) -> None:
        assert self._backend is not None
        try:
            result = await self._in_thread(step.run, self._backend)
            ended = scheduler.finish(step, result)
        except Exception as problem:
            self.log.failure("the embedding model failed")
            failed = EmbeddingFailed(f"the embedding model failed: {_one_line(problem)}")
            for job in scheduler.fail(step):
                self._fail(job, failed)
        else:
            for job in ended:
                answer = self._answers.pop(job, None)
                # The answer before it may have had this one cancelled.
                if answer is not None:
                    answer.callback(job.vectors)

    def _fail(self, job: Job, problem: Exception) -> None:
        answer = self._answers.get(job)
        if answer is not None:
            self._drop(job)
            answer.errback(problem)

    def _drop(self, job: Job) -> None:
        self._answers.pop(job, None)
        assert self._scheduler is not None
        self._scheduler.drop(job)

    # -- loading

    async def _try_to_load(self) -> None:
        with self._thread_in_use():
            try:
                self._backend = await self._in_thread(self._load)
            except Exception as problem:
                self._explain(problem)
            else:
                if not self._stopping:
                    self._take_up(self._backend)

    def _take_up(self, backend: IEmbeddingBackend) -> None:
        self.model = backend.info
        self.problem = ""
        self._loads += 1
        self._scheduler = Scheduler(backend.info, backend.batch_tokens)
        self.log.info(
            "embedding model {name} loaded on {device}",
            name=backend.info.name,
            device=backend.info.device,
        )
        if self._retry.running:
            self._retry.stop()
        for callback in list(self._callbacks):
            self._announce(callback)

    def _explain(self, problem: Exception) -> None:
        self._suspect = getattr(problem, "path", None)
        known = isinstance(problem, ModelMissing | ModelBroken | NoSuchGpu)
        text = str(problem) if known else f"the embedding model fails to load: {_one_line(problem)}"
        if text != self.problem and not self._stopping:
            self.problem = text
            self.log.warn("no embeddings: {problem}", problem=text)

    def _announce(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            self.log.failure("a listener for the embedding model failed")

    def _watch(self, _: None) -> None:
        if self.model is None and not self._stopping:
            self._retry.start(RETRY_SECONDS, now=False)

    def _look_again(self) -> None:
        """Try again, unless the file that could not be loaded is as it was before that."""
        seen = _look_at(self._suspect)
        if not self._busy and (seen is None or seen != self._seen):
            self._seen = seen
            Deferred.fromCoroutine(self._try_to_load())

    # -- the thread

    @contextmanager
    def _thread_in_use(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            idle, self._idle = self._idle, None
            if idle is not None:
                idle.callback(None)

    def _in_thread(
        self,
        function: Callable[Arguments, Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Deferred[Answer]:
        assert self._pool is not None
        return deferToThreadPool(self._reactor, self._pool, function, *args, **kwargs)

    async def _stop(self) -> None:
        if self._pool is None or self._stopping:
            return
        self._stopping = True
        self.model = None
        self.problem = "mnemo is stopping"
        if self._retry.running:
            self._retry.stop()
        for job in list(self._answers):
            self._fail(job, EmbedderUnavailable(self.problem))
        if self._busy:
            self._idle = Deferred()
            await self._idle
        if self._backend is not None:
            try:
                await self._in_thread(self._backend.close)
            except Exception:
                self.log.failure("the embedding model could not be freed")
        self._pool.stop()


def _look_at(path: Path | None) -> object:
    """How a file is now, to see whether it changes. None where there is no file to look at."""
    if path is None:
        return None
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _one_line(problem: Exception) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
