"""The modern ladder: every request says for itself who asks, and in which version."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mnemo.mcp import input_required, task_methods, versions
from mnemo.mcp.client import ModernClient, level_of, progress_token
from mnemo.mcp.errors import invalid_params
from mnemo.mcp.input_required import InputRequired
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.listening import Listening
from mnemo.mcp.outbound import Send
from mnemo.mcp.results import SESSION_HANDLE
from mnemo.mcp.server import Server
from mnemo.tools.interfaces import CallContext, LogLevel

PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion"
CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"

_HANDLE = re.compile("[!-~]{1,128}")


@frozen
class Metadata:
    """
    What a request's C{_meta} says.

    @ivar handle: the work session that the client names, or C{""}
    @ivar log_level: of which level it wants to be told what is logged, or C{None} for nothing
    """

    version: str
    client: str
    client_version: str
    capabilities: Mapping[str, Any]
    handle: str
    log_level: LogLevel | None = None


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
    return Metadata(
        version,
        _said(client, "name"),
        _said(client, "version"),
        capabilities,
        _handle(meta) if SESSION_HANDLE in meta else "",
        level_of(meta[LOG_LEVEL]) if LOG_LEVEL in meta else None,
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
    server: Server,
    request: Request,
    asked: Metadata,
    principal: str,
    hint: str,
    send: Send | None,
    listening: Listening,
) -> bytes:
    """
    The encoded result of a request whose metadata and headers are in order.

    Raises L{ProtocolError}, and L{SessionLimit} where there is no room for a work session.

    @param hint: what the transport knows of the project, or C{""}
    @param send: sends a message on the request's own stream; C{None} where it has none
    @param listening: where those who listen are
    """
    versions.require_modern(asked.version)
    method, params = request.method, request.params
    if method == "server/discover":
        return server.discover(asked.version)
    if method == "subscriptions/listen":
        return await listening.listen(request, asked.version, principal, send)
    if method.startswith("tasks/") and server.tasks is not None:
        told = await task_methods.answer(
            server.tasks, method, params, asked.capabilities, principal
        )
        return server.result(told, asked.version)
    answers = None
    if method in input_required.METHODS and server.sealer is not None:
        answers = input_required.answers(server.sealer, request, principal)

    async def enter() -> CallContext:
        session = await server.projects.work(
            asked.version,
            asked.client,
            asked.client_version,
            principal,
            asked.handle,
            hint,
        )
        client = ModernClient(
            progress_token(params), send, asked.capabilities, asked.log_level, answers
        )
        return CallContext(session, asked.capabilities, client)

    try:
        if method == "tools/call" and server.tasks is not None:
            tool, arguments = server.tools.called(params)
            if server.tasks.takes(tool, asked.capabilities):
                begun = await server.tasks.begin(tool, arguments, await enter(), asked.version)
                return server.result(begun, asked.version)
        return await server.answer(request, asked.version, enter)
    except InputRequired as needed:
        if answers is None:
            raise
        return server.result(answers.result(needed.questions), asked.version)
