"""One client on a line of its own: stdio, or any pipe that carries a message a line."""

from collections.abc import Callable

from attrs import define, field

from mnemo.mcp import batch, jsonrpc, legacy, modern, versions
from mnemo.mcp.dialogue import Dialogue
from mnemo.mcp.errors import ProtocolError
from mnemo.mcp.jsonrpc import Batch, Malformed, Message, Notification, Request, Response
from mnemo.mcp.listening import Listening
from mnemo.mcp.server import Server
from mnemo.sessions.interfaces import Session


@define(eq=False)
class Connection:
    """
    The server's end of one connection.

    Its era is how the client opens: with C{initialize}, or with requests that say their
    version themselves. A client that does neither is served as well, as a legacy one.

    @ivar send: sends one message of the server's own, such as C{roots/list}, without newline
    @ivar project_hint: what the transport knows of the project: its working directory
    @ivar version: what a client is taken to speak that sends no C{initialize}; one that is
        not a legacy version counts as the latest of them
    @ivar session: the session of a client that sends no C{initialize}, where the transport has
        opened one for it; else it gets a work session
    """

    server: Server
    send: Callable[[bytes], None]
    principal: str = "local"
    project_hint: str = ""
    version: str = ""
    session: Session | None = None
    _modern: bool = field(init=False, default=False)
    _joined: tuple[Session, Dialogue] | None = field(init=False, default=None)
    # A client that has not introduced itself is served in a work session.
    _guest: tuple[Session, Dialogue] | None = field(init=False, default=None)
    _listening: Listening = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._listening = Listening(self.server)

    async def receive(self, line: bytes) -> bytes | None:
        """
        The answer to one message, C{None} where it wants none. Messages may be received while
        earlier ones are still being answered. Cancelling gives up the work and the answer.
        """
        return await self.take(jsonrpc.parse(line)) if line.strip() else None

    async def take(self, message: Message | Malformed) -> bytes | None:
        """As L{receive}, for a message that is read already."""
        if isinstance(message, Batch):
            return await self._batch(message)
        if isinstance(message, Malformed):
            return jsonrpc.error(message.id, message.problem)
        if not isinstance(message, Request):
            await self.server.outcome(self._take(message))
            return None
        outcome = await self.server.outcome(self._result(message))
        if isinstance(outcome, ProtocolError):
            return jsonrpc.error(message.id, outcome)
        return jsonrpc.result(message.id, outcome)

    def end_listening(self) -> None:
        """Answer every C{subscriptions/listen}: there will be no more news."""
        self._listening.end()

    async def close(self) -> None:
        """The client has gone: nothing is sent any more, and the session it opened ends."""
        guest, self._guest = self._guest, None
        if guest is not None:
            guest[1].close()
        joined, self._joined = self._joined, None
        if joined is not None:
            session, dialogue = joined
            session.streams -= 1
            dialogue.close()
            await self.server.sessions.end(session, "closed")

    async def _result(self, request: Request) -> bytes:
        if request.method == "initialize" and not modern.claimed(request.params):
            return await self._initialize(request)
        if self._modern or modern.claimed(request.params):
            asked = modern.metadata(request.params)
            versions.require_modern(asked.version)
            self._modern = self._modern or self._joined is None
            return await modern.result(
                self.server,
                request,
                asked,
                self.principal,
                self.project_hint,
                self.send,
                self._listening,
            )
        version = versions.negotiate(self.version)
        if self._joined is not None:
            version = self._joined[0].opening.version
        return await legacy.result(self.server, request, version, self._join, self.send)

    async def _initialize(self, request: Request) -> bytes:
        """A second C{initialize} begins anew."""
        session = await legacy.open_session(
            self.server, request.params, self.principal, self.project_hint
        )
        await self.close()
        self._modern = False
        # A session whose connection stands is not idle.
        session.streams += 1
        self._joined = session, Dialogue(self.server, session, session.opening)
        return self.server.initialize(session.opening.version)

    async def _join(self) -> tuple[Session, Dialogue]:
        """The session that was opened, else the work session of a client that opened none."""
        if self._joined is not None:
            return self._joined
        session = self.session or await self.server.projects.work(
            versions.negotiate(self.version), "", "", self.principal, "", self.project_hint
        )
        if self._guest is None or self._guest[0] is not session:
            self._guest = session, Dialogue(self.server, session, session.opening)
            self._guest[1].begin(self.send)
        return self._guest

    async def _take(self, message: Notification | Response) -> None:
        talking = self._joined or self._guest
        if talking is None:
            return
        dialogue = talking[1]
        if isinstance(message, Notification) and message.method == "notifications/initialized":
            dialogue.begin(self.send)
        else:
            await dialogue.taken(message)

    async def _batch(self, message: Batch) -> bytes | None:
        version = "" if self._joined is None else self._joined[0].opening.version
        try:
            found = batch.messages(message, version)
        except ProtocolError as problem:
            return jsonrpc.error(None, problem)
        return await batch.answer(found, self.take)
