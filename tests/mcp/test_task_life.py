"""Tasks and all that befalls them, kills among it, against a simple model."""

from collections.abc import Callable, Coroutine, Mapping
from tempfile import TemporaryDirectory
from typing import Any

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import task_methods
from mnemo.mcp.errors import INVALID_PARAMS, ProtocolError
from mnemo.mcp.subscriptions import Subscriptions, Wants
from mnemo.mcp.tasks import TASKS, TTL, Tasks
from mnemo.sessions.interfaces import Opening, Session
from mnemo.tools.interfaces import CallContext, Question, ToolDescription, ToolResult
from tests.mcp.fakes import MODERN, described
from tests.store.inline import open_store, result_of

CAPABILITIES: Mapping[str, Any] = {"extensions": {TASKS: {}}, "elicitation": {}}
QUESTION = Question("elicitation/create", {"message": "?", "requestedSchema": {"type": "object"}})
ANSWER = {"action": "accept", "content": {}}
FINAL = ("completed", "failed", "cancelled")

principals = st.sampled_from(["ann", "bob"])
which = st.integers(0, 5)


@define(eq=False)
class Known:
    """A task as the model has it."""

    id: str
    principal: str
    begun: float
    status: str = "working"
    asked: str = ""
    questions: int = 0
    steps: "list[Deferred[str]]" = field(factory=list)
    told: list[str] = field(factory=list)
    expected: list[str] = field(factory=list)

    def becomes(self, status: str) -> None:
        self.status = status
        self.expected.append(status)


@define(eq=False)
class Stepping:
    """A tool that does, step by step, what it is told."""

    description: ToolDescription = field(factory=lambda: described("steps", task="optional"))
    begun: "list[list[Deferred[str]]]" = field(factory=list)
    ended: int = 0

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        steps: list[Deferred[str]] = []
        self.begun.append(steps)
        try:
            while True:
                steps.append(Deferred())
                step = await steps[-1]
                if step == "ask":
                    await context.client.ask({"q": QUESTION})
                elif step == "break":
                    raise ZeroDivisionError
                else:
                    return ToolResult.text(step)
        finally:
            self.ended += 1


async def outcome(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, an exception too."""
    try:
        return await work
    except Exception as problem:
        return problem


def there_is(*statuses: str) -> Callable[..., Any]:
    """Only while there is a task that is this far."""
    return precondition(lambda self: any(not statuses or t.status in statuses for t in self.known))


class TaskLife(RuleBasedStateMachine):
    """The model: which tasks there are, whose they are, and how far each is."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory(prefix="mnemo-tasks-")
        self.clock = Clock()
        self.clock.advance(1_700_000_000)
        self.store = open_store(self.directory.name, self.clock)
        self.known: list[Known] = []
        self.gone: list[Known] = []
        self.started()

    def started(self) -> None:
        self.defects: list[BaseException] = []
        self.broken = 0
        self.tool = Stepping()
        self.subscriptions = Subscriptions()
        self.sessions = {
            name: Session(name, "work", Opening(MODERN, "c", "1", name, ""), "", 0.0, 0.0)
            for name in ("ann", "bob")
        }
        self.tasks = Tasks(
            self.store.tasks,
            Deferred.fromCoroutine,
            self.clock.seconds,
            lambda seconds=0: Deferred(),
            self.subscriptions,
            self.defects.append,
        )
        self.now(self.tasks.start())

    def now(self, work: Coroutine[Any, Any, Any]) -> Any:
        return result_of(Deferred.fromCoroutine(work))

    def ask(self, method: str, task: Known, principal: str = "", **params: Any) -> Any:
        params = {"taskId": task.id, **params}
        who = principal or task.principal
        return self.now(
            task_methods.answer(self.tasks, f"tasks/{method}", params, CAPABILITIES, who)
        )

    def pick(self, number: int, *statuses: str) -> list[Known]:
        """At most one of the tasks that are this far."""
        fitting = [task for task in self.known if not statuses or task.status in statuses]
        return [fitting[number % len(fitting)]] if fitting else []

    @rule(principal=principals)
    def begins(self, principal: str) -> None:
        context = CallContext(self.sessions[principal], CAPABILITIES)
        begun = self.now(self.tasks.begin(self.tool, {}, context, MODERN))
        task = Known(begun["taskId"], principal, self.clock.seconds(), steps=self.tool.begun[-1])
        wants = Wants(tasks=frozenset({task.id}))
        self.subscriptions.add(wants, lambda _, state: task.told.append(state["status"]))
        self.known.append(task)

    @there_is("working")
    @rule(number=which, well=st.booleans())
    def comes_to_its_end(self, number: int, well: bool) -> None:
        for task in self.pick(number, "working"):
            task.becomes("completed" if well else "failed")
            self.broken += not well
            task.steps[-1].callback("done" if well else "break")

    @there_is("working")
    @rule(number=which)
    def asks(self, number: int) -> None:
        for task in self.pick(number, "working"):
            task.becomes("input_required")
            task.questions += 1
            task.asked = "q" if task.questions == 1 else f"q-{task.questions}"
            task.steps[-1].callback("ask")

    @there_is("input_required")
    @rule(number=which)
    def is_answered(self, number: int) -> None:
        for task in self.pick(number, "input_required"):
            task.becomes("working")
            key, task.asked = task.asked, ""
            self.ask("update", task, inputResponses={key: ANSWER})

    @there_is()
    @rule(number=which)
    def is_told_what_it_does_not_ask(self, number: int) -> None:
        for task in self.pick(number):
            self.ask("update", task, inputResponses={"q-0": ANSWER})

    @there_is()
    @rule(number=which)
    def is_cancelled(self, number: int) -> None:
        for task in self.pick(number):
            if task.status not in FINAL:
                task.becomes("cancelled")
                task.asked = ""
            self.ask("cancel", task)

    @rule(seconds=st.sampled_from([1.0, TTL / 3]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        now = self.clock.seconds()
        self.gone += [task for task in self.known if task.begun + TTL <= now]
        self.known = [task for task in self.known if task.begun + TTL > now]

    @there_is()
    @rule()
    def is_killed_and_started(self) -> None:
        for task in self.known:
            task.asked = ""
            if task.status not in FINAL:
                task.status = "failed"
        self.started()

    @there_is()
    @rule()
    def is_stopped_and_started(self) -> None:
        self.tasks.stop()
        assert {each.streams for each in self.sessions.values()} == {0}
        self.is_killed_and_started()

    @invariant()
    def each_is_as_far_as_the_model_says(self) -> None:
        for task in self.known:
            state = self.ask("get", task)
            assert state["status"] == task.status
            assert set(state.get("inputRequests", ())) == ({task.asked} if task.asked else set())
            assert ("result" in state) == (task.status == "completed")
            assert ("error" in state) == (task.status == "failed")
            assert task.told == task.expected

    @invariant()
    def nobody_sees_what_is_of_others_or_gone(self) -> None:
        others = {"ann": "bob", "bob": "ann"}
        for task, principal in (
            *((task, others[task.principal]) for task in self.known),
            *((task, task.principal) for task in self.gone),
        ):
            asked = task_methods.answer(
                self.tasks, "tasks/get", {"taskId": task.id}, CAPABILITIES, principal
            )
            problem: Any = self.now(outcome(asked))
            assert isinstance(problem, ProtocolError)
            assert problem.code == INVALID_PARAMS

    @invariant()
    def what_runs_holds_its_session_and_nothing_else_does(self) -> None:
        running = len(self.tool.begun) - self.tool.ended
        assert sum(session.streams for session in self.sessions.values()) == running
        live = [task for task in self.known if task.status not in FINAL]
        assert running == len(self.tasks._live) == len(live)
        assert len(self.defects) == self.broken

    def teardown(self) -> None:
        self.tasks.stop()
        result_of(self.store.stop())
        self.directory.cleanup()


class TaskLifeTests(SynchronousTestCase):
    def test_they_are_as_the_model_says(self) -> None:
        run_state_machine_as_test(
            TaskLife,
            settings=settings(max_examples=25, stateful_step_count=30, deadline=None),
        )
