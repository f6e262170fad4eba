"""The language model of the daemon: loaded on the inference thread, shared by all who ask."""

import secrets
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.inference.answer_stream import AnswerStream
from mnemo.inference.catalogue import ModelBroken, ModelMissing
from mnemo.inference.chat import Template
from mnemo.inference.generation import (
    Completion,
    Finish,
    Generation,
    GenerationFailed,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
    Piece,
    TokenChoice,
    UnfitRequest,
)
from mnemo.inference.interfaces import IStepSource, Priority
from mnemo.inference.library import NoSuchGpu
from mnemo.inference.prompting import Prepared, prepare
from mnemo.inference.run import Event, PrepareStep, Room, Run, Step
from mnemo.inference.slots import Slots
from mnemo.inference.steps import CacheFull, DecodeStep, IGenerationBackend, Outcome
from mnemo.inference.thread import InferenceThread, ThreadStopped

ABSENT: Final = "the language model is not in memory"

Loaded = tuple[IGenerationBackend, Template]


@define(eq=False)
class Answer:
    """
    What is being made for a caller.

    @ivar asked: when, by the clock
    @ivar waited: seconds until its first step
    @ivar first: seconds until its first token
    """

    request: Generation
    on_text: Callable[[str], object] | None
    asked: float
    deferred: Deferred[Completion]
    run: Run | None = None
    timer: IDelayedCall | None = None
    stream: AnswerStream = field(factory=AnswerStream)
    choices: list[TokenChoice] = field(factory=list)
    tokens: int = 0
    waited: float | None = None
    first: float | None = None
    over: bool = False
    _told: int = field(default=0, init=False)  # of the choices

    def piece(self, text: str) -> str:
        """C{text} as it is told, with the choices that were not told yet if they are wanted."""
        if self.request.logprobs is None:
            return text
        choices, self._told = self.choices[self._told :], len(self.choices)
        return Piece.of(text, choices)


@implementer(IGenerator, IStepSource)
class LocalGenerator:
    """
    Loads the model on the inference thread, and offers the steps of its slots there.

    @ivar used: when the latest generation ended, by the clock; 0 before the first
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        load: Callable[[], IGenerationBackend],
        thread: InferenceThread,
        *,
        step_seconds: float,
        check: Callable[[], object] | None = None,
    ) -> None:
        """
        @param load: makes the backend, on the inference thread. The text of what it raises
            becomes L{problem}
        @param step_seconds: how long one step may take, as far as it can be cut
        @param check: done before C{load}, on another thread, so that nobody waits for it; it
            may raise what C{load} may
        """
        self.model: GeneratorInfo | None = None
        self.problem = ""
        self.used = 0.0
        self._reactor = reactor
        self._clock: IReactorTime = reactor
        self._load = load
        self._check = check
        self._thread = thread
        self._step_seconds = step_seconds
        self._backend: IGenerationBackend | None = None
        self._template: Template | None = None
        self._slots: Slots | None = None
        # The step that runs, and the one that follows it.
        self._steps: deque[Step] = deque()
        self._answers: dict[Run, Answer] = {}
        self._waiters: list[Deferred[None]] = []
        self._loading = False
        self._loads = 0

    @property
    def statistics(self) -> GeneratorStatistics:
        """Counters, as they are now."""
        slots = self._slots
        if slots is None:
            return GeneratorStatistics(loads=self._loads)
        return GeneratorStatistics(
            loads=self._loads,
            slots=slots.room.slots,
            running=slots.running,
            waiting_interactive=slots.waiting(Priority.INTERACTIVE),
            waiting_background=slots.waiting(Priority.BACKGROUND),
            steps=slots.steps,
            tokens=slots.tokens,
            prompt_tokens=slots.places.prompt_tokens,
            reused=slots.places.reused,
            cache_tokens=slots.places.cache.tokens,
        )

    def asked(self) -> list[tuple[Run, float]]:
        """What runs and waits, and when by the clock each of it was asked for."""
        runs = () if self._slots is None else self._slots.runs
        return [(run, self._answers[run].asked) for run in runs if run in self._answers]

    # -- life

    def start(self) -> Deferred[None]:
        """
        Take part in what the inference thread does, and load the model.

        @return: fires when the model is loaded, or cannot be and L{problem} says why
        """
        self._thread.add(self)
        loaded = self.load()
        loaded.addErrback(lambda failure: failure.trap(GeneratorUnavailable) and None)
        return loaded

    def stop(self) -> Deferred[None]:
        """Fail what waits and runs, and free the model. Fires when that is done."""
        return self.unload("mnemo is stopping")

    def load(self) -> Deferred[None]:
        """
        Have the model in memory. All who wait for it wait for one load.

        It fails with L{GeneratorUnavailable}.
        """
        if self.model is not None:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        if not self._loading:
            self._loading = True
            Deferred.fromCoroutine(self._load_now())
        return waiter

    def unload(self, problem: str = "") -> Deferred[None]:
        """
        Give the memory of the model back. What waits and runs fails.

        @param problem: why nothing can be generated from now on, if that is a problem
        @return: fires when the memory is free
        """
        return Deferred.fromCoroutine(self._unload(problem))

    # -- work

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """
        Have C{request} answered by the model, which has to be in memory.

        Cancelling the answer stops it at the next step. It fails with L{GeneratorUnavailable},
        L{UnfitRequest} or L{GenerationFailed}, and with C{TimeoutError} where the time is up.
        """
        deferred: Deferred[Completion] = Deferred(lambda _: self._end(answer, CancelledError()))
        answer = Answer(request, on_text, self._clock.seconds(), deferred)
        answer.timer = self._clock.callLater(request.timeout, self._too_late, answer)
        if self._slots is None or self.model is None:
            self._end(answer, GeneratorUnavailable(self.problem or ABSENT))
        else:
            self._submit(self._slots, answer)
        return deferred

    def _submit(self, slots: Slots, answer: Answer) -> None:
        request = answer.request
        if request.sampling.seed is None:
            # So that what the sampler is given says all of what it does.
            seeded = evolve(request.sampling, seed=secrets.randbits(32))
            request = evolve(request, sampling=seeded)
        try:
            run = slots.submit(request, request.max_tokens, request.priority, request.session)
        except (UnfitRequest, GeneratorUnavailable) as problem:
            self._end(answer, problem)
            return
        answer.run = run
        self._answers[run] = answer
        self._thread.wake()

    def _too_late(self, answer: Answer) -> None:
        answer.timer = None
        seconds = answer.request.timeout
        self._end(answer, TimeoutError(f"the answer was not complete within {seconds:g} seconds"))

    # -- steps

    def urgency(self) -> Priority | None:
        """The class of the step that could run now."""
        return None if self._slots is None else self._slots.urgency()

    def begin(self) -> Callable[[], Any]:
        """The step to run now."""
        assert self._slots is not None
        assert self._backend is not None
        assert self._template is not None
        step = self._slots.next_step()
        assert step is not None
        self._steps.append(step)
        if isinstance(step, PrepareStep):
            run = step.run
            return partial(prepare, self._backend, self._template, run.number, run.request)
        now = self._clock.seconds()
        for answer in self._answers.values():
            if answer.waited is None and answer.run is not None and answer.run.live:
                answer.waited = now - answer.asked
        return partial(_timed, self._clock.seconds, self._backend, step)

    def following(self) -> Callable[[], Any] | None:
        """The step to run after the one that runs, if that is known."""
        assert self._slots is not None
        assert self._backend is not None
        step = self._slots.following()
        if step is None:
            return None
        self._steps.append(step)
        return partial(_timed, self._clock.seconds, self._backend, step)

    def hurry(self) -> None:
        """Have what runs end with the pass of the model that runs."""
        for step in self._steps:
            if isinstance(step, DecodeStep):
                step.cut = True

    def done(self, result: Any) -> None:
        """The step has ended."""
        assert self._slots is not None
        step = self._steps.popleft()
        if isinstance(step, PrepareStep):
            self._prepared(self._slots, step, result)
            return
        for event in self._slots.finish(step, *result):
            self._take(event)

    def failed(self, problem: Exception) -> None:
        """The step has failed."""
        assert self._slots is not None
        step = self._steps.popleft()
        known = isinstance(problem, UnfitRequest | CacheFull)
        if not known:
            self.log.failure("the language model failed", Failure(problem))
            problem = GenerationFailed(f"the language model failed: {_one_line(problem)}")
        for event in self._slots.fail(step, problem):
            self._take(event)

    def _prepared(self, slots: Slots, step: PrepareStep, prepared: Prepared) -> None:
        answer = self._answers.get(step.run)
        try:
            slots.prepared(step, prepared.prompt)
        except UnfitRequest as problem:
            if answer is not None:
                self._end(answer, problem)
        if answer is not None:
            request = answer.request
            answer.stream = AnswerStream(request.stop, prepared.thinking, request.tools)

    def _take(self, event: Event) -> None:
        """Take what a step has brought into the answer, and tell it."""
        answer = self._answers.get(event.run)
        if answer is None:
            return
        if event.tokens and answer.first is None:
            answer.first = self._clock.seconds() - answer.asked
        sure, finish = [], None
        for token in event.tokens:
            if token.last:
                finish = "stop"
                break
            answer.tokens += 1
            if token.choice is not None:
                answer.choices.append(token.choice)
            sure.append(answer.stream.feed(token.piece))
            if answer.stream.stopped:
                finish = "stop"
                break
        if finish is None and event.run.over and event.failure is None:
            finish = "length"
        if finish is not None:
            sure.append(answer.stream.finish())
        self._tell(answer, "".join(sure))
        if event.failure is not None:
            self._end(answer, event.failure)
        elif finish is not None:
            self._complete(answer, "stop" if finish == "stop" else "length")

    def _tell(self, answer: Answer, text: str) -> None:
        if text and answer.on_text is not None:
            try:
                answer.on_text(answer.piece(text))
            except Exception:
                self.log.failure("who was told of generated text has failed")

    # -- ends

    def _complete(self, answer: Answer, finish: Finish) -> None:
        run = answer.run
        # Who was told of the text may have cancelled.
        if answer.over or run is None or self.model is None:
            return
        seconds = self._clock.seconds() - answer.asked
        logprobs = [choice.logprob for choice in answer.choices]
        completion = Completion(
            text=answer.stream.text,
            finish="tool_calls" if answer.stream.calls and finish == "stop" else finish,
            model=self.model.name,
            prompt_tokens=run.prompt,
            tokens=answer.tokens,
            reused=run.reused,
            logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            choices=tuple(answer.choices),
            tool_calls=answer.stream.calls,
            waited=answer.waited or 0.0,
            first=seconds if answer.first is None else answer.first,
            seconds=seconds,
        )
        self._forget(answer, keep=True)
        answer.deferred.callback(completion)

    def _end(self, answer: Answer, problem: Exception) -> None:
        """Fail an answer, unless it has ended."""
        if not answer.over:
            self._forget(answer, keep=False)
            answer.deferred.errback(problem)

    def _forget(self, answer: Answer, *, keep: bool) -> None:
        answer.over = True
        self.used = self._clock.seconds()
        if answer.timer is not None:
            answer.timer.cancel()
        if answer.run is not None and self._slots is not None:
            self._answers.pop(answer.run, None)
            self._slots.end(answer.run, keep=keep)
            self._thread.wake()

    # -- loading

    async def _load_now(self) -> None:
        problem: GeneratorUnavailable | None = None
        try:
            if self._check is not None:
                pool = self._reactor.getThreadPool()
                await deferToThreadPool(self._reactor, pool, self._check)
            self._take_up(*await self._thread.call(self._load_all))
        except Exception as error:
            problem = self._explain(error)
        self._loading = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if problem is None:
                waiter.callback(None)
            else:
                waiter.errback(problem)

    def _load_all(self) -> Loaded:
        backend = self._load()
        return backend, Template(backend.template, backend.bos, backend.eos, self._clock)

    def _take_up(self, backend: IGenerationBackend, template: Template) -> None:
        self._backend, self._template = backend, template
        self.model, self.problem = backend.info, ""
        self._loads += 1
        room = Room(
            slots=backend.slots,
            sequences=backend.sequences,
            capacity=backend.capacity,
            window=backend.info.window,
            batch=backend.batch,
            keeps=backend.keeps,
        )
        self._slots = Slots(room, self._step_seconds)
        self.used = self._clock.seconds()
        self.log.info(
            "language model {name} loaded on {device}, {slots} slots, {tokens} tokens",
            name=backend.info.name,
            device=backend.info.device,
            slots=backend.slots,
            tokens=backend.capacity,
        )

    def _explain(self, problem: Exception) -> GeneratorUnavailable:
        known = isinstance(problem, ModelMissing | ModelBroken | NoSuchGpu | ThreadStopped)
        text = str(problem) if known else f"the language model fails to load: {_one_line(problem)}"
        if text != self.problem:
            self.log.warn("no language model: {problem}", problem=text)
        self.problem = text
        return GeneratorUnavailable(text)

    async def _unload(self, problem: str) -> None:
        if self._loading:
            loaded: Deferred[None] = Deferred()
            self._waiters.append(loaded)
            await loaded.addErrback(lambda _: None)
        self.model = None
        self.problem = problem
        for answer in list(self._answers.values()):
            self._end(answer, GeneratorUnavailable(problem or ABSENT))
        backend = self._backend
        if backend is None:
            return
        try:
            await self._thread.call(backend.close)
        except ThreadStopped:
            pass
        except Exception:
            self.log.failure("the language model could not be freed")
        # Nobody may have asked for it again meanwhile and got another.
        if self._backend is backend:
            self._backend = self._template = self._slots = None


def _timed(
    now: Callable[[], float], backend: IGenerationBackend, step: DecodeStep
) -> tuple[Outcome, float]:
    started = now()
    outcome = backend.perform(step)
    return outcome, now() - started


def _one_line(problem: Exception) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
