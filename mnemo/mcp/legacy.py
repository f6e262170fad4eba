"""The legacy ladder: C{initialize} opens a session, and every request belongs to one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mnemo.mcp import jsonrpc, versions
from mnemo.mcp.client import level_of
from mnemo.mcp.dialogue import Dialogue
from mnemo.mcp.errors import invalid_params
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.outbound import Send
from mnemo.mcp.server import Server
from mnemo.sessions.interfaces import Opening, Session
from mnemo.tools.interfaces import CallContext

CAPABILITIES_LIMIT = 8192
"""Bytes of JSON in which a client declares its capabilities: they are kept with its session."""


async def open_session(
    server: Server, params: Mapping[str, Any], principal: str, hint: str
) -> Session:
    """
    The session that a valid C{initialize} opens.

    Raises L{ProtocolError} for params that are not valid, and L{SessionLimit}.

    @param hint: what the transport knows of the project, or C{""}
    """
    version = params.get("protocolVersion")
    if type(version) is not str:
        raise invalid_params("initialize needs protocolVersion, a string")
    capabilities = params.get("capabilities")
    if type(capabilities) is not dict:
        raise invalid_params("initialize needs capabilities, an object")
    if len(jsonrpc.encode(capabilities)) > CAPABILITIES_LIMIT:
        raise invalid_params(f"capabilities must not exceed {CAPABILITIES_LIMIT} bytes")
    client = params.get("clientInfo")
    if type(client) is not dict:
        raise invalid_params("initialize needs clientInfo, an object")
    name, client_version = client.get("name"), client.get("version")
    if type(name) is not str or type(client_version) is not str:
        raise invalid_params("clientInfo needs name and version, both strings")
    opening = Opening(
        version=versions.negotiate(version),
        client=name[:128],
        client_version=client_version[:128],
        principal=principal,
        project=await server.projects.name(hint),
        capabilities=capabilities,
    )
    session = await server.sessions.open(opening)
    server.projects.opened(session, hint)
    return session


Join = Callable[[], Awaitable[tuple[Session, Dialogue]]]
"""Finds or makes the session of a request."""


async def result(
    server: Server,
    request: Request,
    version: str,
    join: Join,
    send: Send | None,
    release: Callable[[float], None] | None = None,
) -> bytes:
    """
    The encoded result of a request. Raises L{ProtocolError}.

    @param version: what the client speaks
    @param join: awaited at most once, and only by what needs a session
    @param send: sends a message on the request's own stream; C{None} where it has none
    @param release: lets the client hang up, and come back for the answer
    """
    method = request.method
    if method == "ping":
        return b"{}"
    if method == "logging/setLevel":
        level = level_of(request.params.get("level"))
        _, dialogue = await join()
        dialogue.log_level = level
        return b"{}"
    if method in ("resources/subscribe", "resources/unsubscribe"):
        session, dialogue = await join()
        await dialogue.subscribe(session, request)
        return b"{}"

    async def enter() -> CallContext:
        session, dialogue = await join()
        return dialogue.context(session, request, send, release)

    return await server.answer(request, version, enter)
