"""
The one thread that touches the models, and what runs there next.

Sources offer steps: the embedder, the generator. One step runs at a time, and when it has
ended the thread takes the most urgent that is offered then, the sources in turn where several
are as urgent. So what is interactive waits for one step at most, whatever waits behind it.
What is not urgent is passed over only so often, and then it has one step.

While nobody else has any, a source may have its next step follow without a word from the reactor:
so the thread goes on computing while those who wait are told of the step before. Whoever comes
meanwhile has what runs end early, and what was to follow not begin.
"""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from mnemo.inference.interfaces import IStepSource, Priority

PATIENCE: Final = 8
"""How many steps of others a source lets pass before it has one, urgent or not."""

STACK: Final = 64 * 1024 * 1024
"""The thread's stack, in bytes: some of llama.cpp's code for texts and grammars recurses."""

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")


class ThreadStopped(Exception):
    """The inference thread has been stopped, or was not started."""


class InferenceThread:
    """The owner of the thread. Everything but the steps themselves is on the reactor thread."""

    log = Logger()

    def __init__(self, reactor: IReactorTime, *, pool: ThreadPool | None = None) -> None:
        """
        @param reactor: an C{IReactorFromThreads} as well
        @param pool: the pool to use in place of one thread of its own; it is started and
            stopped as that would be
        """
        self._reactor = IReactorFromThreads(reactor)
        self._pool = pool
        self._running = False
        self._busy = False
        self._at_work: IStepSource | None = None
        self._idle: Deferred[None] | None = None
        self._calls: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        # Those whose turn is next first, and how often each has been passed over.
        self._sources: list[IStepSource] = []
        self._passed: dict[IStepSource, int] = {}
        # The class of the step that was chosen last.
        self._latest = Priority.INTERACTIVE

    def start(self) -> None:
        """Make the thread."""
        self._pool = self._pool or ThreadPool(1, 1, "mnemo-inference")
        # For the threads that are made from now on, which are those of the pool.
        before = threading.stack_size(STACK)
        try:
            self._pool.start()
        finally:
            threading.stack_size(before)
        self._running = True
        self.wake()

    def stop(self) -> Deferred[None]:
        """
        Take up no more steps, let the one that runs end, and end the thread.

        @return: fires when the thread has ended
        """
        return Deferred.fromCoroutine(self._stop())

    def add(self, source: IStepSource) -> None:
        """Run the steps of C{source} from now on."""
        self._sources.append(source)
        self._passed[source] = 0

    def remove(self, source: IStepSource) -> None:
        """Run no more steps of C{source}, of which none runs."""
        self._sources.remove(source)
        del self._passed[source]

    def wake(self) -> None:
        """There may be something to do: what runs makes haste."""
        if self._at_work is not None:
            self._at_work.hurry()
        if self._running and not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._work())

    def call(
        self,
        function: Callable[Arguments, Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Deferred[Answer]:
        """
        Call C{function} on the thread before any step, such as one that loads a model.

        It fails with L{ThreadStopped} where there is no thread.
        """
        if not self._running:
            return fail(ThreadStopped("the inference thread does not run"))
        answer: Deferred[Answer] = Deferred()
        self._calls.append((partial(function, *args, **kwargs), answer))
        self.wake()
        return answer

    # -- inside

    async def _work(self) -> None:
        """Run what there is, one after the other, until there is nothing."""
        while self._running:
            if self._calls:
                await self._make_call(*self._calls.popleft())
            elif (source := self._choose()) is not None:
                self._at_work = source
                await self._make_steps(source)
                self._at_work = None
            else:
                break
        self._busy = False
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.callback(None)

    async def _make_call(self, function: Callable[[], Any], answer: Deferred[Any]) -> None:
        try:
            result = await self._in_thread(function)
        except Exception:
            answer.errback()
        else:
            answer.callback(result)

    async def _make_steps(self, source: IStepSource) -> None:
        """Run a step of C{source}, and those that follow on it while nobody else has any."""
        running: Deferred[Any] | None = self._begin(source.begin)
        while running is not None:
            following = self._following(source)
            try:
                try:
                    result = await running
                except Exception as problem:
                    source.failed(problem)
                else:
                    source.done(result)
            except Exception:
                self.log.failure("a step of the inference thread ended in a defect")
            running = following

    def _begin(self, step: Callable[[], Callable[[], Any]]) -> Deferred[Any]:
        try:
            return self._in_thread(step())
        except Exception:
            return fail()

    def _following(self, source: IStepSource) -> Deferred[Any] | None:
        """The step that follows the one that runs."""
        others = (other.urgency() for other in self._sources if other is not source)
        if not self._running or self._calls or any(urgency is not None for urgency in others):
            return None
        step = source.following()
        return None if step is None else self._in_thread(step)

    def _choose(self) -> IStepSource | None:
        """The source whose step is next: the most urgent, or one that has waited long enough."""
        offers = {source: source.urgency() for source in self._sources}
        urgencies = {source: offer for source, offer in offers.items() if offer is not None}
        if not urgencies:
            return None
        patient = [source for source in urgencies if self._passed[source] >= PATIENCE]
        # Who is urgent is kept waiting by one of the patient, not by one after the other.
        if self._latest > min(urgencies.values()):
            patient = []
        chosen = patient[0] if patient else min(urgencies, key=urgencies.__getitem__)
        self._latest = urgencies[chosen]
        for source in urgencies:
            self._passed[source] += 1
        self._passed[chosen] = 0
        self._sources.remove(chosen)
        self._sources.append(chosen)
        return chosen

    def _in_thread(self, function: Callable[[], Answer]) -> Deferred[Answer]:
        assert self._pool is not None
        return deferToThreadPool(self._reactor, self._pool, function)

    async def _stop(self) -> None:
        if not self._running:
            return
        self._running = False
        if self._busy:
            self._idle = Deferred()
            await self._idle
        calls, self._calls = self._calls, deque()
        for _, answer in calls:
            answer.errback(ThreadStopped("the inference thread has been stopped"))
        assert self._pool is not None
        self._pool.stop()
