"""The legacy ladder: C{initialize} opens a session, and every request belongs to one."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from mnemo.mcp import jsonrpc, versions
from mnemo.mcp.errors import invalid_params, method_not_found
from mnemo.mcp.jsonrpc import Notification, Request
from mnemo.mcp.outbound import Outbound
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


async def result(server: Server, request: Request, session: Session) -> bytes:
    """The encoded result of a request within a session. Raises L{ProtocolError}."""
    version = session.opening.version
    if request.method != "tools/call":
        return sessionless(server, request, version)
    tool, arguments = server.called(request.params)
    context = CallContext(session, session.opening.capabilities)
    return await server.call_tool(tool, arguments, context, version)


def sessionless(server: Server, request: Request, version: str) -> bytes:
    """The encoded result of a request that touches no session. Raises L{ProtocolError}."""
    if request.method == "tools/list":
        return server.list_tools(request.params, version)
    if request.method == "ping":
        return b"{}"
    raise method_not_found(request.method)


@define(eq=False)
class Dialogue:
    """The server's own part in a session: what it asks, and what follows from the answers."""

    server: Server
    session: Session
    outbound: Outbound = field(init=False, factory=Outbound)

    def begin(self, send: Callable[[bytes], None]) -> None:
        """The client listens: ask for its roots, if nothing else tells the project."""
        self.outbound.attach(send)
        if not self.session.project:
            self._ask_for_roots()

    def end(self) -> None:
        """The client does not listen any more."""
        self.outbound.detach()

    def notified(self, notification: Notification) -> None:
        """A notification has come. Those that mean nothing here are passed over."""
        if notification.method == "notifications/roots/list_changed":
            self._ask_for_roots()

    def _ask_for_roots(self) -> None:
        declared = "roots" in self.session.opening.capabilities
        if declared and not self.server.projects.hinted(self.session):
            self.outbound.ask("roots/list", {}, self._learn_roots)

    async def _learn_roots(self, result: object) -> None:
        """The first root is the folder that the client was opened in."""
        roots = result.get("roots") if isinstance(result, dict) else None
        first = roots[0] if isinstance(roots, list) and roots else None
        uri = first.get("uri") if isinstance(first, dict) else None
        if isinstance(uri, str) and not self.server.projects.hinted(self.session):
            await self.server.projects.move(self.session, await self.server.projects.name(uri))
