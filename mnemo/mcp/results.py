"""Results as each version of the protocol has them."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from mnemo.mcp.versions import MODERN
from mnemo.tools.interfaces import (
    PromptDescription,
    PromptResult,
    ResourceContent,
    ResourceDescription,
    TemplateDescription,
    ToolDescription,
    ToolResult,
)

SESSION_HANDLE = "mnemo/session"
"""Under this key of C{_meta} a modern result names its work session, and a request may."""

SERVER_INFO = "io.modelcontextprotocol/serverInfo"

RETRY_AFTER = "mnemo/retryAfter"
"""Under this key a refused request is told how many seconds to wait."""

LASTING = 3_600_000
"""Milliseconds for which a client may keep what changes with an upgrade alone."""

FLEETING = 1_000
"""Milliseconds for which a client may keep what changes as agents work."""

# Revisions are dates, so they compare as text.
_TITLES_SINCE = "2025-06-18"
_TOOL_FIELDS_SINCE = {
    "annotations": "2025-03-26",
    "title": _TITLES_SINCE,
    "outputSchema": "2025-06-18",
    "_meta": "2025-06-18",
}
_MODIFIED_SINCE = "2025-06-18"
_CONTENT_SINCE = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
_STRUCTURED_SINCE = "2025-06-18"


def complete(
    result: Mapping[str, Any], version: str, identity: Mapping[str, str], ttl: int | None = None
) -> Mapping[str, Any]:
    """
    A result with what a version wants in all of them.

    @param identity: C{serverInfo}
    @param ttl: for how many milliseconds a client may keep it, where the protocol wants that
        said
    """
    if version not in MODERN:
        return result
    told: dict[str, Any] = {"resultType": "complete", **result}
    told["_meta"] = {**result.get("_meta", {}), SERVER_INFO: identity}
    if ttl is not None:
        told["ttlMs"] = ttl
        told["cacheScope"] = "private"
    return told


def tool(description: ToolDescription, version: str) -> dict[str, Any]:
    """A tool as C{tools/list} shows it."""
    entry = {
        "name": description.name,
        "title": description.title,
        "description": description.description,
        "inputSchema": description.input_schema,
        "outputSchema": description.output_schema,
        "annotations": description.annotations,
        "_meta": description.meta,
    }
    return {
        name: value
        for name, value in entry.items()
        if value and version >= _TOOL_FIELDS_SINCE.get(name, "")
    }


def tool_result(outcome: ToolResult, handle: str, version: str) -> dict[str, Any]:
    """
    What a call brought, as C{tools/call} tells it.

    @param handle: by which a modern client can name the work session of the call
    """
    result: dict[str, Any] = {"content": content(outcome.content, version)}
    if outcome.structured is not None and version >= _STRUCTURED_SINCE:
        result["structuredContent"] = outcome.structured
    if outcome.is_error:
        result["isError"] = True
    if version in MODERN:
        result["_meta"] = {**outcome.meta, SESSION_HANDLE: handle}
    elif outcome.meta:
        result["_meta"] = outcome.meta
    return result


def prompt(description: PromptDescription, version: str) -> dict[str, Any]:
    """A prompt as C{prompts/list} shows it."""
    arguments = [
        _titled(
            version,
            name=argument.name,
            title=argument.title,
            description=argument.description,
            required=argument.required,
        )
        for argument in description.arguments
    ]
    return _titled(
        version,
        name=description.name,
        title=description.title,
        description=description.description,
        arguments=arguments,
    )


def prompt_result(outcome: PromptResult, version: str) -> dict[str, Any]:
    """A prompt as C{prompts/get} fills it in."""
    result: dict[str, Any] = {
        "messages": [
            {**message, "content": content([message["content"]], version)[0]}
            for message in outcome.messages
        ]
    }
    if outcome.description:
        result["description"] = outcome.description
    return result


def resource(description: ResourceDescription, version: str) -> dict[str, Any]:
    """A resource as C{resources/list} shows it."""
    annotations = {
        name: value
        for name, value in description.annotations.items()
        if name != "lastModified" or version >= _MODIFIED_SINCE
    }
    entry = _titled(
        version,
        uri=description.uri,
        name=description.name,
        title=description.title,
        description=description.description,
        mimeType=description.mime_type,
        annotations=annotations,
    )
    if description.size is not None:
        entry["size"] = description.size
    return entry


def template(description: TemplateDescription, version: str) -> dict[str, Any]:
    """A family of resources as C{resources/templates/list} shows it."""
    return _titled(
        version,
        uriTemplate=description.uri_template,
        name=description.name,
        title=description.title,
        description=description.description,
        mimeType=description.mime_type,
    )


def resource_content(held: ResourceContent) -> dict[str, Any]:
    """What a resource holds, as C{resources/read} gives it."""
    entry: dict[str, Any] = {"uri": held.uri}
    if held.mime_type:
        entry["mimeType"] = held.mime_type
    if isinstance(held.content, bytes):
        entry["blob"] = b64encode(held.content).decode()
    else:
        entry["text"] = held.content
    return entry


def _titled(version: str, **fields: Any) -> dict[str, Any]:
    """The fields that say something, the title for those versions that have one."""
    if version < _TITLES_SINCE:
        del fields["title"]
    return {name: value for name, value in fields.items() if value}


def content(blocks: Sequence[Mapping[str, Any]], version: str) -> Sequence[Mapping[str, Any]]:
    """Content blocks with each kind that the version does not know told in words instead."""
    if version >= "2025-06-18":
        return blocks
    return [
        block if version >= _CONTENT_SINCE.get(block["type"], "") else _told(block)
        for block in blocks
    ]


def _told(block: Mapping[str, Any]) -> Mapping[str, Any]:
    if block["type"] == "resource_link":
        text = f"{block.get('name', 'resource')}: {block['uri']}"
    else:
        text = f"[{block['type']}: this client's version of the protocol has no such content]"
    return {"type": "text", "text": text}
