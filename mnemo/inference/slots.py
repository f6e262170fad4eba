"""
Which generations run, and what each step of the language model holds. Plain state: no thread,
no clock, no model.

A run is one generation. As many as there are slots go on at once, a row of each step for each. What
runs and has no turn any more pauses; it keeps its sequence until others need the room, and is
computed anew then.

A run is let in only when the model's cache has room for its prompt and its longest answer, so
that it need not be given up halfway. Prompts are computed in chunks that keep a step short,
beside the runs that decode; beside the prompt of an interactive run no background run does.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from attrs import evolve

from mnemo.inference.generation import Overloaded, UnfitRequest
from mnemo.inference.interfaces import Priority
from mnemo.inference.pace import Pace
from mnemo.inference.places import Places
from mnemo.inference.run import Event, PrepareStep, Prompt, Room, Run, Step
from mnemo.inference.steps import CacheFull, Chunk, Close, DecodeStep, Outcome, Token
from mnemo.inference.turns import Turns

WAITING: Final = 512
"""How many runs may be there at once."""

OF_A_SESSION: Final = 32
"""How many of them may be of one session."""

_WEIGHT: Final = 0.3  # of the newest measurement


class Slots:
    """
    The runs of one loaded model.

    @ivar turns: whose turn it is
    @ivar places: where they have their sequences
    @ivar steps: how many steps have succeeded
    @ivar tokens: how many tokens were generated
    """

    def __init__(self, room: Room, step_seconds: float) -> None:
        """
        @param step_seconds: how long a step may take
        """
        self.room = room
        self.steps = self.tokens = 0
        self.turns = Turns()
        self.places = Places(room, lambda: self.turns.runs)
        self._pace = Pace(step_seconds)
        self._run_seconds = 0.0
        self._numbers = 0
        self._step: Step | None = None
        self._following: DecodeStep | None = None
        # Whether a step of chores alone has failed: they wait for the next run then.
        self._tidying_fails = False

    def urgency(self) -> Priority | None:
        """The class of the step that could run now: None while one runs, or where none is."""
        if self._step is not None:
            return None
        waiting = self.turns.urgency
        if waiting is None and self.places.chores and not self._tidying_fails:
            return Priority.BACKGROUND
        return waiting

    # -- what is asked

    def submit(self, request: Any, most: int, priority: Priority, session: str) -> Run:
        """
        Have C{request} run.

        @param most: how many tokens the answer may have
        @raise UnfitRequest: it may have none
        @raise Overloaded: there are too many runs
        """
        if most < 1:
            raise UnfitRequest(f"max_tokens must be at least 1, not {most}")
        runs = self.turns.runs
        if sum(run.session == session for run in runs) >= OF_A_SESSION:
            raise self._overloaded(f"this session has {OF_A_SESSION} generations waiting")
        if len(runs) >= WAITING:
            raise self._overloaded(f"{WAITING} generations are waiting")
        self._numbers += 1
        run = Run(self._numbers, request, most, priority, session)
        self.turns.add(run)
        return run

    def end(self, run: Run, *, keep: bool = False) -> None:
        """
        Have a run go on no further. Of a step that runs the outcome is ignored.

        @param keep: whether what it has computed may serve its session again
        """
        if run.over:
            return
        run.over, run.live = True, False
        self.turns.remove(run)
        self.places.chores.append(Close(run.number))
        if keep:
            self.places.keep(run)
        self.places.let_go(run)
        if keep:
            known = self._run_seconds or run.seconds
            self._run_seconds = known + _WEIGHT * (run.seconds - known)

    # -- steps

    def next_step(self) -> Step | None:
        """What to run now: None while a step runs, or where there is nothing to do."""
        if self._step is not None:
            return None
        chosen = self.turns.entitled(self.room.slots)
        unprepared = next((run for run in chosen if not run.prompt), None)
        if unprepared is not None:
            self._step = PrepareStep(unprepared)
            return self._step
        placed = self._placed(chosen)
        self.turns.took(placed)
        if placed or (self.places.chores and not self._tidying_fails):
            self._step = self._decode(placed)
        return self._step

    def following(self) -> DecodeStep | None:
        """
        What to run right after the step that runs, whatever that brings: more of the same, while
        nobody waits. C{None} where there is no such step, or one already.
        """
        step = self._step
        if not isinstance(step, DecodeStep) or self._following is not None:
            return None
        goes_on = any(chunk.most > 1 for chunk in step.chunks)
        if not goes_on or self.places.chores or len(step.chunks) != len(self.turns.runs):
            return None
        # Of a chunk with which a prompt has not ended nothing is sampled.
        if not all(chunk.most for chunk in step.chunks):
            return None
        chunks = [evolve(chunk, tokens=(), most=chunk.most - 1) for chunk in step.chunks]
        rounds = max(chunk.most for chunk in chunks)
        self._following = DecodeStep((), chunks, rounds, self._pace.step_seconds, follows=True)
        return self._following

    def prepared(self, step: PrepareStep, prompt: Prompt) -> None:
        """
        The running step has made tokens of a prompt.

        @raise UnfitRequest: there are too many of them. The run has ended
        """
        assert step is self._step
        self._step = None
        run, count = step.run, len(prompt.tokens)
        if run.over:
            return
        if not 0 < count < self.room.window:
            self.end(run)
            raise UnfitRequest(
                f"the prompt has {count} tokens; the model takes 1 to {self.room.window - 1},"
                " and an answer besides"
            )
        run.tokens, run.prompt = list(prompt.tokens), count
        run.fixed = min(prompt.fixed, count - 1)
        run.most = min(run.most, self.room.window - count)

    def finish(self, step: DecodeStep, outcome: Outcome, seconds: float) -> list[Event]:
        """
        The running step has succeeded.

        @param seconds: how long it took
        @return: what it has brought. The runs that have come to their end, or failed, are over
        """
        assert step is self._step
        self._step, self._following = self._following, None
        self._tidying_fails = False
        # One that follows may have found nothing to go on with.
        self.steps += not step.follows or bool(outcome.tokens)
        self._measure(step, outcome, seconds)
        runs = {run.number: run for run in self.turns.runs}
        events = []
        for chunk in step.chunks:
            run = runs.get(chunk.run)
            if run is None:
                continue
            run.seconds += seconds
            failure = outcome.failures.get(run.number)
            tokens = outcome.tokens.get(run.number, ())
            self._advance(run, len(chunk.tokens) or len(tokens[:1]), tokens)
            if failure is not None:
                self.end(run)
            elif run.left == 0 or (tokens and tokens[-1].last):
                self.end(run, keep=True)
            if tokens or failure:
                events.append(Event(run, tokens, failure))
        return events

    def fail(self, step: Step, problem: Exception) -> list[Event]:
        """
        The running step has failed.

        @return: the runs that are over by that. Where the cache was full and something else can
            give way there are none, and they are tried again
        """
        assert step is self._step
        self._step, self._following = self._following, None
        if isinstance(step, PrepareStep):
            concerned = [step.run]
        else:
            numbers = {chunk.run for chunk in step.chunks}
            concerned = [run for run in self.turns.runs if run.number in numbers]
        full = isinstance(problem, CacheFull)
        if full:
            if self.places.give_way(concerned):
                return []
            concerned = concerned[-1:]
            problem = self._overloaded("the model's cache is full")
        else:
            self._tidying_fails = isinstance(step, DecodeStep) and not step.chunks
        over = [run for run in concerned if not run.over]
        for run in over:
            self.end(run)
        if isinstance(step, DecodeStep) and not full:
            self.places.doubted(step)
        return [Event(run, (), problem) for run in over]

    # -- who has room

    def _placed(self, chosen: Sequence[Run]) -> list[Run]:
        """Those of the chosen that have a sequence, now or already."""
        placed: list[Run] = []
        full = False
        for place, run in enumerate(chosen):
            if run.sequence is not None:
                placed.append(run)
            elif any(run.awaits(other) for other in placed):
                continue
            # Who comes later does not overtake one that waits for room.
            elif not full and self.places.place(run, chosen[: place + 1]):
                placed.append(run)
            else:
                full = True
        return placed

    # -- what a step holds

    def _decode(self, runs: Sequence[Run]) -> DecodeStep:
        """A token of each run that decodes, and as much of prompts as fits beside."""
        runs = self.turns.computed_beside(runs)
        decoding = [run for run in runs if len(run.tokens) - run.held == 1]
        chunks = [self._chunk(run, 1) for run in decoding]
        prompts = [run for run in runs if run not in decoding]
        # Beside an interactive one a background one was passed over for long: it has its part.
        prompts.sort(key=lambda run: run.background, reverse=True)
        left = sum(len(run.tokens) - run.held for run in prompts)
        room = self._pace.prompt_tokens(len(decoding), self.room.batch - len(decoding), left)
        for run in prompts:
            length = min(room, len(run.tokens) - run.held)
            if length:
                chunks.append(self._chunk(run, length))
                room -= length
        rounds = 1 if prompts else max((chunk.most for chunk in chunks), default=1)
        return DecodeStep(self.places.taken(), chunks, rounds, self._pace.step_seconds)

    def _chunk(self, run: Run, length: int) -> Chunk:
        assert run.sequence is not None
        tokens = run.tokens[run.held : run.held + length]
        most = run.left if run.held + length == len(run.tokens) else 0
        return Chunk(run.number, run.sequence, run.held, tokens, most)

    def _advance(self, run: Run, length: int, tokens: Sequence[Token]) -> None:
        """Take into a run what was computed: C{length} tokens of its own, and what came of it."""
        before = run.held
        run.held += length + max(len(tokens) - 1, 0)
        run.tokens += [token.number for token in tokens if not token.last]
        self.tokens += len(tokens)
        if before < run.fixed <= run.held:
            self.places.keep_fixed(run)

    def _measure(self, step: DecodeStep, outcome: Outcome, seconds: float) -> None:
        rows = sum(len(chunk.tokens) == 1 for chunk in step.chunks)
        prompt_tokens = sum(len(chunk.tokens) for chunk in step.chunks) - rows
        rows = len(outcome.tokens) if step.follows else rows
        rounds = max(map(len, outcome.tokens.values()), default=1)
        self._pace.measured(rows, prompt_tokens, rounds, seconds)

    def _overloaded(self, reason: str) -> Overloaded:
        wait = ceil(self._run_seconds * len(self.turns.runs) / self.room.slots) or 1
        return Overloaded(f"{reason}; ask again in {wait} seconds", float(wait))
