"""
From an attrs class to something an agent can call.

A tool is an attrs class: its fields are the arguments, of types that carry their description
and constraints (C{msgspec.Meta}), its docstring is the description, and C{run} does it and
answers another attrs class, the result. The schemas, the checks and the reference are made from
these.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from inspect import cleandoc
from typing import Any, ClassVar, Protocol, get_type_hints

import msgspec
from attrs import define, frozen

from mnemo.memory.memories import Memories
from mnemo.memory.remember import Unfit
from mnemo.sessions.interfaces import Session
from mnemo.store.interfaces import StoreError
from mnemo.tools.arguments import read
from mnemo.tools.interfaces import CallContext, ToolDescription, ToolError, ToolResult
from mnemo.tools.schema import input_schema, output_schema

ResolveProject = Callable[[str], Awaitable[str]]
"""The name of the project that a path or a name stands for."""

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
    context: CallContext
    resolve_project: ResolveProject
    now: float

    @property
    def session(self) -> Session:
        """Who calls."""
        return self.context.session


class Tool(ABC):
    """
    The base of the tool classes.

    @cvar always_loaded: whether a client that loads tools on demand should show it at once
    """

    __slots__ = ()

    name: ClassVar[str]
    title: ClassVar[str]
    hints: ClassVar[Hints]
    always_loaded: ClassVar[bool] = False

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
    _resolve_project: ResolveProject

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Do it. Arguments that do not fit give an error result; only a defect raises."""
        now = self._memories.clock.seconds()
        call = Call(self._memories, context, self._resolve_project, now)
        schema = self.description.input_schema
        try:
            tool = read(self._tool, self.description.name, schema, arguments)
            result = await tool.run(call)
        except _REFUSALS as refusal:
            return ToolResult.error(str(refusal))
        structured = msgspec.to_builtins(result)
        if getattr(tool, "format", "text") == "json":
            return ToolResult.text(msgspec.json.encode(structured).decode(), structured)
        return ToolResult.text(result.text(), structured)


def offer(tool: type[Tool], memories: Memories, resolve_project: ResolveProject) -> Offer:
    """Make a tool class callable."""
    return Offer(describe(tool), tool, memories, resolve_project)


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
    )
