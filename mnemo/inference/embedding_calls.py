"""The calls on a loaded embedding model: asked for, done in steps, answered."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    IEmbeddingBackend,
    Interrupted,
    Priority,
)
from mnemo.inference.jobs import Job, Step
from mnemo.inference.loader import ILoaded, one_line
from mnemo.inference.scheduler import Scheduler
from mnemo.inference.thread import InferenceThread


class EmbeddingFailed(EmbedderUnavailable):
    """There is a model, but it could not embed these texts."""


@implementer(ILoaded)
class EmbeddingCalls:
    """
    Offers the steps of a scheduler to the inference thread. On the reactor thread itself.

    @ivar scheduler: says what is done next
    """

    log = Logger()

    def __init__(
        self,
        backend: IEmbeddingBackend,
        clock: IReactorTime,
        thread: InferenceThread,
        step_seconds: float,
    ) -> None:
        """
        @param step_seconds: how long a background step may take
        """
        self.backend = backend
        self.scheduler = Scheduler(backend.info, backend.batch_tokens, step_seconds)
        self._clock = clock
        self._thread = thread
        # The step that runs, and the one that follows it.
        self._steps: deque[Step] = deque()
        self._answers: dict[Job, Deferred[Job]] = {}

    def ask(self, texts: Sequence[str], priority: Priority, session: str) -> Deferred[Job]:
        """
        Have C{texts}, at least one, embedded.

        It fails with L{EmbeddingFailed}. Cancelling it drops what has not started.
        """
        job = self.scheduler.submit(texts, priority, session)
        job.asked = self._clock.seconds()
        answer: Deferred[Job] = Deferred(lambda _: self._drop(job))
        self._answers[job] = answer
        if priority is Priority.INTERACTIVE and self.scheduler.interruptible:
            self.backend.interrupt()
        self._thread.wake()
        return answer

    def oldest(self, priority: Priority) -> float:
        """For how many seconds the call of a class waits that waits longest; 0 without any."""
        asked = [job.asked for job in self._answers if job.priority is priority]
        return self._clock.seconds() - min(asked) if asked else 0.0

    def give_up(self, reason: str) -> None:
        """Fail what waits and runs with L{EmbedderUnavailable}."""
        for job in list(self._answers):
            self._fail(job, EmbedderUnavailable(reason))

    def close(self) -> None:
        """Free the model."""
        self.backend.close()

    # -- steps

    def urgency(self) -> Priority | None:
        """The class of the step that could run now."""
        return self.scheduler.urgency()

    def begin(self) -> Callable[[], Any]:
        """The step to run now."""
        step = self.scheduler.next_step()
        assert step is not None
        return self._timed(step)

    def following(self) -> Callable[[], Any] | None:
        """The step to run after the one that runs, if there is one by now."""
        step = self.scheduler.following()
        return None if step is None else self._timed(step)

    def hurry(self) -> None:
        """Have the step that follows the one that runs not begin."""
        self.scheduler.hurry()

    def _timed(self, step: Step) -> Callable[[], tuple[Any, float]]:
        self._steps.append(step)
        backend, now = self.backend, self._clock.seconds

        def timed() -> tuple[Any, float]:
            started = now()
            result = step.run(backend)
            return result, now() - started

        return timed

    def done(self, result: tuple[Any, float]) -> None:
        """The step has ended."""
        step = self._steps.popleft()
        try:
            ended = self.scheduler.finish(step, *result)
        except Exception as problem:
            self._fail_step(step, problem)
            return
        for job in ended:
            answer = self._answers.pop(job, None)
            # The answer before it may have had this one cancelled.
            if answer is not None:
                answer.callback(job)

    def failed(self, problem: Exception) -> None:
        """The step has failed, and its jobs with it."""
        step = self._steps.popleft()
        if isinstance(problem, Interrupted):
            self.scheduler.put_back(step)
        else:
            self._fail_step(step, problem)

    def _fail_step(self, step: Step, problem: Exception) -> None:
        self.log.failure("the embedding model failed", Failure(problem))
        failed = EmbeddingFailed(f"the embedding model failed: {one_line(problem)}")
        for job in self.scheduler.fail(step):
            self._fail(job, failed)

    def _fail(self, job: Job, problem: Exception) -> None:
        answer = self._answers.get(job)
        if answer is not None:
            self._drop(job)
            answer.errback(problem)

    def _drop(self, job: Job) -> None:
        self._answers.pop(job, None)
        self.scheduler.drop(job)
