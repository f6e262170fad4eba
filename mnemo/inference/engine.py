"""The embedder of the daemon: a model on the inference thread, and the scheduler before it."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken, ModelMissing
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    IEmbeddingBackend,
    Interrupted,
    IStepSource,
    ModelInfo,
    Priority,
)
from mnemo.inference.jobs import Job, Step
from mnemo.inference.library import NoSuchGpu
from mnemo.inference.query_cache import QueryCache
from mnemo.inference.scheduler import Scheduler
from mnemo.inference.thread import InferenceThread, ThreadStopped

RETRY_SECONDS: Final = 5.0
"""How often a model that could not be loaded is looked for."""

Vectors = NDArray[np.float32]


class EmbeddingFailed(EmbedderUnavailable):
    """There is a model, but it could not embed these texts."""


@implementer(IEmbedder, IStepSource)
class Engine:
    """
    Loads the model on the inference thread, and offers the steps of its scheduler there.

    The scheduler lives on the reactor thread.
    """

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
        self.model: ModelInfo | None = None
        self.problem = "the embedding model is being loaded"
        self._clock = reactor
        self._load = load
        self._thread = thread
        self._step_seconds = step_seconds
        self._backend: IEmbeddingBackend | None = None
        self._scheduler: Scheduler | None = None
        # The step that runs, and the one that follows it.
        self._steps: deque[Step] = deque()
        self._cache = QueryCache()
        self._answers: dict[Job, Deferred[Vectors]] = {}
        self._callbacks: list[Callable[[], object]] = []
        self._loads = 0
        self._stopping = False
        self._loading = False
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
            remembered=self._cache.hits,
            missed=self._cache.misses,
            oldest_interactive=self._oldest(Priority.INTERACTIVE),
            oldest_background=self._oldest(Priority.BACKGROUND),
        )

    def _oldest(self, priority: Priority) -> float:
        asked = [job.asked for job in self._answers if job.priority is priority]
        return self._clock.seconds() - min(asked) if asked else 0.0

    # -- life

    def start(self) -> Deferred[None]:
        """
        Load the model on the inference thread, which runs.

        @return: fires when the model is loaded, or cannot be and L{problem} says why. It is
            then looked for every L{RETRY_SECONDS}
        """
        self._thread.add(self)
        loaded = Deferred.fromCoroutine(self._try_to_load())
        loaded.addCallback(self._watch)
        return loaded

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
        L{EmbeddingFailed} where the model fails. Cancelling it drops what has not started.
        """
        if self._scheduler is None or self.model is None:
            return fail(EmbedderUnavailable(self.problem))
        if not texts:
            return succeed(np.zeros((0, self.model.dimensions), np.float32))
        interactive = priority is Priority.INTERACTIVE
        if interactive and (known := self._cache.find(texts)) is not None:
            vectors, count = known
            if counted is not None:
                counted(count)
            return succeed(vectors)
        job = self._scheduler.submit(texts, priority, session)
        job.asked = self._clock.seconds()
        answer: Deferred[Vectors] = Deferred(lambda _: self._drop(job))
        self._answers[job] = answer
        if interactive and self._scheduler.interruptible and self._backend is not None:
            self._backend.interrupt()
        if counted is not None:
            answer.addCallback(_count, job, counted)
        if interactive:
            answer.addCallback(self._remember, self._cache, list(texts), job)
        self._thread.wake()
        return answer

    def _remember(self, vectors: Vectors, cache: QueryCache, texts: list[str], job: Job) -> Vectors:
        cache.keep(texts, vectors, job.counts)
        return vectors

    # -- steps

    def urgency(self) -> Priority | None:
        """The class of the step that could run now."""
        return None if self._scheduler is None else self._scheduler.urgency()

    def begin(self) -> Callable[[], Any]:
        """The step to run now."""
        assert self._scheduler is not None
        step = self._scheduler.next_step()
        assert step is not None
        return self._timed(step)

    def following(self) -> Callable[[], Any] | None:
        """The step to run after the one that runs, if there is one by now."""
        assert self._scheduler is not None
        step = self._scheduler.following()
        return None if step is None else self._timed(step)

    def hurry(self) -> None:
        """Have the step that follows the one that runs not begin."""
        if self._scheduler is not None:
            self._scheduler.hurry()

    def _timed(self, step: Step) -> Callable[[], tuple[Any, float]]:
        assert self._backend is not None
        self._steps.append(step)
        backend, now = self._backend, self._clock.seconds

        def timed() -> tuple[Any, float]:
            started = now()
            result = step.run(backend)
            return result, now() - started

        return timed

    def done(self, result: tuple[Any, float]) -> None:
        """The step has ended."""
        assert self._scheduler is not None
        step = self._steps.popleft()
        try:
            ended = self._scheduler.finish(step, *result)
        except Exception as problem:
            self._fail_step(self._scheduler, step, problem)
            return
        for job in ended:
            answer = self._answers.pop(job, None)
            # The answer before it may have had this one cancelled.
            if answer is not None:
                answer.callback(job.vectors)

    def failed(self, problem: Exception) -> None:
        """The step has failed, and its jobs with it."""
        assert self._scheduler is not None
        step = self._steps.popleft()
        if isinstance(problem, Interrupted):
            self._scheduler.put_back(step)
        else:
            self._fail_step(self._scheduler, step, problem)

    def _fail_step(self, scheduler: Scheduler, step: Step, problem: Exception) -> None:
        self.log.failure("the embedding model failed", Failure(problem))
        failed = EmbeddingFailed(f"the embedding model failed: {_one_line(problem)}")
        for job in scheduler.fail(step):
            self._fail(job, failed)

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
        self._loading = True
        try:
            self._backend = await self._thread.call(self._load)
        except Exception as problem:
            self._explain(problem)
        else:
            if not self._stopping:
                self._take_up(self._backend)
        finally:
            self._loading = False

    def _take_up(self, backend: IEmbeddingBackend) -> None:
        self.model = backend.info
        self.problem = ""
        self._loads += 1
        self._scheduler = Scheduler(backend.info, backend.batch_tokens, self._step_seconds)
        self._cache = QueryCache()
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
        if not self._loading and (seen is None or seen != self._seen):
            self._seen = seen
            Deferred.fromCoroutine(self._try_to_load())

    async def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.model = None
        self.problem = "mnemo is stopping"
        if self._retry.running:
            self._retry.stop()
        for job in list(self._answers):
            self._fail(job, EmbedderUnavailable(self.problem))
        try:
            await self._thread.call(self._free)
        except ThreadStopped:
            pass
        except Exception:
            self.log.failure("the embedding model could not be freed")

    def _free(self) -> None:
        # Looked at on the thread: by now a load that was under way has ended.
        if self._backend is not None:
            self._backend.close()


def _count(vectors: Vectors, job: Job, counted: Callable[[int], object]) -> Vectors:
    counted(sum(job.counts))
    return vectors


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
