"""Tools that answer at once, each in its own way."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.tools.interfaces import CallContext, ITool, MissingCapability, ToolError, ToolResult
from tests.conformance.fixtures import AUDIO, IMAGE, fixture, resource, text, tool

SCHEMA_2020_12 = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

REGION = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "additionalProperties": False,
}


@tool("test_error_handling", "Fails.")
async def error_handling(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Refuse."""
    raise ToolError("This tool intentionally returns an error for testing")


@tool("test_missing_capability", "Works for clients that declare sampling.")
async def missing_capability(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Refuse clients that cannot sample."""
    if "sampling" not in context.capabilities:
        raise MissingCapability({"sampling": {}})
    return ToolResult.text("Sampling is declared.")


@tool("test_x_mcp_header", "Takes a region, which goes into a header as well.", REGION)
async def x_mcp_header(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Say which region came."""
    return ToolResult.text(f"The region is {arguments.get('region', 'not given')}.")


TOOLS: Sequence[ITool] = (
    fixture(
        "test_simple_text",
        "Answers with text.",
        text("This is a simple text response for testing."),
    ),
    fixture("test_image_content", "Answers with an image.", IMAGE),
    fixture("test_audio_content", "Answers with a sound.", AUDIO),
    fixture(
        "test_embedded_resource",
        "Answers with a resource.",
        resource("test://embedded-resource", "text/plain", "This is an embedded resource content."),
    ),
    fixture(
        "test_multiple_content_types",
        "Answers with text, an image and a resource.",
        text("Multiple content types test:"),
        IMAGE,
        resource(
            "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
        ),
    ),
    fixture(
        "json_schema_2020_12_tool",
        "Has a schema with most of what JSON Schema 2020-12 knows.",
        text("Done."),
        schema=SCHEMA_2020_12,
    ),
    fixture("test_streaming_elicitation", "Answers without asking.", text("Nothing to ask.")),
    error_handling,
    missing_capability,
    x_mcp_header,
)
