"""What HTTP headers say, and whether they say the same as the body."""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable, Mapping
from functools import lru_cache

from mnemo.mcp.errors import ProtocolError, header_mismatch, invalid_request
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.versions import LEGACY

Headers = Mapping[str, tuple[str, ...]]

PROTOCOL_VERSION = "mcp-protocol-version"
SESSION = "mcp-session-id"
PROJECT = "x-mnemo-project"

_NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}


def is_modern(headers: Headers) -> bool:
    """Whether the version header is there and of no legacy revision."""
    values = headers.get(PROTOCOL_VERSION)
    return values is not None and any(value.strip() not in LEGACY for value in values)


def single(headers: Headers, name: str) -> str:
    """
    The value of a header, C{""} where it is absent. Raises L{ProtocolError} where it is sent
    twice.
    """
    values = headers.get(name)
    if values is None:
        return ""
    if len(values) != 1:
        raise header_mismatch(f"The header {name} was sent {len(values)} times")
    return values[0].strip()


def project_hint(headers: Headers) -> str:
    """
    What the client says of its project, C{""} where it does not; the first where it says it
    twice.
    """
    values = headers.get(PROJECT)
    hint = values[0].strip() if values else ""
    # A client that fills in no variables sends "${PWD}" as it was written.
    return "" if hint.startswith("${") else hint


def check_post(headers: Headers) -> ProtocolError | None:
    """Why the body cannot be read, or not be answered."""
    if not _is_json(headers.get("content-type", ())):
        return invalid_request("The Content-Type must be application/json", status=415)
    if not accepts(headers, "application/json"):
        return invalid_request("The Accept header must allow application/json", status=406)
    return None


def accepts(headers: Headers, media_type: str) -> bool:
    """Whether the client takes this type. One that does not say takes every type."""
    return media_type in _accepted(headers.get("accept", ()))


def check_body(headers: Headers, request: Request, version: str) -> None:
    """
    Raise L{ProtocolError} where a modern request's headers do not repeat what its body says.

    @param version: the version in the body
    """
    _check(headers, PROTOCOL_VERSION, version)
    _check(headers, "mcp-method", request.method)
    member = _NAMED_BY.get(request.method)
    if member is None:
        return
    name = request.params.get(member)
    if isinstance(name, str):
        _check(headers, "mcp-name", name, plain)
    elif "mcp-name" in headers:
        raise header_mismatch(f"The header mcp-name is there, but params.{member} is no string")


def _check(headers: Headers, name: str, expected: str, read: Callable[[str], str] = str) -> None:
    said = single(headers, name)
    if name in headers and read(said) == expected:
        return
    if not said:
        raise header_mismatch(f"The header {name} is missing; the body says {expected[:128]!r}")
    raise header_mismatch(f"The header {name} says {said[:128]!r}, the body {expected[:128]!r}")


def plain(value: str) -> str:
    """
    A value as it was before it was put into a header: C{=?base64?...?=} holds UTF-8 text.

    Raises L{ProtocolError} for what is not canonical base64 of UTF-8.
    """
    if not (value.startswith("=?base64?") and value.endswith("?=") and len(value) >= 11):
        return value
    inner = value[9:-2]
    try:
        raw = b64decode(inner, validate=True)
        if b64encode(raw).decode() == inner:
            return raw.decode()
    except (BadBase64, ValueError):
        pass
    raise header_mismatch(f"Not base64 of UTF-8 text: {inner[:128]!r}")


# Clients send the same few values over and over.


@lru_cache(maxsize=64)
def _is_json(values: tuple[str, ...]) -> bool:
    return len(values) == 1 and values[0].partition(";")[0].strip().lower() == "application/json"


@lru_cache(maxsize=64)
def _accepted(values: tuple[str, ...]) -> frozenset[str]:
    parts = [part.strip().lower() for part in ",".join(values).split(",") if part.strip()]
    ranges = {_media_range(part) for part in parts} if parts else {"*/*"}
    return frozenset(
        media_type
        for media_type in ("application/json", "text/event-stream")
        if ranges & {media_type, media_type.partition("/")[0] + "/*", "*/*"}
    )


def _media_range(part: str) -> str:
    """The media range of one part of an Accept header, C{""} where its weight is nought."""
    media_range, *parameters = (item.strip() for item in part.split(";"))
    return "" if any(_is_nought(parameter) for parameter in parameters) else media_range


def _is_nought(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and re.fullmatch(r"0(\.0*)?", value.strip()) is not None
