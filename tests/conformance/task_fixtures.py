"""Tools that run as tasks where the client knows of such, and one that never does."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mnemo.tools.interfaces import CallContext, ITool, Question, ToolDescription, ToolResult
from tests.conformance.asking_fixtures import NAME, form, needed
from tests.conformance.fixtures import NO_ARGUMENTS, one_text, pause, tool

SECONDS = {
    "type": "object",
    "properties": {"seconds": {"type": "number", "minimum": 0}, "label": {"type": "string"}},
    "required": ["seconds"],
}


@tool("greet", "Greets somebody, at once.", one_text("name"))
async def greet(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """A greeting."""
    return ToolResult.text(f"Hello, {arguments['name']}!")


@tool("slow_compute", "Takes as many seconds as it is told.", SECONDS, task="optional")
async def slow_compute(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """What it was told, later."""
    seconds = arguments["seconds"]
    if seconds:
        await pause(seconds)
    return ToolResult.text(f"{arguments.get('label', 'computed')}: {seconds} s")


@tool("failing_job", "Works for a second, in vain.", task="required")
async def failing_job(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """An error that the tool itself reports."""
    await pause(1)
    return ToolResult.error("The job failed, as it always does")


@tool("protocol_error_job", "Has a defect.", task="optional")
async def protocol_error_job(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """An error of which the tool knows nothing."""
    await pause(0.1)
    raise RuntimeError("a defect, as it should be")


def confirmation(about: str) -> Question:
    """A form with one box to tick."""
    return needed(form(about, confirm={"type": "boolean"}))


@tool("confirm_delete", "Asks before it deletes.", one_text("filename"), task="optional")
async def confirm_delete(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Whether the user agreed."""
    name = arguments["filename"]
    answers = await context.client.ask({"confirm": confirmation(f"Delete {name}?")})
    agreed = answers["confirm"].get("content", {}).get("confirm") is True
    return ToolResult.text(f"{name} was {'deleted' if agreed else 'kept'}")


@tool("multi_input", "Asks two things at once.", task="optional")
async def multi_input(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """How both were answered."""
    answers = await context.client.ask({"name": NAME, "confirm": confirmation("Go on?")})
    return ToolResult.text(f"name: {answers['name']}, confirm: {answers['confirm']}")


@frozen
class GreetingLater:
    """Asks for a name while the client waits, and greets it when nobody does any more."""

    description: ToolDescription

    async def prepare(
        self, arguments: Mapping[str, Any], context: CallContext
    ) -> Mapping[str, Any]:
        """With the name."""
        answers = await context.client.ask({"user_name": NAME})
        return {**arguments, "name": answers["user_name"].get("content", {}).get("name")}

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """A greeting."""
        await pause(0.1)
        return ToolResult.text(f"Hello, {arguments.get('name')}!")


TOOLS: tuple[ITool, ...] = (
    greet,
    slow_compute,
    failing_job,
    protocol_error_job,
    confirm_delete,
    multi_input,
    GreetingLater(
        ToolDescription("test_tool_with_task", "", "Greets later.", NO_ARGUMENTS, task="required")
    ),
)
