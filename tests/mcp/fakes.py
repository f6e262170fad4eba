"""Sessions and tools for tests of the protocol, and the requests that clients make."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from json import loads
from typing import Any, Literal, TypeVar

import msgspec
from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred

from mnemo.mcp.errors import ProtocolError
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.server import Server
from mnemo.mcp.streamable import Endpoint
from mnemo.sessions.interfaces import Busy, Opening, Session, SessionLimit
from mnemo.tools.interfaces import (
    CallContext,
    ITool,
    MissingCapability,
    NoSuchResource,
    PromptArgument,
    PromptDescription,
    PromptResult,
    ResourceContent,
    ResourceDescription,
    TemplateDescription,
    ToolDescription,
    ToolError,
    ToolResult,
)

T = TypeVar("T")

MODERN = "2026-07-28"
LATEST_LEGACY = "2025-11-25"

PREFIX = "io.modelcontextprotocol/"


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")


@define(eq=False)
class FakeSessions:
    """
    Sessions in a dict.

    @ivar limit: how many may live at once
    @ivar waiting_limit: how many calls of one session may run; none waits
    @ivar ended: the session and the reason of each ending
    @ivar moves: each session and project that was set
    """

    limit: int = 100
    waiting_limit: int = 8
    live: dict[str, Session] = field(factory=dict)
    ended: list[tuple[str, str]] = field(factory=list)
    moves: list[tuple[str, str]] = field(factory=list)
    made: int = 0
    finds: int = 0

    def _make(self, kind: Literal["mcp", "work"], opening: Opening, lookup: str = "") -> Session:
        if len(self.live) >= self.limit:
            raise SessionLimit(f"There are {self.limit} sessions: try again in a minute")
        self.made += 1
        name = f"session-{self.made}"
        session = Session(name, kind, opening, opening.project, 0.0, 0.0, lookup=lookup)
        self.live[session.id] = session
        return session

    async def open(self, opening: Opening) -> Session:
        return self._make("mcp", opening)

    def find(self, id: str, principal: str) -> Session | None:
        self.finds += 1
        session = self.live.get(id)
        return session if session is not None and session.opening.principal == principal else None

    async def work(self, opening: Opening, handle: str = "") -> Session:
        named = self.live.get(handle)
        if named and named.kind == "work" and named.opening.principal == opening.principal:
            return named
        lookup = f"{opening.principal}/{opening.client}/{opening.project}"
        for session in self.live.values():
            if session.lookup == lookup:
                return session
        return self._make("work", opening, lookup)

    async def end(self, session: Session, reason: str) -> None:
        if self.live.pop(session.id, None) is not None:
            self.ended.append((session.id, reason))

    async def set_project(self, session: Session, project: str) -> None:
        session.project = project
        self.moves.append((session.id, project))

    async def set_subscriptions(self, session: Session, uris: frozenset[str]) -> None:
        session.subscriptions = uris

    async def choose_project(self, session: Session, project: str) -> None:
        await self.set_project(session, project)
        session.chosen = True

    async def admit(self, session: Session, call: Callable[[], Awaitable[Any]]) -> Any:
        if session.running >= self.waiting_limit:
            raise Busy("This session has too many calls running. Try again in 5 s", 5)
        session.running += 1
        try:
            return await call()
        finally:
            session.running -= 1


def described(name: str, **more: Any) -> ToolDescription:
    """A tool that takes whatever comes."""
    return ToolDescription(name, name.title(), f"The tool {name}.", {"type": "object"}, **more)


@define(eq=False)
class EchoTool:
    """Says what it was told, and remembers who told it."""

    description: ToolDescription = field(factory=lambda: described("echo"))
    contexts: list[CallContext] = field(factory=list)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        self.contexts.append(context)
        text = arguments.get("text", "")
        if not isinstance(text, str):
            return ToolResult.error("text must be a string")
        return ToolResult.text(text, {"text": text})


@define(eq=False)
class RaisingTool:
    """Raises what it was made with."""

    description: ToolDescription
    problem: Exception

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        raise self.problem


@define(eq=False)
class WaitingTool:
    """Waits until the test says what came of it."""

    description: ToolDescription = field(factory=lambda: described("wait"))
    calls: deque[Deferred[ToolResult]] = field(factory=deque)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        waiting: Deferred[ToolResult] = Deferred()
        self.calls.append(waiting)
        return await waiting


@define(eq=False)
class GivingTool:
    """Gives the result it was made with."""

    description: ToolDescription
    result: ToolResult

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return self.result


@define(eq=False)
class ActingTool:
    """Does what it was made with, and remembers who called."""

    act: Callable[[CallContext], Awaitable[ToolResult]]
    description: ToolDescription = field(factory=lambda: described("act"))
    contexts: list[CallContext] = field(factory=list)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        self.contexts.append(context)
        return await self.act(context)


def failing_tools() -> list[ITool]:
    """A tool for each way to fail."""
    return [
        RaisingTool(described("broken"), ZeroDivisionError("a secret of the house")),
        RaisingTool(described("refusing"), ToolError("Say it otherwise")),
        RaisingTool(described("sampling"), MissingCapability({"sampling": {}})),
    ]


def tools() -> list[ITool]:
    """One of each kind."""
    return [EchoTool(), WaitingTool(), *failing_tools()]


def greeting(**more: Any) -> PromptDescription:
    """A prompt with an argument it needs and one it does not."""
    values: dict[str, Any] = {
        "name": "greet",
        "title": "Greet",
        "description": "Greets somebody.",
        "arguments": [
            PromptArgument("name", "Whom.", required=True, title="Name"),
            PromptArgument("tone", "How."),
        ],
    }
    return PromptDescription(**{**values, **more})


@define(eq=False)
class FakePrompt:
    """
    Tells the arguments it was given, or raises.

    @ivar known: what any argument may be completed to
    """

    description: PromptDescription = field(factory=greeting)
    problem: Exception | None = None
    known: Sequence[str] = ()

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        if self.problem is not None:
            raise self.problem
        text = ", ".join(f"{name}={value}" for name, value in sorted(arguments.items()))
        content = {"type": "text", "text": text}
        return PromptResult([{"role": "user", "content": content}], "Filled in.")

    async def complete(
        self, argument: str, value: str, others: Mapping[str, str], context: CallContext
    ) -> Sequence[str]:
        if self.problem is not None:
            raise self.problem
        told = [f"{name}={other}" for name, other in sorted(others.items())]
        return [each for each in (*told, *self.known) if each.startswith(value)]


@define(eq=False)
class FakeResources:
    """
    Resources in a dict.

    @ivar held: what can be listed and read, by URI
    @ivar limits: how many were asked for in each listing
    """

    held: dict[str, str | bytes] = field(factory=dict)
    templates: Sequence[TemplateDescription] = ()
    limits: list[int] = field(factory=list)

    async def list(
        self, after: str, limit: int, context: CallContext
    ) -> Sequence[ResourceDescription]:
        self.limits.append(limit)
        uris = sorted(uri for uri in self.held if uri > after)
        return [ResourceDescription(uri, uri.rpartition("/")[2]) for uri in uris[:limit]]

    async def read(self, uri: str, context: CallContext) -> Sequence[ResourceContent]:
        if uri not in self.held:
            raise NoSuchResource(f"There are {len(self.held)} here.")
        return [ResourceContent(uri, "text/plain", self.held[uri])]

    async def complete(
        self,
        uri_template: str,
        variable: str,
        value: str,
        others: Mapping[str, str],
        context: CallContext,
    ) -> Sequence[str]:
        told = [f"{name}={other}" for name, other in sorted(others.items())]
        return [each for each in (variable, *told) if each.startswith(value)]


@define(eq=False)
class Resolver:
    """Names a project after the last part of a hint, and counts how often it was asked."""

    asked: list[str] = field(factory=list)

    async def __call__(self, hint: str) -> str:
        self.asked.append(hint)
        return hint.rstrip("/").rpartition("/")[2]


def promise(seconds: float = 0) -> Deferred[Any]:
    """A promise; time does not pass here."""
    return Deferred()


def make_server(
    sessions: FakeSessions | None = None,
    offered: list[ITool] | None = None,
    resolver: Resolver | None = None,
    defects: list[BaseException] | None = None,
    page_size: int = 100,
    **more: Any,
) -> Server:
    """A server as the daemon would build it."""
    return Server(
        tools() if offered is None else offered,
        FakeSessions() if sessions is None else sessions,
        version="1.2.3",
        instructions="Remember things.",
        resolve_project=Resolver() if resolver is None else resolver,
        page_size=page_size,
        on_defect=([] if defects is None else defects).append,
        cancelled=(CancelledError,),
        promise=promise,
        sealer=Sealer(b"k" * 32, lambda: 1000.0),
        **more,
    )


SESSION = Session("s", "mcp", Opening(LATEST_LEGACY, "c", "1", "local", ""), "", 0, 0)


def asked(
    server: Server, method: str, version: str = LATEST_LEGACY, **params: Any
) -> dict[str, Any] | ProtocolError:
    """What a request comes to, in a session that is always the same."""

    async def enter() -> CallContext:
        return CallContext(SESSION)

    work = server.answer(Request(1, method, params), version, enter)
    outcome = done(server.outcome(work))
    # The stricter decoder takes no half of a surrogate pair.
    return outcome if isinstance(outcome, ProtocolError) else loads(outcome)


def answered(
    server: Server, method: str, version: str = LATEST_LEGACY, **params: Any
) -> dict[str, Any]:
    """The result of a request that is no error."""
    outcome = asked(server, method, version, **params)
    assert not isinstance(outcome, ProtocolError), outcome
    return outcome


def refused(
    server: Server, method: str, version: str = LATEST_LEGACY, **params: Any
) -> ProtocolError:
    """The error that a request is answered with."""
    outcome = asked(server, method, version, **params)
    assert isinstance(outcome, ProtocolError), outcome
    return outcome


def paged(server: Server, method: str, member: str, version: str = LATEST_LEGACY) -> list[Any]:
    """Everything that a method lists, page after page."""
    seen: list[Any] = []
    params: dict[str, str] = {}
    while True:
        page = answered(server, method, version, **params)
        seen += page[member]
        if "nextCursor" not in page:
            return seen
        params = {"cursor": page["nextCursor"]}


@define(eq=False)
class Events:
    """
    An event stream, as the transport has it.

    @ivar events: what was sent: the message, the id and the time to come back after
    @ivar closed: how often it was ended from our side
    """

    events: list[tuple[bytes, str, int | None]] = field(factory=list)
    closed: int = 0

    def send(self, message: bytes, id: str = "", retry: int | None = None) -> None:
        self.events.append((message, id, retry))

    def close(self) -> None:
        self.closed += 1

    @property
    def messages(self) -> list[Any]:
        """The messages that were sent, read."""
        return [msgspec.json.decode(message) for message, _, _ in self.events if message]


# -- what clients send


def meta(**changes: Any) -> dict[str, Any]:
    """The C{_meta} of a modern request; a change to L{None} leaves a key out."""
    keys: dict[str, Any] = {
        "protocolVersion": MODERN,
        "clientInfo": {"name": "tester", "version": "9"},
        "clientCapabilities": {},
    }
    keys.update(changes)
    return {PREFIX + key: value for key, value in keys.items() if value is not None}


def modern_message(method: str, id: Any = 1, **params: Any) -> dict[str, Any]:
    """A modern request."""
    params.setdefault("_meta", meta())
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def legacy_message(method: str, id: Any = 1, **params: Any) -> dict[str, Any]:
    """A legacy request."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method}
    return {**message, "params": params} if params else message


def initialize_message(id: Any = 0, version: str = LATEST_LEGACY, **more: Any) -> dict[str, Any]:
    """An C{initialize} that is valid."""
    params = {
        "protocolVersion": version,
        "capabilities": {},
        "clientInfo": {"name": "tester", "version": "9"},
        **more,
    }
    return {"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params}


def exchange(body: Any = b"", method: str = "POST", **headers: Any) -> Exchange:
    """
    An HTTP request. Headers are given with underscores; L{None} leaves one out, a tuple sends
    it that many times.
    """
    values: dict[str, Any] = {"accept": "application/json, text/event-stream"}
    if method == "POST":
        values["content_type"] = "application/json"
    values.update(headers)
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Exchange(
        method,
        {
            name.replace("_", "-"): value if isinstance(value, tuple) else (value,)
            for name, value in values.items()
            if value is not None
        },
        encoded,
    )


def modern_exchange(message: dict[str, Any], **headers: Any) -> Exchange:
    """A modern request, with the headers that its body asks for."""
    values: dict[str, Any] = {
        "mcp_protocol_version": MODERN,
        "mcp_method": message.get("method"),
    }
    if message.get("method") in ("tools/call", "prompts/get"):
        values["mcp_name"] = message["params"].get("name")
    if message.get("method") == "resources/read":
        values["mcp_name"] = message["params"].get("uri")
    values.update(headers)
    return exchange(message, **values)


@define(eq=False)
class Client:
    """A legacy client with a session."""

    endpoint: Endpoint
    headers: dict[str, Any] = field(factory=dict)

    def initialize(self, **more: Any) -> Reply:
        reply = done(self.endpoint.post(exchange(initialize_message(**more), **self.headers)))
        if reply.status == 200 and "Mcp-Session-Id" in dict(reply.headers):
            self.headers = {
                **self.headers,
                "mcp_session_id": dict(reply.headers)["Mcp-Session-Id"],
                "mcp_protocol_version": json(reply)["result"]["protocolVersion"],
            }
        return reply

    def post(self, message: Any, **headers: Any) -> Reply:
        return done(self.endpoint.post(self.exchange(message, **headers)))

    def exchange(self, body: Any = b"", method: str = "POST", **headers: Any) -> Exchange:
        return exchange(body, method, **{**self.headers, **headers})


def json(reply: Reply) -> Any:
    """The body of a reply."""
    return msgspec.json.decode(reply.body)


def of_principal(asked: Exchange, principal: str) -> Exchange:
    """The same request with another credential."""
    return evolve(asked, principal=principal)
