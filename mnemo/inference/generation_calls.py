"""The calls on a loaded language model: asked for, made in steps, answered."""

import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.inference.answer import Answer
from mnemo.inference.chat import Template
from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    GeneratorUnavailable,
    UnfitRequest,
)
from mnemo.inference.interfaces import Priority
from mnemo.inference.loader import ILoaded, one_line
from mnemo.inference.prompting import Prepared, prepare
from mnemo.inference.run import Event, PrepareStep, Room, Run, Step
from mnemo.inference.slots import Slots
from mnemo.inference.steps import CacheFull, DecodeStep, IGenerationBackend, Outcome
from mnemo.inference.thread import InferenceThread


@implementer(ILoaded)
class GenerationCalls:
    """
    Offers the steps of the slots to the inference thread. On the reactor thread itself.

    @ivar slots: say what is done next
    """

    log = Logger()

    def __init__(
        self,
        backend: IGenerationBackend,
        clock: IReactorTime,
        thread: InferenceThread,
        step_seconds: float,
    ) -> None:
        """
        @param step_seconds: how long one step may take, as far as it can be cut
        """
        self.backend = backend
        self.slots = Slots(Room.of(backend), step_seconds)
        self._template = Template(backend.template, backend.bos, backend.eos, clock)
        self._clock = clock
        self._thread = thread
        # The step that runs, and the one that follows it.
        self._steps: deque[Step] = deque()
        self._answers: dict[Run, Answer] = {}

    def ask(
        self, request: Generation, on_text: Callable[[str], object] | None
    ) -> Deferred[Completion]:
        """Have C{request} answered; see L{mnemo.inference.generation.IGenerator.generate}."""
        deferred: Deferred[Completion] = Deferred(lambda _: self._fail(answer, CancelledError()))
        answer = Answer(request, on_text, self._clock, deferred)
        answer.timer = self._clock.callLater(request.timeout, self._too_late, answer)
        if request.sampling.seed is None:
            # So that what the sampler is given says all of what it does.
            seeded = evolve(request.sampling, seed=secrets.randbits(32))
            request = evolve(request, sampling=seeded)
        try:
            run = self.slots.submit(request, request.max_tokens, request.priority, request.session)
        except (UnfitRequest, GeneratorUnavailable) as problem:
            self._fail(answer, problem)
        else:
            answer.run = run
            self._answers[run] = answer
            self._thread.wake()
        return deferred

    def asked(self) -> list[tuple[Run, float]]:
        """What runs and waits, in the order of turns, and when by the clock it was asked for."""
        runs = (run for run in self.slots.turns if run in self._answers)
        return [(run, self._answers[run].asked) for run in runs]

    def give_up(self, reason: str) -> None:
        """Fail what waits and runs with L{GeneratorUnavailable}."""
        for answer in list(self._answers.values()):
            self._fail(answer, GeneratorUnavailable(reason))

    def close(self) -> None:
        """Free the model."""
        self.backend.close()

    # -- steps

    def urgency(self) -> Priority | None:
        """The class of the step that could run now."""
        return self.slots.urgency()

    def begin(self) -> Callable[[], Any]:
        """The step to run now."""
        step = self.slots.next_step()
        assert step is not None
        self._steps.append(step)
        if isinstance(step, PrepareStep):
            run = step.run
            return partial(prepare, self.backend, self._template, run.number, run.request)
        now = self._clock.seconds()
        for answer in self._answers.values():
            if answer.waited is None and answer.run is not None and answer.run.live:
                answer.waited = now - answer.asked
        return partial(_timed, self._clock.seconds, self.backend, step)

    def following(self) -> Callable[[], Any] | None:
        """The step to run after the one that runs, if that is known."""
        step = self.slots.following()
        if step is None:
            return None
        self._steps.append(step)
        return partial(_timed, self._clock.seconds, self.backend, step)

    def hurry(self) -> None:
        """Have what runs end with the pass of the model that runs."""
        for step in self._steps:
            if isinstance(step, DecodeStep):
                step.cut = True

    def done(self, result: Any) -> None:
        """The step has ended."""
        step = self._steps.popleft()
        if isinstance(step, PrepareStep):
            self._prepared(step, result)
            return
        for event in self.slots.finish(step, *result):
            self._take(event)

    def failed(self, problem: Exception) -> None:
        """The step has failed."""
        step = self._steps.popleft()
        known = isinstance(problem, UnfitRequest | CacheFull)
        if not known:
            self.log.failure("the language model failed", Failure(problem))
            problem = GenerationFailed(f"the language model failed: {one_line(problem)}")
        for event in self.slots.fail(step, problem):
            self._take(event)

    def _prepared(self, step: PrepareStep, prepared: Prepared) -> None:
        answer = self._answers.get(step.run)
        try:
            self.slots.prepared(step, prepared.prompt)
        except UnfitRequest as problem:
            if answer is not None:
                self._fail(answer, problem)
        if answer is not None:
            answer.prepared(prepared.thinking)

    def _take(self, event: Event) -> None:
        answer = self._answers.get(event.run)
        if answer is None:
            return
        finish = answer.take(event)
        if event.failure is not None:
            self._fail(answer, event.failure)
        # Who was told of the text may have cancelled.
        elif finish is not None and not answer.over:
            completion = answer.completion(self.backend.info.name, event.run, finish)
            self._end(answer, keep=True)
            answer.deferred.callback(completion)

    # -- ends

    def _too_late(self, answer: Answer) -> None:
        answer.timer = None
        seconds = answer.request.timeout
        self._fail(answer, TimeoutError(f"the answer was not complete within {seconds:g} seconds"))

    def _fail(self, answer: Answer, problem: Exception) -> None:
        """Fail an answer, unless it has ended."""
        if not answer.over:
            self._end(answer, keep=False)
            answer.deferred.errback(problem)

    def _end(self, answer: Answer, *, keep: bool) -> None:
        answer.over = True
        if answer.timer is not None:
            answer.timer.cancel()
        if answer.run is not None:
            self._answers.pop(answer.run, None)
            self.slots.end(answer.run, keep=keep)
            self._thread.wake()


def _timed(
    now: Callable[[], float], backend: IGenerationBackend, step: DecodeStep
) -> tuple[Outcome, float]:
    started = now()
    outcome = backend.perform(step)
    return outcome, now() - started
