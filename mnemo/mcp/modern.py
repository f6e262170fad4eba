"""The modern ladder: every request says for itself who asks, and in which version."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mnemo.mcp import versions
from mnemo.mcp.errors import invalid_params, method_not_found
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.server import SESSION_HANDLE, Server
from mnemo.tools.interfaces import CallContext

PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"

_LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_HANDLE = re.compile("[!-~]{1,128}")


@frozen
class Metadata:
    """
    What a request's C{_meta} says.

    @ivar handle: the work session that the client names, or C{""}
    """

    version: str
    client: str
    client_version: str
    capabilities: Mapping[str, Any]
    handle: str


def claimed(params: Mapping[str, Any]) -> bool:
    """Whether a request says its version itself, which no legacy one does."""
    meta = params.get("_meta")
    return type(meta) is dict and PROTOCOL_VERSION in meta


def metadata(params: Mapping[str, Any]) -> Metadata:
    """Read a request's C{_meta}. Raises L{ProtocolError} where it lacks what it must have."""
    meta = params.get("_meta")
    if type(meta) is not dict:
        raise invalid_params(f"params._meta must be an object with {PROTOCOL_VERSION}")
    version = meta.get(PROTOCOL_VERSION)
    if type(version) is not str:
        raise invalid_params(f"_meta[{PROTOCOL_VERSION!r}] must be a string")
    capabilities = meta.get(CLIENT_CAPABILITIES)
    if type(capabilities) is not dict:
        raise invalid_params(f"_meta[{CLIENT_CAPABILITIES!r}] must be an object")
    client = meta.get(CLIENT_INFO, {})
    if type(client) is not dict:
        raise invalid_params(f"_meta[{CLIENT_INFO!r}] must be an object")
    if LOG_LEVEL in meta and meta[LOG_LEVEL] not in _LOG_LEVELS:
        raise invalid_params(f"_meta[{LOG_LEVEL!r}] must be one of {', '.join(_LOG_LEVELS)}")
    return Metadata(
        version,
        _said(client, "name"),
        _said(client, "version"),
        capabilities,
        _handle(meta) if SESSION_HANDLE in meta else "",
    )


def _said(client: Mapping[str, Any], what: str) -> str:
    said = client.get(what)
    return said[:128] if type(said) is str else ""


def _handle(meta: Mapping[str, Any]) -> str:
    handle = meta[SESSION_HANDLE]
    if type(handle) is not str or not _HANDLE.fullmatch(handle):
        raise invalid_params(f"_meta[{SESSION_HANDLE!r}] must be 1 to 128 visible ASCII characters")
    return handle


async def result(
    server: Server, request: Request, asked: Metadata, principal: str, hint: str
) -> bytes:
    """
    The encoded result of a request whose metadata and headers are in order.

    Raises L{ProtocolError}, and L{SessionLimit} where there is no room for a work session.

    @param hint: what the transport knows of the project, or C{""}
    """
    versions.require_modern(asked.version)
    if request.method == "tools/call":
        tool, arguments = server.called(request.params)
        session = await server.projects.work(
            asked.version, asked.client, asked.client_version, principal, asked.handle, hint
        )
        context = CallContext(session, asked.capabilities)
        return await server.call_tool(tool, arguments, context, asked.version)
    if request.method == "tools/list":
        return server.list_tools(request.params, asked.version)
    if request.method == "server/discover":
        return server.discover(asked.version)
    raise method_not_found(request.method)
