"""
What runs next on the model. Plain state: no thread, no clock, no model.

A job is the texts of one call. It is worked on in steps: first the pieces of its texts are
tokenised, then the windows of their tokens are encoded. One step runs at a time, and takes as
much as it may of the jobs that wait: interactive jobs before background ones, the sessions of
a class in turn, the jobs of a session in order. So an interactive job waits for one step of
background work at most, and a session that imports a thousand notes holds no other one up.

Windows of like length are not sought out for a step: llama.cpp packs them without padding, so
that would make nothing faster.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from attrs import Factory, define, frozen
from numpy.typing import NDArray

from mnemo.inference.interfaces import IEmbeddingBackend, ModelInfo, Priority
from mnemo.inference.windows import PIECE, cost, normalised, pieces, weighted, windows

_EACH_PIECE: Final = 64

LEAST: Final = 64
"""The fewest tokens that are worth a background step of their own; fewer take as long."""

_WEIGHT: Final = 0.3  # of the newest measurement


@define(eq=False)
class Job:
    """
    Texts to embed, and how far that has come.

    @ivar tokens: of each text
    @ivar sums: for each text the sum of its weighted windows, until L{vectors} is made of it
    @ivar parts: what no step has taken yet: pieces, or windows once all is tokenised
    @ivar over: whether it has its vectors, has failed or was cancelled
    @ivar asked: when it was asked for, by whatever clock that has
    """

    priority: Priority
    session: str
    tokens: list[list[int]]
    sums: NDArray[np.float32]
    parts: "deque[Piece] | deque[Window]" = Factory(deque)
    tokenised: bool = False
    over: bool = False
    asked: float = 0.0

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The unit vector of each text, once the job has ended."""
        return normalised(self.sums)


@frozen(eq=False)
class Piece:
    """A part of a text of C{job}, the text with this number."""

    job: Job
    number: int
    text: str

    @property
    def cost(self) -> int:
        """In characters, and as many as make up for the handling of a short piece."""
        return len(self.text) + _EACH_PIECE


@frozen(eq=False)
class Window:
    """A window of tokens of a text of C{job}, the text with this number."""

    job: Job
    number: int
    tokens: Sequence[int]

    @property
    def cost(self) -> int:
        """In tokens."""
        return cost(self.tokens)


@frozen(eq=False)
class TokenizeStep:
    """A step that tokenises pieces."""

    parts: Sequence[Piece]

    def run(self, backend: IEmbeddingBackend) -> list[list[int]]:
        """Do it, on the inference thread."""
        return [backend.tokenize(piece.text) for piece in self.parts]

    def keep(self, result: list[list[int]]) -> None:
        """Take what L{run} returned into the jobs."""
        for piece, tokens in zip(self.parts, result, strict=True):
            piece.job.tokens[piece.number] += tokens


@frozen(eq=False)
class EncodeStep:
    """A step that encodes windows."""

    parts: Sequence[Window]

    def run(self, backend: IEmbeddingBackend) -> NDArray[np.float32]:
        """Do it, on the inference thread."""
        tokens = [window.tokens for window in self.parts]
        return weighted(backend.encode(tokens), tokens)

    def keep(self, result: NDArray[np.float32]) -> None:
        """Take what L{run} returned into the jobs."""
        for window, vector in zip(self.parts, result, strict=True):
            window.job.sums[window.number] += vector


Step = TokenizeStep | EncodeStep


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
        self._running: Step | None = None
        # The classes in the order of Priority; in each the sessions that have jobs, those whose
        # turn is next first.
        self._lanes: dict[Priority, OrderedDict[str, deque[Job]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def submit(self, texts: Sequence[str], priority: Priority, session: str) -> Job:
        """Have C{texts}, at least one, embedded."""
        sums = np.zeros((len(texts), self._model.dimensions), np.float32)
        job = Job(priority, session, [[] for _ in texts], sums)
        job.parts = deque(
            Piece(job, number, piece)
            for number, text in enumerate(texts)
            for piece in pieces(text, PIECE)
        )
        self._advance(job)
        self._lanes[priority].setdefault(session, deque()).append(job)
        self.waiting[priority] += 1
        return job

    def urgency(self) -> Priority | None:
        """The class of the step that could run now: None while one runs, or where no job waits."""
        if self._running is not None:
            return None
        return next((priority for priority, lane in self._lanes.items() if lane), None)

    def next_step(self) -> Step | None:
        """What to run now: None while a step runs, or where no job waits."""
        if self._running is not None:
            return None
        lane = next(filter(None, self._lanes.values()), None)
        self._running = self._take(lane) if lane else None
        return self._running

    def finish(self, step: Step, result: Any, seconds: float = 0.0) -> list[Job]:
        """
        The running step has succeeded.

        @param result: what its C{run} returned
        @param seconds: how long it took
        @return: the jobs that have ended with it
        """
        assert step is self._running
        step.keep(result)
        self._running = None
        self.steps += 1
        if isinstance(step, EncodeStep):
            tokens = sum(window.cost for window in step.parts)
            self.tokens += tokens
            self._measure(seconds / tokens)
            if step.parts[0].job.priority is Priority.BACKGROUND:
                self._put_back = False
        jobs = _jobs(step)
        for job in jobs:
            self._advance(job)
        ended = [job for job in jobs if not job.parts]
        for job in ended:
            self._end(job)
            self.texts += len(job.tokens)
        return ended

    @property
    def interruptible(self) -> bool:
        """Whether the running step may be interrupted: not the same work twice in a row."""
        step = self._running
        return (
            isinstance(step, EncodeStep)
            and step.parts[0].job.priority is Priority.BACKGROUND
            and not self._put_back
        )

    def put_back(self, step: Step) -> None:
        """The running step was interrupted. What it held waits again, before the rest."""
        assert step is self._running
        self._running = None
        self._put_back = True
        held: list[Any] = list(step.parts)
        for part in reversed(held):
            if not part.job.over:
                part.job.parts.appendleft(part)

    def fail(self, step: Step) -> list[Job]:
        """
        The running step has failed, and its jobs with it.

        @return: these jobs
        """
        assert step is self._running
        self._running = None
        jobs = _jobs(step)
        for job in jobs:
            self.drop(job)
        return jobs

    def drop(self, job: Job) -> None:
        """Forget a job. Of what runs already, the outcome is ignored."""
        if not job.over:
            self._end(job)

    # -- inside

    def _take(self, lane: OrderedDict[str, deque[Job]]) -> Step:
        """A step of one part of each session in turn, again and again, until it is full."""
        session = next(iter(lane))
        first = lane[session][0]
        room = self._room(first)
        parts: list[Any] = []
        turns = deque(_turns(jobs, first.tokenised) for jobs in lane.values())
        while turns:
            turn = turns.popleft()
            job = next(turn, None)
            if job is not None and (job.parts[0].cost <= room or not parts):
                parts.append(job.parts.popleft())
                room -= parts[-1].cost
                turns.append(turn)
        lane.move_to_end(session)
        return EncodeStep(parts) if first.tokenised else TokenizeStep(parts)

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

    def _advance(self, job: Job) -> None:
        """Go on to its windows when all its pieces are tokenised."""
        if not job.parts and not job.tokenised:
            job.tokenised = True
            job.parts = deque(
                Window(job, number, window)
                for number, tokens in enumerate(job.tokens)
                for window in windows(tokens, self._model.window)
            )

    def _end(self, job: Job) -> None:
        job.over = True
        self.waiting[job.priority] -= 1
        lane = self._lanes[job.priority]
        jobs = lane[job.session]
        jobs.remove(job)
        if not jobs:
            del lane[job.session]


def _jobs(step: Step) -> list[Job]:
    """The jobs of a step that are still wanted, each once."""
    return [job for job in dict.fromkeys(part.job for part in step.parts) if not job.over]


def _turns(jobs: deque[Job], tokenised: bool) -> Iterator[Job]:
    """The job to take the next part of, for a session's jobs that are as far as that."""
    for job in jobs:
        if job.tokenised is not tokenised:
            return
        while job.parts:
            yield job
