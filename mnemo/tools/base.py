"""
From an attrs class to something an agent can call.

A tool is an attrs class: its fields are the arguments, of types that carry their description
and constraints (C{msgspec.Meta}), its docstring is the description, and C{run} does it and
answers another attrs class, the result. The schemas, the checks and the reference are made from
these.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import cleandoc
from typing import Any, ClassVar, Literal, Protocol, get_type_hints

import msgspec
from attrs import define, evolve, frozen

from mnemo.memory.memories import Memories
from mnemo.memory.remember import Unfit
from mnemo.sessions.interfaces import Session
from mnemo.store.interfaces import StoreError
from mnemo.store.records import Memory
from mnemo.tools.arguments import read
from mnemo.tools.interfaces import CallContext, ToolDescription, ToolError, ToolResult
from mnemo.tools.schema import input_schema, output_schema
from mnemo.tools.shown import shown, shown_all
from mnemo.tools.structure import structured
from mnemo.transfer.transfer import Transfer

ResolveProject = Callable[[str], Awaitable[str]]
"""The name of the project that a path or a name stands for."""

ChooseProject = Callable[[Session, str], Awaitable[None]]
"""Lets a session work in a project until it chooses another."""

PROJECT = "mnemo/project"
"""Under this key of C{_meta} a result names the project in which its session works now."""

_REFUSALS = (ToolError, StoreError, Unfit)
"""What says in one line why a call cannot be done as asked."""


@frozen
class Hints:
    """
    What a tool does to the world, in the protocol's terms. mnemo's world is closed.

    @ivar destructive: whether it can take something away for good
    @ivar idempotent: whether the same call again changes nothing more
    """

    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False


READS = Hints(read_only=True, idempotent=True)


class Result(Protocol):
    """
    An attrs class that a tool answers. One with C{slots=False} is written with its fields in
    the order of the class, which agents read first to last.
    """

    def text(self) -> str:
        """What it says, written for an agent to read."""


@frozen
class Call:
    """
    A call in progress.

    @ivar now: when it came, seconds since the epoch
    """

    memories: Memories
    transfer: Transfer
    context: CallContext
    resolve_project: ResolveProject
    choose_project: ChooseProject
    now: float

    @property
    def session(self) -> Session:
        """Who calls."""
        return self.context.session

    def shows(self, memories: Iterable[Memory]) -> None:
        """Note that the answer lists these memories: they are not suggested to the session."""
        ids = [each.id for each in memories]
        if ids:
            self.memories.suggesting.note(self.session.id, self.session.project, ids)


class Tool(ABC):
    """
    The base of the tool classes.

    @cvar always_loaded: whether a client that loads tools on demand should show it at once
    @cvar task: whether a call may run as a task of its own, for clients that know such
    """

    __slots__ = ()

    name: ClassVar[str]
    title: ClassVar[str]
    hints: ClassVar[Hints]
    always_loaded: ClassVar[bool] = False
    task: ClassVar[Literal["forbidden", "optional"]] = "forbidden"

    @abstractmethod
    async def run(self, call: Call) -> Result:
        """Do it. What is raised for the agent's eyes becomes an error result."""


@define(eq=False)
class Offer:
    """
    A tool class as the protocol sees it (L{mnemo.tools.interfaces.ITool}).
    """

    description: ToolDescription
    _tool: type[Tool]
    _memories: Memories
    _transfer: Transfer
    _resolve_project: ResolveProject
    _choose_project: ChooseProject

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """
        Do it. Arguments that do not fit give an error result; only a defect raises, and what
        the client's C{ask} raises passes through.
        """
        call = Call(
            self._memories,
            self._transfer,
            context,
            self._resolve_project,
            self._choose_project,
            self._memories.clock.seconds(),
        )
        outcome = await self._run(call, arguments)
        project = context.session.project
        return evolve(outcome, meta={PROJECT: shown(project)}) if project else outcome

    async def _run(self, call: Call, arguments: Mapping[str, Any]) -> ToolResult:
        try:
            tool = read(self._tool, self.description.name, self.description.input_schema, arguments)
            result = await tool.run(call)
        except _REFUSALS as refusal:
            return ToolResult.error(shown(str(refusal)))
        content = shown_all(structured(result))
        if getattr(tool, "format", "text") == "json":
            return ToolResult.text(msgspec.json.encode(content).decode(), content)
        return ToolResult.text(shown(result.text()), content)


def offer(
    tool: type[Tool],
    memories: Memories,
    transfer: Transfer,
    resolve_project: ResolveProject,
    choose_project: ChooseProject,
) -> Offer:
    """Make a tool class callable."""
    return Offer(describe(tool), tool, memories, transfer, resolve_project, choose_project)


def describe(tool: type[Tool]) -> ToolDescription:
    """How a tool class is listed."""
    return ToolDescription(
        name=tool.name,
        title=tool.title,
        description=cleandoc(tool.__doc__ or ""),
        input_schema=input_schema(tool),
        output_schema=output_schema(get_type_hints(tool.run)["return"]),
        annotations={
            "title": tool.title,
            "readOnlyHint": tool.hints.read_only,
            "destructiveHint": tool.hints.destructive,
            "idempotentHint": tool.hints.idempotent,
            "openWorldHint": False,
        },
        meta={"anthropic/alwaysLoad": True} if tool.always_loaded else {},
        task=tool.task,
    )
