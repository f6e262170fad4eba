"""What the fixtures of the conformance suite are made of. None of it is part of mnemo."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from struct import pack
from typing import Any
from zlib import compress, crc32

from attrs import frozen
from twisted.internet.task import deferLater

from mnemo.tools.interfaces import CallContext, ToolDescription, ToolResult

Block = Mapping[str, Any]

Act = Callable[[Mapping[str, Any], CallContext], Awaitable[ToolResult]]

NO_ARGUMENTS = {"type": "object", "additionalProperties": False}


@frozen
class FixtureTool:
    """A tool that is one function (L{mnemo.tools.interfaces.ITool})."""

    description: ToolDescription
    act: Act

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """What the function makes of it."""
        return await self.act(arguments, context)


def tool(
    name: str, does: str, schema: Mapping[str, Any] = NO_ARGUMENTS, **more: Any
) -> Callable[[Act], FixtureTool]:
    """Makes a function the tool of this name."""
    return lambda act: FixtureTool(ToolDescription(name, "", does, schema, **more), act)


def fixture(
    name: str, does: str, *content: Block, schema: Mapping[str, Any] = NO_ARGUMENTS
) -> FixtureTool:
    """A tool that always answers with this content."""

    async def act(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return ToolResult(content)

    return FixtureTool(ToolDescription(name, "", does, schema), act)


def one_text(argument: str) -> Mapping[str, Any]:
    """The schema of a tool that takes one text."""
    return {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
        "additionalProperties": False,
    }


async def pause(seconds: float) -> None:
    """Take some time over it."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


# -- content


def text(said: str) -> Block:
    """A block of text."""
    return {"type": "text", "text": said}


def resource(uri: str, media_type: str, said: str) -> Block:
    """A block that holds a resource."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "text": said}}


def encoded(kind: str, media_type: str, data: bytes) -> Block:
    """A block of binary content."""
    return {"type": kind, "data": b64encode(data).decode(), "mimeType": media_type}


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


IMAGE = encoded("image", "image/png", red_pixel())
AUDIO = encoded("audio", "audio/wav", silence())
