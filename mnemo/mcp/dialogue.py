"""The server's own part in a legacy session: what it tells and asks, and where to."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from weakref import ref

from attrs import define, field

from mnemo.mcp import jsonrpc
from mnemo.mcp.client import SESSION_ENDED, Inquiry, LegacyClient, progress_token
from mnemo.mcp.errors import invalid_params, method_not_found
from mnemo.mcp.jsonrpc import Notification, Request, Response
from mnemo.mcp.outbound import Outbound, Send
from mnemo.mcp.replay import Journal, Track
from mnemo.mcp.server import Server
from mnemo.mcp.subscriptions import URI_LENGTH, URIS, Subscription, Wants
from mnemo.sessions.interfaces import Opening, Session
from mnemo.tools.interfaces import CallContext, LogLevel

_REPLAY_SINCE = "2025-11-25"


def _weakly(session: Session) -> "ref[Session]":
    return ref(session)


class Stream(Protocol):
    """A stream that can be ended."""

    def close(self) -> None:
        """End it from this side."""


@define(eq=False)
class Dialogue:
    """
    What the server has to do with one client besides answering it.

    It does not keep its session: that one may end, and is gone then.

    @ivar opening: what the client said of itself
    @ivar log_level: the least of what it wants to be told of what is logged; until it says
        otherwise, what is information
    @ivar send: sends a message on the stream that the client keeps open for what belongs to no
        request; C{None} where there is none
    @ivar stream: what C{send} sends on, where it is one of several that come and go
    @ivar standing: the track of that
    @ivar inquiries: calls that wait for the client's answers
    @ivar ended: whether the session has ended, so that nobody will answer any more
    @ivar roots_due: whether to ask for the client's roots as soon as there is a way to
    """

    server: Server
    _whose: "ref[Session]" = field(converter=_weakly)
    opening: Opening
    outbound: Outbound = field(init=False, factory=Outbound)
    log_level: LogLevel = field(init=False, default="info")
    send: Send | None = field(init=False, default=None)
    stream: "Stream | None" = field(init=False, default=None)
    standing: Track | None = field(init=False, default=None)
    inquiries: set[Inquiry] = field(init=False, factory=set)
    ended: bool = field(init=False, default=False)
    roots_due: bool = field(init=False, default=False)
    _journal: Journal | None = field(init=False, default=None)
    _subscription: Subscription | None = field(init=False, default=None)
    _roots: str | None = field(init=False, default=None)

    @property
    def journal(self) -> Journal | None:
        """Where what is sent is kept for a client that comes back for it, if it knows how."""
        if self._journal is None and self.opening.version >= _REPLAY_SINCE:
            self._journal = Journal()
        return self._journal

    # -- streams

    def begin(self, send: Send) -> None:
        """The client listens: ask for its roots, if nothing else tells the project."""
        session = self._whose()
        if session is None:
            return
        self._forget_roots()
        self.send = send
        if self._subscription is None:
            self._subscription = self.server.subscriptions.add(_wants(session), self._tell)
        if self.roots_due or self.server.projects.is_open(session):
            self._ask_for_roots(send)

    def stream_opened(self, send: Send) -> None:
        """A stream of a request has begun, which can carry a question as well."""
        if self.roots_due:
            self._ask_for_roots(send)

    def end(self) -> None:
        """The client does not listen any more."""
        self.send = None
        self._forget_roots()
        if self._subscription is not None:
            self._subscription.cancel()
            self._subscription = None

    def close(self) -> None:
        """The session has ended: nobody will answer."""
        self.ended = True
        if self.stream is not None:
            self.stream.close()
        self.end()
        for inquiry in tuple(self.inquiries):
            inquiry.fail(SESSION_ENDED)

    # -- messages

    async def taken(self, message: Notification | Response) -> None:
        """A message has come. What means nothing here is passed over."""
        if isinstance(message, Response):
            await self.outbound.answered(message)
        elif message.method == "notifications/roots/list_changed":
            self._ask_for_roots(self.send)

    def context(
        self,
        session: Session,
        request: Request,
        send: Send | None,
        release: Callable[[float], None] | None = None,
    ) -> CallContext:
        """
        Who calls.

        @param send: sends a message on the request's own stream; C{None} where it has none
        @param release: lets the client hang up, and come back
        """
        client = LegacyClient(progress_token(request.params), send, self, release)
        return CallContext(session, self.opening.capabilities, client)

    async def subscribe(self, session: Session, request: Request) -> None:
        """
        C{resources/subscribe} and C{resources/unsubscribe}.

        Raises L{ProtocolError} for what is no URI, and for too many.
        """
        if "resources" not in self.server.capabilities(self.opening.version):
            raise method_not_found(request.method)
        uri = request.params.get("uri")
        if type(uri) is not str or not 0 < len(uri) <= URI_LENGTH:
            raise invalid_params(f"uri must be a string of 1 to {URI_LENGTH} characters")
        if request.method == "resources/subscribe":
            uris = session.subscriptions | {uri}
        else:
            uris = session.subscriptions - {uri}
        if len(uris) > URIS:
            raise invalid_params(f"A session cannot subscribe to more than {URIS} resources")
        await self.server.sessions.set_subscriptions(session, uris)
        if self._subscription is not None:
            self._subscription.wants = _wants(session)

    def _tell(self, method: str, params: Mapping[str, Any]) -> None:
        if self.send is not None:
            self.send(jsonrpc.notification(method, params))

    # -- roots

    def _ask_for_roots(self, send: Send | None) -> None:
        session = self._whose()
        if session is None or "roots" not in self.opening.capabilities:
            return
        if self.server.projects.hinted(session):
            self.roots_due = False
            return
        self._forget_roots()
        self.roots_due = send is None
        if send is not None:
            self._roots = self.outbound.ask(send, "roots/list", {}, self._learn_roots)

    def _forget_roots(self) -> None:
        """Who has not answered by now does not any more, and is asked again when it listens."""
        if self._roots is not None:
            self.outbound.forget(self._roots)
            self._roots = None
            self.roots_due = True

    async def _learn_roots(self, response: Response) -> None:
        """The first root is the folder that the client was opened in."""
        self._roots = None
        session, result = self._whose(), response.result
        roots = result.get("roots") if isinstance(result, dict) else None
        first = roots[0] if isinstance(roots, list) and roots else None
        uri = first.get("uri") if isinstance(first, dict) else None
        if session is None or not isinstance(uri, str):
            return
        if not self.server.projects.hinted(session):
            await self.server.projects.move(session, await self.server.projects.name(uri))


def _wants(session: Session) -> Wants:
    """A legacy client is told of every list, and of the resources that it subscribed to."""
    return Wants(tools=True, prompts=True, resources=True, uris=session.subscriptions)
