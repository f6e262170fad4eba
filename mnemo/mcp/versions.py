"""The revisions of the protocol: which there are, how one is agreed on, what each can read."""

from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.mcp.errors import UNSUPPORTED_VERSION, ProtocolError
from mnemo.tools.interfaces import ToolDescription

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with C{initialize} and keep sessions, oldest first."""

MODERN = ("2026-07-28",)
"""Stateless revisions, in which every request says its version itself."""

REVISIONS = LEGACY + MODERN

# Revisions are dates, so they compare as text.
_FIELDS_SINCE = {
    "annotations": "2025-03-26",
    "title": "2025-06-18",
    "outputSchema": "2025-06-18",
    "_meta": "2025-06-18",
}
_CONTENT_SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
_STRUCTURED_SINCE = "2025-06-18"


def negotiate(requested: str) -> str:
    """The version for a session whose C{initialize} asks for C{requested}."""
    return requested if requested in LEGACY else LEGACY[-1]


def require_modern(version: str) -> None:
    """Raise L{ProtocolError} where a request's version is not a modern one of ours."""
    if version not in MODERN:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            f"Unsupported protocol version {version[:64]!r}: this server speaks "
            f"{', '.join(MODERN)} per request, and {', '.join(LEGACY)} after initialize",
            {"supported": list(MODERN), "requested": version[:64]},
        )


def listed(tool: ToolDescription, version: str) -> dict[str, Any]:
    """A tool as C{tools/list} shows it to a client of this version."""
    entry = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": tool.annotations,
        "_meta": tool.meta,
    }
    return {
        name: value
        for name, value in entry.items()
        if value and version >= _FIELDS_SINCE.get(name, "")
    }


def carries_structured(version: str) -> bool:
    """Whether a tool's result may have C{structuredContent}."""
    return version >= _STRUCTURED_SINCE


def readable(content: Sequence[Mapping[str, Any]], version: str) -> Sequence[Mapping[str, Any]]:
    """Content blocks with each kind that the version does not know told in words instead."""
    if version >= "2025-06-18":
        return content
    return [
        block if version >= _CONTENT_SINCE.get(block["type"], "") else _told(block)
        for block in content
    ]


def _told(block: Mapping[str, Any]) -> Mapping[str, Any]:
    if block["type"] == "resource_link":
        text = f"{block.get('name', 'resource')}: {block['uri']}"
    else:
        text = f"[{block['type']}: this client's version of the protocol has no such content]"
    return {"type": "text", "text": text}
