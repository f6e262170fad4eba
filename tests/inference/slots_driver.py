"""Runs the steps of the slots on a scripted model, without a thread."""

from collections.abc import Iterator, Sequence

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import Sampling, UnfitRequest
from mnemo.inference.interfaces import Priority
from mnemo.inference.run import Event, PrepareStep, Prompt, Run, Step
from mnemo.inference.slots import Slots
from mnemo.inference.steps import DecodeStep, Outcome
from tests.inference.scripted import END, ScriptedGenerator, expected

INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND


class Driver:
    """
    Runs steps on a scripted model, as the inference thread would.

    @ivar answers: of each run, what has come so far
    @ivar failures: of those that have failed
    """

    def __init__(self, model: ScriptedGenerator, step_seconds: float = 1.0) -> None:
        self.model = model
        self.slots = Slots(model.room, step_seconds)
        self.answers: dict[Run, list[int]] = {}
        self.failures: dict[Run, Exception] = {}
        self.seconds = 0.0

    def submit(
        self,
        prompt: Sequence[int],
        most: int = 8,
        priority: Priority = INTERACTIVE,
        session: str = "a",
        fixed: int = 0,
    ) -> Run:
        run = self.slots.submit(Prompt(list(prompt), fixed), most, priority, session)
        self.answers[run] = []
        return run

    def step(self) -> Step:
        step = self.slots.next_step()
        assert step is not None, "there is nothing to do"
        self.end_step(step)
        return step

    def end_step(self, step: Step) -> None:
        self.take_result(step, self.perform(step))

    def perform(self, step: Step) -> Outcome | Exception:
        """What is done on the thread."""
        if isinstance(step, PrepareStep):
            self.model.open(step.run.number, Sampling(), "", None)
            return Outcome()
        try:
            return self.model.perform(step)
        except Exception as problem:
            return problem

    def take_result(self, step: Step, result: Outcome | Exception) -> None:
        """What is done on the reactor afterwards."""
        if isinstance(step, PrepareStep):
            try:
                self.slots.prepared(step, step.run.request)
            except UnfitRequest as problem:
                self.failures[step.run] = problem
        elif isinstance(result, Exception):
            self.take(self.slots.fail(step, result))
        else:
            self.take(self.slots.finish(step, result, self.seconds))

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            self.answers[event.run] += [t.number for t in event.tokens if t.number != END]
            if event.failure is not None:
                assert event.run.over
                self.failures[event.run] = event.failure

    def decode(self) -> DecodeStep:
        """Run until a step of the model itself has run."""
        while not isinstance(step := self.step(), DecodeStep):
            pass
        return step

    def run_all(self) -> None:
        while self.slots.urgency() is not None:
            self.step()

    def running(self, step: DecodeStep) -> set[int]:
        return {chunk.run for chunk in step.chunks}


def pairs() -> Iterator[list[int]]:
    return ([first, second] for first in range(50) for second in range(50))


def long_answer(prompt: list[int]) -> bool:
    return len(expected(prompt, 200)) == 200


class SlotsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.use(ScriptedGenerator(slots=2, capacity=256, batch=64))

    def use(self, model: ScriptedGenerator, step_seconds: float = 1.0) -> None:
        self.model = model
        self.driver = Driver(model, step_seconds)
        self.slots = self.driver.slots

    def assert_right(self, run: Run, prompt: Sequence[int], most: int = 8) -> None:
        self.assertEqual(self.driver.answers[run], expected(prompt, most))
