"""A room in which calls run as tasks."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import task_methods
from mnemo.mcp.errors import (
    ProtocolError,
)
from mnemo.mcp.subscriptions import Subscriptions
from mnemo.mcp.tasks import TASKS, Tasks
from mnemo.sessions.interfaces import Opening, Session
from mnemo.tools.interfaces import (
    CallContext,
    ITool,
    Question,
    ToolDescription,
    ToolResult,
)
from tests.mcp.fakes import MODERN, described
from tests.store.inline import InlinePools, open_store, result_of

START = 1_700_000_000.0

KNOWS: Mapping[str, Any] = {"extensions": {TASKS: {}}}
CAN_ASK: Mapping[str, Any] = {**KNOWS, "elicitation": {}}

FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
QUESTION = Question("elicitation/create", {"message": "Sure?", "requestedSchema": FORM})
YES = {"action": "accept", "content": {"ok": True}}

Act = Callable[[Mapping[str, Any], CallContext], Awaitable[ToolResult]]


@define(eq=False)
class Job:
    """A tool that does what the test says."""

    act: Act
    description: ToolDescription = field(factory=lambda: described("job", task="optional"))

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return await self.act(arguments, context)


@define(eq=False)
class Waiting:
    """A tool whose calls wait until the test says what came of them."""

    description: ToolDescription = field(factory=lambda: described("waiting", task="optional"))
    calls: list["Deferred[ToolResult]"] = field(factory=list)
    contexts: list[CallContext] = field(factory=list)
    cancelled: int = 0

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        self.contexts.append(context)
        self.calls.append(Deferred())
        try:
            return await self.calls[-1]
        except CancelledError:
            self.cancelled += 1
            raise


async def asks_nothing(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    return ToolResult.text("done")


async def asks_once(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    answers = await context.client.ask({"sure": QUESTION})
    return ToolResult.text(str(answers["sure"]["content"]["ok"]))


async def asks_two(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    answers = await context.client.ask({"one": QUESTION, "two": QUESTION})
    return ToolResult.text(", ".join(f"{key}: {answers[key]['action']}" for key in answers))


async def asks_twice(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    first = await context.client.ask({"sure": QUESTION})
    second = await context.client.ask({"sure": QUESTION})
    return ToolResult.text(f"{first['sure']['action']}, {second['sure']['action']}")


class TaskTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.directory = Path(self.mktemp())
        self.pools = InlinePools()
        self.store = open_store(self.directory, self.clock, pools=self.pools)
        self.addCleanup(lambda: result_of(self.store.stop()))
        self.session = Session(
            "s1", "work", Opening(MODERN, "tester", "9", "ann", "p"), "p", START, START
        )
        self.subscriptions = Subscriptions()
        self.defects: list[BaseException] = []
        self.waiting = Waiting()
        self.tasks = self.started()

    def started(self) -> Tasks:
        tasks = Tasks(
            self.store.tasks,
            Deferred.fromCoroutine,
            self.clock.seconds,
            lambda seconds=0: Deferred(),
            self.subscriptions,
            self.defects.append,
        )
        result_of(Deferred.fromCoroutine(tasks.start()))
        return tasks

    def killed_and_started(self) -> None:
        """As after kill -9: nothing was stopped, and nothing that ran does anything more."""
        self.tasks = self.started()

    def later(self, work: Any) -> "Deferred[Any]":
        return Deferred.fromCoroutine(work)

    def context(self, capabilities: Mapping[str, Any] = CAN_ASK, **more: Any) -> CallContext:
        return CallContext(self.session, capabilities, **more)

    def begin(self, tool: ITool | None = None, **arguments: Any) -> Mapping[str, Any]:
        """The result of a call that begins a task."""
        work = self.tasks.begin(tool or self.waiting, arguments, self.context(), MODERN)
        begun: Mapping[str, Any] = self.successResultOf(self.later(work))
        return begun

    def asked(self, method: str, principal: str = "ann", **params: Any) -> "Deferred[Any]":
        return self.later(
            task_methods.answer(self.tasks, f"tasks/{method}", params, KNOWS, principal)
        )

    def get(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self.successResultOf(self.asked("get", taskId=task["taskId"]))
        return told

    def update(self, task: Mapping[str, Any], **answers: Any) -> None:
        answered = self.asked("update", taskId=task["taskId"], inputResponses=answers)
        self.assertEqual(self.successResultOf(answered), {})

    def cancel(self, task: Mapping[str, Any]) -> None:
        self.assertEqual(self.successResultOf(self.asked("cancel", taskId=task["taskId"])), {})

    def refused(self, work: "Deferred[Any]", code: int) -> ProtocolError:
        problem: ProtocolError = self.failureResultOf(work, ProtocolError).value
        self.assertEqual(problem.code, code)
        return problem

    def act(self, act: Act) -> Mapping[str, Any]:
        return self.begin(Job(act))
