"""One client on a line of its own: stdio, or any pipe that carries a message a line."""

from collections.abc import Callable

from attrs import define, field

from mnemo.mcp import jsonrpc, legacy, modern, versions
from mnemo.mcp.errors import ProtocolError
from mnemo.mcp.jsonrpc import Malformed, Notification, Request, Response
from mnemo.mcp.legacy import Dialogue
from mnemo.mcp.server import Server
from mnemo.tools.interfaces import CallContext


@define(eq=False)
class Connection:
    """
    The server's end of one connection.

    Its era is how the client opens: with C{initialize}, or with requests that say their
    version themselves. A client that does neither is served as well, as a legacy one.

    @ivar send: sends one message of the server's own, such as C{roots/list}, without newline
    @ivar project_hint: what the transport knows of the project: its working directory
    """

    server: Server
    send: Callable[[bytes], None]
    principal: str = "local"
    project_hint: str = ""
    _modern: bool = field(init=False, default=False)
    _dialogue: Dialogue | None = field(init=False, default=None)

    async def receive(self, line: bytes) -> bytes | None:
        """
        The answer to one message, C{None} where it wants none. Messages may be received while
        earlier ones are still being answered. Cancelling gives up the work and the answer.
        """
        if not line.strip():
            return None
        message = jsonrpc.parse(line)
        if isinstance(message, Malformed):
            return jsonrpc.error(message.id, message.problem)
        if not isinstance(message, Request):
            await self.server.outcome(self._take(message))
            return None
        outcome = await self.server.outcome(self._result(message))
        if isinstance(outcome, ProtocolError):
            return jsonrpc.error(message.id, outcome)
        return jsonrpc.result(message.id, outcome)

    async def close(self) -> None:
        """The client has gone: nothing is sent any more, and the session it opened ends."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.end()
            await self.server.sessions.end(dialogue.session, "closed")

    async def _result(self, request: Request) -> bytes:
        if request.method == "initialize" and not modern.claimed(request.params):
            return await self._initialize(request)
        if self._modern or modern.claimed(request.params):
            asked = modern.metadata(request.params)
            versions.require_modern(asked.version)
            self._modern = self._modern or self._dialogue is None
            return await modern.result(
                self.server, request, asked, self.principal, self.project_hint
            )
        if self._dialogue is not None:
            return await legacy.result(self.server, request, self._dialogue.session)
        return await self._unopened(request)

    async def _initialize(self, request: Request) -> bytes:
        """A second C{initialize} begins anew."""
        session = await legacy.open_session(
            self.server, request.params, self.principal, self.project_hint
        )
        await self.close()
        self._modern = False
        self._dialogue = Dialogue(self.server, session)
        return self.server.initialize(session.opening.version)

    async def _unopened(self, request: Request) -> bytes:
        """A request of a client that has not introduced itself: a call gets a work session."""
        version = versions.LEGACY[-1]
        if request.method != "tools/call":
            return legacy.sessionless(self.server, request, version)
        tool, arguments = self.server.called(request.params)
        session = await self.server.projects.work(
            version, "", "", self.principal, "", self.project_hint
        )
        return await self.server.call_tool(tool, arguments, CallContext(session), version)

    async def _take(self, message: Notification | Response) -> None:
        if self._dialogue is None:
            return
        if isinstance(message, Response):
            await self._dialogue.outbound.answered(message)
        elif message.method == "notifications/initialized":
            self._dialogue.begin(self.send)
        else:
            self._dialogue.notified(message)
