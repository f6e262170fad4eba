"""
Calls that run as tasks of their own: the extension C{io.modelcontextprotocol/tasks} (SEP-2663).

A client that knows it is not kept waiting: it gets a task at once, and asks after it. What
came of a task is kept for a while, whatever becomes of the connection or of the process.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping
from secrets import token_hex
from typing import Any, Final

from attrs import define, evolve, field

from mnemo.mcp import jsonrpc, results
from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    ProtocolError,
    internal_error,
    invalid_params,
    missing_capability,
)
from mnemo.mcp.promises import MakePromise
from mnemo.mcp.subscriptions import Subscriptions
from mnemo.mcp.task import Task, Work, one_line, told
from mnemo.store.tasks import ITaskRows, TaskRow, TaskStatus
from mnemo.tools.interfaces import (
    CallContext,
    IPreparing,
    ITool,
    MissingCapability,
    ToolError,
    ToolResult,
)

TASKS: Final = "io.modelcontextprotocol/tasks"
"""The name of the extension."""

TTL: Final = 86_400.0
"""Seconds for which a task can be asked after, from its beginning."""

RUNNING: Final = 32
"""How many tasks of one principal may run at once."""

KEPT: Final = 1_000
"""How many tasks of one principal are kept, ended ones with them."""

_STOPPED: Final = "The daemon stopped while this ran. What it had done until then stands"


def _unguessable() -> str:
    return token_hex(16)


@define(eq=False)
class Tasks:
    """
    The tasks of all clients. Each belongs to the principal whose call began it.

    @ivar spawn: lets a coroutine run by itself
    @ivar now: seconds since the epoch
    @ivar subscriptions: who is told when a task changes
    @ivar on_defect: told of each exception that let a task fail
    """

    store: ITaskRows
    spawn: Callable[[Coroutine[Any, Any, None]], Work]
    now: Callable[[], float]
    promise: MakePromise
    subscriptions: Subscriptions
    on_defect: Callable[[BaseException], None]
    new_id: Callable[[], str] = _unguessable
    _live: dict[str, Task] = field(init=False, factory=dict)

    async def start(self) -> None:
        """Let fail what ran when the last process ended."""
        stopped = _error(ProtocolError(INTERNAL_ERROR, _STOPPED))
        await self.store.fail(_STOPPED, stopped, self.now())

    def stop(self) -> None:
        """End what runs. The next L{start} lets it fail."""
        for task in list(self._live.values()):
            task.give_up()
        self._live.clear()

    # -- calls

    def takes(self, tool: ITool, capabilities: Mapping[str, Any]) -> bool:
        """
        Whether a modern client's call of this tool begins a task.

        Raises L{ProtocolError} where it would have to, and the client knows of no tasks.
        """
        if tool.description.task == "forbidden":
            return False
        known = knows_tasks(capabilities)
        if not known and tool.description.task == "required":
            raise no_tasks()
        return known

    async def begin(
        self, tool: ITool, arguments: Mapping[str, Any], context: CallContext, version: str
    ) -> Mapping[str, Any]:
        """
        The result of a C{tools/call}: a task that is kept, and runs from now on. Where there
        are too many, or the tool refuses beforehand, it is an error for the model.

        What the tool has to know first (L{IPreparing}) is asked within the call itself, so
        what C{context.client} raises for that passes through.
        """
        try:
            if isinstance(tool, IPreparing):
                arguments = await tool.prepare(arguments, context)
            task = await self._kept(tool, context)
        except ToolError as refusal:
            outcome = ToolResult.error(str(refusal))
            return results.tool_result(outcome, context.session.id, version)
        except MissingCapability as missing:
            raise missing_capability(missing) from None
        begun = {"resultType": "task", **task.told()}
        context = evolve(context, client=task)
        task.work = self.spawn(self._run(task, tool, arguments, context, version))
        return begun

    async def _kept(self, tool: ITool, context: CallContext) -> Task:
        """A new task, as good as begun. Raises L{ToolError} where there are too many."""
        principal, now = context.session.opening.principal, self.now()
        self._expire()
        if sum(task.row.principal == principal for task in self._live.values()) >= RUNNING:
            raise ToolError(
                f"{RUNNING} tasks are running, as many as may: wait until one has ended"
            )
        row = TaskRow(
            self.new_id(),
            principal,
            tool.description.name,
            "working",
            message="",
            created=now,
            updated=now,
            expires=now + TTL,
        )
        task = Task(row, context.capabilities, self.now, self.promise, self._changed)
        # It counts from here on, so that many at once are not more than may be.
        self._live[row.id] = task
        try:
            if not await self.store.add(row, KEPT):
                raise ToolError(f"{KEPT} tasks are kept, as many as may: the oldest goes in a day")
        except Exception as problem:
            del self._live[row.id]
            if not isinstance(problem, ToolError):
                # The client has gone, or the answer of the store was lost: it may be there.
                self.spawn(self._forget(row.id))
            raise
        return task

    async def _run(
        self,
        task: Task,
        tool: ITool,
        arguments: Mapping[str, Any],
        context: CallContext,
        version: str,
    ) -> None:
        # A session with a task is not idle, though all its calls have been answered.
        context.session.streams += 1
        try:
            outcome = await tool.call(arguments, context)
        except ToolError as refusal:
            outcome = ToolResult.error(str(refusal))
        except Exception as problem:
            await self._fail(task, problem)
            return
        finally:
            context.session.streams -= 1
        if not task.over:
            result = results.tool_result(outcome, context.session.id, version)
            await self._end(task, "completed", "", jsonrpc.encode(result).decode())

    async def _fail(self, task: Task, problem: Exception) -> None:
        if task.over:
            return
        if isinstance(problem, MissingCapability):
            problem = missing_capability(problem)
        elif not isinstance(problem, ProtocolError):
            self.on_defect(problem)
            problem = internal_error()
        await self._end(task, "failed", problem.message, _error(problem))

    async def _end(self, task: Task, status: TaskStatus, message: str, outcome: str) -> None:
        """Write down what came of a task, and only then say so. Never fails."""
        if task.row.id not in self._live:
            return
        task.over = True
        row = evolve(
            task.row,
            status=status,
            message=one_line(message),
            updated=self.now(),
            outcome=outcome,
        )
        try:
            await self.store.save(row)
        except Exception as defect:
            self.on_defect(defect)
            # While this process lives, it is still right.
            task.row = row
        else:
            self._live.pop(row.id, None)
        self.subscriptions.task_changed(row.id, told(row))

    async def _changed(self, task: Task) -> None:
        await self.store.save(task.row)
        if not task.over:
            self.subscriptions.task_changed(task.row.id, task.told())

    async def _forget(self, id: str) -> None:
        try:
            await self.store.remove(id)
        except Exception as defect:
            self.on_defect(defect)

    # -- those that there are

    async def find(self, id: str, principal: str) -> Task | TaskRow:
        """A task that has not ended, or the row of one that has. Raises L{ProtocolError}."""
        self._expire()
        task = self._live.get(id)
        row = await self.store.find(id) if task is None else task.row
        if row is None or row.principal != principal or row.expires <= self.now():
            raise invalid_params(f"Unknown task {id[:64]!r}: tasks are kept for a day")
        return row if task is None else task

    async def known(self, ids: Collection[str], principal: str) -> frozenset[str]:
        """Which of these this principal may ask after, or listen to."""
        found = set()
        for each in ids:
            try:
                await self.find(each, principal)
            except ProtocolError:
                continue
            found.add(each)
        return frozenset(found)

    async def cancel(self, task: Task) -> None:
        """End a task. One that has ended stays as it is."""
        if not task.over:
            task.give_up()
            await self._end(task, "cancelled", "Cancelled by the client", "")

    def _expire(self) -> None:
        now = self.now()
        for task in [task for task in self._live.values() if task.row.expires <= now]:
            task.give_up()
            del self._live[task.row.id]


def knows_tasks(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client has declared the extension."""
    extensions = capabilities.get("extensions")
    return isinstance(extensions, Mapping) and isinstance(extensions.get(TASKS), Mapping)


def no_tasks() -> ProtocolError:
    """The refusal of a client that has not."""
    return missing_capability(MissingCapability({"extensions": {TASKS: {}}}))


def _error(problem: ProtocolError) -> str:
    """JSON of a task's C{error}."""
    return jsonrpc.encode(jsonrpc.refusal(problem)).decode()
