"""Tools that change what there is, for clients that want to know of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.mcp.server import Server
from mnemo.tools.interfaces import CallContext, ITool, ToolResult
from tests.conformance.fixtures import Block, fixture, text, tool
from tests.conformance.prompt_fixtures import prompt

EXTRA_TOOL = fixture("test_extra_tool", "Is there for a moment.", text("I was here."))


@prompt("test_extra_prompt", "Is there for a moment.")
async def extra_prompt(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """Something to pick."""
    return [text("I was here.")]


def triggers(server: Server) -> Sequence[ITool]:
    """The tools that change this server's lists, and leave them as they were."""

    @tool("test_trigger_tool_change", "Adds a tool and takes it away again.")
    async def change_tools(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        server.add_tool(EXTRA_TOOL)
        server.remove_tool(EXTRA_TOOL.description.name)
        return ToolResult.text("The tools have changed.")

    @tool("test_trigger_prompt_change", "Adds a prompt and takes it away again.")
    async def change_prompts(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        server.add_prompt(extra_prompt)
        server.remove_prompt(extra_prompt.description.name)
        return ToolResult.text("The prompts have changed.")

    return (change_tools, change_prompts)
