"""
The daemon's dialect: a session on one WebSocket, and the calls that run in it.

A call is told that it waits, then that it begins (once), then what came of it (once). Calls run
at the same time and end in any order. A C{request_id} names a call only while it runs:
meanwhile nobody else may use it, afterwards it is free, and no answer is kept.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from attrs import define, field
from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mnemo.mcp.server import Server
from mnemo.sessions.interfaces import Busy, Session
from mnemo.sessions.manager import CALLS_EVERYWHERE
from mnemo.tools.interfaces import (
    CallContext,
    ITool,
    LogLevel,
    MissingCapability,
    Question,
    ToolError,
    ToolResult,
)
from mnemo.transports import daemon_frames as frames
from mnemo.transports.credentials import Credentials
from mnemo.transports.daemon_frames import Frame, RequestId, Unreadable

CALL_SECONDS: Final = 180.0
"""How long a call may run, from its acknowledgement."""

PROGRESS_SECONDS: Final = 8.0
"""How often a call is said to be alive: some clients hang up after ten seconds of silence."""

OPS: Final = ("list_tools", "call_tool", "health", "ping", "cancel", "rotate_token")
"""What a client may ask for after its C{hello}. C{tool_call} is C{call_tool}."""


@define(eq=False)
class Call:
    """
    A call that waits or runs; to its tool it is the client (L{mnemo.tools.interfaces.IClient}).
    """

    id: RequestId
    name: str
    clock: IReactorTime
    tell: Callable[[Frame], None]
    work: Deferred[None] | None = None
    _done: float = field(default=float("-inf"), init=False)

    def waits(self, note: str = "") -> None:
        """Say that it has not been forgotten."""
        more = {"note": note} if note else {}
        self.tell(frames.progress(self.id, self.name, self.clock.seconds(), **more))

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far it has come."""
        if done <= self._done:
            return
        self._done = done
        more: dict[str, Any] = {"progress": done}
        if total is not None:
            more["total"] = total
        if message:
            more["note"] = message
        self.tell(frames.progress(self.id, self.name, self.clock.seconds(), **more))

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """The dialect has no frame for it."""

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        """The dialect has no frame for it: raise L{MissingCapability}."""
        raise MissingCapability({question.capability: {} for question in questions.values()})

    def release(self, retry: float) -> None:
        """The client waits; it could not find its answer again."""


@define(eq=False)
class Dialect:
    """
    One session's frames.

    @ivar send: sends a frame
    @ivar health: what C{/health} says
    @ivar on_idle: told when the last call has ended
    """

    server: Server
    session: Session
    credentials: Credentials
    health: Callable[[], Mapping[str, Any]]
    clock: IReactorTime
    send: Callable[[Frame], None]
    on_idle: Callable[[], None] = lambda: None
    _running: dict[RequestId, Call] = field(init=False, factory=dict)
    _unnamed: "count[int]" = field(init=False, factory=lambda: count(1))

    log = Logger()

    @property
    def idle(self) -> bool:
        """Whether no call waits or runs."""
        return not self._running

    def receive(self, frame: object) -> None:
        """Take one frame; its answers come by L{send}."""
        if not isinstance(frame, dict):
            self._refuse(None, "INVALID_REQUEST", "A frame must be a JSON object")
            return
        # Its session is active, whatever it says.
        self.server.sessions.find(self.session.id, self.session.opening.principal)
        try:
            given = frames.request_id(frame)
        except Unreadable as unreadable:
            self._refuse(None, "INVALID_REQUEST", str(unreadable))
        else:
            self._take(frame, self._name() if given is None else given)

    def end(self) -> None:
        """The client has gone: nobody waits for what runs."""
        self.send = lambda frame: None
        for call in list(self._running.values()):
            if call.work is not None:
                call.work.cancel()

    # -- frames

    def _take(self, frame: Frame, id: RequestId) -> None:
        now = self.clock.seconds()
        match frame.get("op", frame.get("type")):
            case "call_tool" | "tool_call":
                self._call_tool(frame, id)
            case "cancel":
                self._cancel(id)
            case "list_tools":
                tools, _ = self.server.tools.page("", len(self.server.tools))
                self.send(frames.listing(id, (tool.description for tool in tools), now))
            case "health":
                self.send(frames.health(id, self.health(), now, CALLS_EVERYWHERE))
            case "ping":
                self.send({"op": "pong", "request_id": id, "timestamp": now})
            case "rotate_token":
                self._rotate_token(frame, id)
            case "hello":
                self._refuse(id, "INVALID_REQUEST", "There has been a hello already")
            case other:
                message = f"Unknown op {str(other)[:80]!r}: there is {', '.join(OPS)}"
                self._refuse(id, "INVALID_REQUEST", message)

    def _rotate_token(self, frame: Frame, id: RequestId) -> None:
        old, new = frame.get("old"), frame.get("new")
        answer: Frame = {"op": "rotate_token_res", "request_id": id, "ok": False}
        if not isinstance(old, str) or not isinstance(new, str) or not old or not new:
            answer["error"] = "missing_params"
        elif self.credentials.holder_of(old) is None:
            answer["error"] = "unauthorized"
        elif not self.credentials.rotate(old, new):
            answer["error"] = "invalid_params"
        else:
            answer["ok"] = True
        self.send(answer)

    def _cancel(self, id: RequestId) -> None:
        call = self._running.get(id)
        if call is not None and call.work is not None:
            call.work.cancel()
        self.send({"op": "cancelled", "request_id": id, "stopped": call is not None})

    # -- calls

    def _call_tool(self, frame: Frame, id: RequestId) -> None:
        if id in self._running:
            message = "A call with this request_id is running"
            self._refuse(id, "DUPLICATE", message, original_request_id=id)
            return
        try:
            name, arguments = frames.called(frame)
        except Unreadable as unreadable:
            self._fail(id, "INVALID_REQUEST", str(unreadable))
            return
        tools = self.server.tools
        tool = tools.find(name) or tools.find(frames.plain_name(name))
        if tool is None:
            message = f"Unknown tool {name[:128]!r}: there is {tools.near(name)}"
            self._fail(id, "TOOL_NOT_FOUND", message)
        else:
            self._start(Call(id, tool.description.name, self.clock, self._tell), tool, arguments)

    def _start(self, call: Call, tool: ITool, arguments: Mapping[str, Any]) -> None:
        self._running[call.id] = call
        call.work = Deferred.fromCoroutine(self._run(call, tool, arguments))
        call.work.addErrback(lambda failure: self.log.failure("A call was lost.", failure))

    async def _run(self, call: Call, tool: ITool, arguments: Mapping[str, Any]) -> None:
        call.waits(frames.ACCEPTED)
        beat = LoopingCall(call.waits)
        beat.clock = self.clock
        beat.start(PROGRESS_SECONDS, now=False)
        try:
            answer = await self._answer(call, tool, arguments)
        finally:
            beat.stop()
            del self._running[call.id]
        self.send(answer)
        if not self._running:
            self.on_idle()

    async def _answer(self, call: Call, tool: ITool, arguments: Mapping[str, Any]) -> Frame:
        """What a call is answered with, whatever becomes of it."""

        async def begin() -> ToolResult:
            self.send(frames.acknowledged(call.id, call.name, CALL_SECONDS))
            context = CallContext(self.session, client=call)
            running = Deferred.fromCoroutine(tool.call(arguments, context))
            return await running.addTimeout(CALL_SECONDS, self.clock)

        try:
            return frames.result(call.id, await self.server.sessions.admit(self.session, begin))
        except Busy as busy:
            problem = frames.problem("OVER_CAPACITY", str(busy), retry_after=busy.retry_after)
        except defer.TimeoutError:
            problem = frames.problem("TIMEOUT", f"The call took over {CALL_SECONDS:g} seconds")
        except CancelledError:
            problem = frames.problem("CANCELLED", "The call was cancelled")
        except (ToolError, MissingCapability) as refusal:
            problem = frames.problem("EXEC_ERROR", str(refusal))
        except Exception as defect:
            self.server.on_defect(defect)
            problem = frames.problem("INTERNAL_ERROR", "Internal error: see the daemon's log")
        return frames.failed(call.id, problem)

    # -- answering

    def _tell(self, frame: Frame) -> None:
        self.send(frame)

    def _name(self) -> RequestId:
        """The id of a frame that brought none: which of those on this socket it is."""
        return next(name for n in self._unnamed if (name := f"unnamed-{n}") not in self._running)

    def _refuse(self, id: RequestId | None, code: str, message: str, **more: Any) -> None:
        self.send(frames.error(id, frames.problem(code, message, **more)))

    def _fail(self, id: RequestId, code: str, message: str) -> None:
        self.send(frames.failed(id, frames.problem(code, message)))
