"""Tools that tell the client something while they run."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.tools.interfaces import CallContext, ITool, ToolResult
from tests.conformance.fixtures import pause, tool

PAUSE = 0.05
AWAY = 0.2


@tool("test_tool_with_progress", "Says three times how far it has come.")
async def with_progress(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """From nothing to all, by halves."""
    for done in (0, 50, 100):
        if done:
            await pause(PAUSE)
        context.client.progress(done, 100)
    return ToolResult.text("It has come to its end.")


@tool("test_tool_with_logging", "Tells the log three things.")
async def with_logging(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """A beginning, a middle and an end."""
    context.client.log("info", "Tool execution started")
    await pause(PAUSE)
    context.client.log("info", "Tool processing data")
    await pause(PAUSE)
    context.client.log("info", "Tool execution completed")
    return ToolResult.text("It has told all of it.")


@tool("test_logging_tool", "Tells the log one thing.")
async def logging(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Whether it is heard is the client's wish."""
    context.client.log("info", "This tool has been called")
    return ToolResult.text("It is told.")


@tool("test_reconnection", "Lets the client hang up, and answers when it is back.")
async def reconnection(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """The answer comes when nobody holds the line."""
    context.client.release(PAUSE)
    await pause(AWAY)
    return ToolResult.text("It was found again.")


TOOLS: Sequence[ITool] = (with_progress, with_logging, logging, reconnection)
