"""
What runs next on the embedding model. Plain state: no thread, no clock, no model.

A job is worked on in steps. One step runs at a time, and takes as much as it may of the jobs that
wait: interactive jobs before background ones, the sessions of a class in turn, the jobs of a
session in order. So an interactive job waits for one step of background work at most, and a
session that imports a thousand notes holds no other one up. Background jobs that were passed over
for long have a step as well.

Windows of like length are not sought out for a step: llama.cpp packs them without padding, so
that would make nothing faster. But a step that is full is, so of the windows of a job the longest
goes first that fits.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from mnemo.inference.interfaces import ModelInfo, Priority
from mnemo.inference.jobs import (
    EncodeStep,
    Job,
    Part,
    Piece,
    Step,
    TokenizeStep,
    WholeStep,
    jobs_of,
    make_job,
)
from mnemo.inference.windows import PIECE

LEAST: Final = 64
"""The fewest tokens that are worth a background step of their own; fewer take as long."""

PATIENCE: Final = 64
"""After so many interactive steps in a row there is one for the background jobs that wait."""

_LOOKED_AT: Final = 64  # of the jobs of a session, for one that fits
_WEIGHT: Final = 0.3  # of the newest measurement


class Scheduler:
    """
    The jobs of one loaded model.

    @ivar waiting: how many jobs of each class have not ended
    @ivar steps: how many steps have succeeded
    @ivar texts: how many texts have their vectors
    @ivar tokens: how many tokens were encoded, the model's own included
    """

    def __init__(
        self, model: ModelInfo, batch_tokens: int, step_seconds: float = float("inf")
    ) -> None:
        """
        @param batch_tokens: how many tokens one step may encode
        @param step_seconds: how long a background step may take, as far as the length of the
            windows lets it
        """
        self.waiting = dict.fromkeys(Priority, 0)
        self.steps = self.texts = self.tokens = 0
        self._model = model
        self._batch_tokens = batch_tokens
        self._step_seconds = step_seconds
        self._token_seconds = 0.0
        self._put_back = False
        self._passed_over = 0
        # The step that runs, and the one that follows it.
        self._steps: deque[Step] = deque()
        # The classes in the order of Priority; in each the sessions that have jobs, those whose
        # turn is next first.
        self._lanes: dict[Priority, OrderedDict[str, deque[Job]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def submit(self, texts: Sequence[str], priority: Priority, session: str) -> Job:
        """Have C{texts}, at least one, embedded."""
        job = make_job(texts, self._model.dimensions, priority, session)
        job.advance(self._model.window)
        self._lanes[priority].setdefault(session, deque()).append(job)
        self.waiting[priority] += 1
        return job

    def urgency(self) -> Priority | None:
        """The class of the step that could run now: None while one runs, or where no job waits."""
        if self._steps:
            return None
        return next((priority for priority, lane in self._lanes.items() if lane), None)

    def next_step(self) -> Step | None:
        """What to run now: None while a step runs, or where no job waits."""
        return None if self._steps else self._take()

    def following(self) -> EncodeStep | None:
        """
        What to run right after the step that runs, whatever that brings. C{None} where there is
        no such step, or one already.
        """
        if len(self._steps) != 1 or not isinstance(self._steps[0], EncodeStep):
            return None
        if self._background_is_due:
            return None
        step = self._take(tokenised=True)
        assert step is None or isinstance(step, EncodeStep)
        return step

    def hurry(self) -> None:
        """Have the step that follows not begin."""
        for step in islice(self._steps, 1, None):
            if isinstance(step, EncodeStep):
                step.cut = True

    def finish(self, step: Step, result: Any, seconds: float = 0.0) -> list[Job]:
        """
        The running step has succeeded.

        @param result: what its C{run} returned
        @param seconds: how long it took
        @return: the jobs that have ended with it
        """
        if result is None:
            self._return(step)
            return []
        encoded = step.keep(result)
        self._leave(step)
        self.steps += 1
        if encoded:
            self.tokens += encoded
            self._measure(seconds / encoded)
            if step.parts[0].job.priority is Priority.BACKGROUND:
                self._put_back = False
        for part in step.parts:
            part.job.taken -= 1
        jobs = jobs_of(step)
        for job in jobs:
            job.advance(self._model.window)
        ended = [job for job in jobs if job.done]
        for job in ended:
            self._end(job)
            self.texts += len(job.tokens)
        return ended

    @property
    def interruptible(self) -> bool:
        """Whether the running step may be interrupted: not the same work twice in a row."""
        step = self._steps[0] if self._steps else None
        return (
            isinstance(step, EncodeStep)
            and step.parts[0].job.priority is Priority.BACKGROUND
            and not self._put_back
        )

    def put_back(self, step: Step) -> None:
        """The running step was interrupted. What it held waits again."""
        self._return(step)
        self._put_back = True

    def fail(self, step: Step) -> list[Job]:
        """
        The running step has failed, and its jobs with it.

        @return: these jobs
        """
        self._leave(step)
        jobs = jobs_of(step)
        for job in jobs:
            self.drop(job)
        return jobs

    def drop(self, job: Job) -> None:
        """Forget a job. Of what runs already, the outcome is ignored."""
        if not job.over:
            self._end(job)

    # -- inside

    def _take(self, *, tokenised: bool | None = None) -> Step | None:
        """
        The next step, begun.

        @param tokenised: of what kind it has to be, if that matters
        """
        background = self._lanes[Priority.BACKGROUND]
        lane = next(filter(None, self._lanes.values()), None)
        if self._background_is_due:
            lane = background
        jobs = () if lane is None else (job for jobs in lane.values() for job in jobs if job.waits)
        first = next(iter(jobs), None)
        if lane is None or first is None or tokenised not in (None, first.tokenised):
            return None
        self._passed_over = self._passed_over + 1 if background and lane is not background else 0
        step = self._whole(first) or self._shared(lane, first)
        lane.move_to_end(first.session)
        self._steps.append(step)
        return step

    def _whole(self, job: Job) -> WholeStep | None:
        """The step that does all of C{job}, where that is a short text and nobody else waits."""
        alone = job.priority is Priority.INTERACTIVE and self.waiting[job.priority] == 1
        if job.tokenised or not (alone and job.is_short):
            return None
        piece = job.take(PIECE, any_cost=True)
        assert isinstance(piece, Piece)
        return WholeStep([piece], self._model.window)

    def _shared(self, lane: Mapping[str, deque[Job]], first: Job) -> Step:
        """
        A step of one part of each session in turn, again and again, until it is full.

        @param first: says of what kind
        """
        room = self._room(first)
        parts: list[Any] = []
        turns = deque(lane.values())
        while turns:
            turn = turns.popleft()
            part = _part(turn, first.tokenised, room, any_cost=not parts)
            if part is not None:
                parts.append(part)
                room -= part.cost
                turns.append(turn)
        return EncodeStep(parts) if first.tokenised else TokenizeStep(parts)

    @property
    def _background_is_due(self) -> bool:
        return bool(self._lanes[Priority.BACKGROUND]) and self._passed_over >= PATIENCE

    def _room(self, first: Job) -> int:
        """How much a step may cost that begins with C{first}, if its first part costs no more."""
        if not first.tokenised:
            return PIECE
        if first.priority is Priority.INTERACTIVE:
            return self._batch_tokens
        # Half a batch takes no longer by token, and whoever comes meanwhile waits half as long.
        half = self._batch_tokens // 2
        if half * self._token_seconds <= self._step_seconds:
            return half
        return min(half, max(LEAST, int(self._step_seconds / self._token_seconds)))

    def _measure(self, token_seconds: float) -> None:
        known = self._token_seconds or token_seconds
        self._token_seconds = known + _WEIGHT * (token_seconds - known)

    def _leave(self, step: Step) -> None:
        assert step is self._steps[0]
        self._steps.popleft()

    def _return(self, step: Step) -> None:
        self._leave(step)
        parts: Sequence[Part] = step.parts
        for part in reversed(parts):
            part.job.put_back(part)

    def _end(self, job: Job) -> None:
        job.over = True
        self.waiting[job.priority] -= 1
        lane = self._lanes[job.priority]
        jobs = lane[job.session]
        jobs.remove(job)
        if not jobs:
            del lane[job.session]


def _part(jobs: deque[Job], tokenised: bool, room: int, *, any_cost: bool) -> Part | None:
    """A part for a step, of a session's jobs that are as far as that."""
    for job in islice(jobs, _LOOKED_AT):
        if job.waits and job.tokenised is not tokenised:
            return None
        part = job.take(room, any_cost=any_cost)
        if part is not None:
            return part
    return None
