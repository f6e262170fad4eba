"""The tools that the conformance suite calls. None of them is part of mnemo."""

from base64 import b64encode
from collections.abc import Mapping
from struct import pack
from typing import Any
from zlib import compress, crc32

from attrs import define, field

from mnemo.tools.interfaces import (
    CallContext,
    ITool,
    MissingCapability,
    ToolDescription,
    ToolResult,
)

Block = Mapping[str, Any]

NO_ARGUMENTS = {"type": "object", "additionalProperties": False}

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


@define
class Fixture:
    """
    A tool with one answer.

    @ivar requires: the capabilities without which a client gets none
    """

    description: ToolDescription
    result: ToolResult
    requires: Mapping[str, Any] = field(factory=dict)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """The answer."""
        if not self.requires.keys() <= context.capabilities.keys():
            raise MissingCapability(self.requires)
        return self.result


def fixture(name: str, does: str, *content: Block, **more: Any) -> Fixture:
    """A tool that takes nothing and answers with this content."""
    schema = more.pop("schema", NO_ARGUMENTS)
    result = ToolResult(content, is_error=more.pop("is_error", False))
    return Fixture(ToolDescription(name, "", does, schema), result, **more)


def text(said: str) -> Block:
    """A block of text."""
    return {"type": "text", "text": said}


def resource(uri: str, media_type: str, said: str) -> Block:
    """A block that holds a resource."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "text": said}}


def red_pixel() -> bytes:
    """A PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    header = chunk(b"IHDR", pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixel = chunk(b"IDAT", compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + pixel + chunk(b"IEND", b"")


def silence() -> bytes:
    """A WAV of eight silent samples."""
    samples = b"\x80" * 8
    form = b"fmt " + pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    data = b"data" + pack("<I", len(samples)) + samples
    return b"RIFF" + pack("<I", 4 + len(form) + len(data)) + b"WAVE" + form + data


def encoded(kind: str, media_type: str, data: bytes) -> Block:
    """A block of binary content."""
    return {"type": kind, "data": b64encode(data).decode(), "mimeType": media_type}


IMAGE = encoded("image", "image/png", red_pixel())
AUDIO = encoded("audio", "audio/wav", silence())

FIXTURES: list[ITool] = [
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
        "test_error_handling",
        "Fails.",
        text("This tool intentionally returns an error for testing"),
        is_error=True,
    ),
    fixture(
        "json_schema_2020_12_tool",
        "Has a schema with most of what JSON Schema 2020-12 knows.",
        text("Done."),
        schema=SCHEMA_2020_12,
    ),
    fixture(
        "test_missing_capability",
        "Works for clients that declare sampling.",
        text("Sampling is declared."),
        requires={"sampling": {}},
    ),
    fixture("test_streaming_elicitation", "Answers without asking.", text("Nothing to ask.")),
    fixture("test_logging_tool", "Answers without logging.", text("Nothing to log.")),
]
