"""The server: who it is and what it offers, in every version, whatever carries the messages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from attrs import define, field

from mnemo.mcp import (
    completion,
    jsonrpc,
    pages,
    prompts,
    resources,
    results,
    tool_calls,
    versions,
)
from mnemo.mcp.catalogue import check_text
from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    ProtocolError,
    internal_error,
    invalid_params,
    method_not_found,
    missing_capability,
)
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.projects import Projects
from mnemo.mcp.promises import MakePromise, no_promise
from mnemo.mcp.prompts import Prompts
from mnemo.mcp.resources import Resources
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.subscriptions import Kind, Subscriptions
from mnemo.mcp.tasks import TASKS, Tasks
from mnemo.mcp.tool_calls import Tools
from mnemo.sessions.interfaces import Busy, ISessions, SessionLimit
from mnemo.tools.interfaces import CallContext, IPrompt, ITool, MissingCapability, ToolError

T = TypeVar("T")

_COMPLETION_SINCE = "2025-03-26"
_LISTINGS = ("tools/list", "prompts/list", "resources/templates/list")

Enter = Callable[[], Awaitable[CallContext]]
"""Finds or makes the session of a request."""


def _ignore(defect: BaseException) -> None:
    """Where nobody wants to know of defects."""


@define(eq=False)
class Server:
    """
    What is offered, the sessions and who the server is.

    Making one raises C{ValueError} for anything that cannot be offered: two tools of one name,
    a text too long for a model to see whole.

    @ivar resolve_project: makes a project's name of a client's hint: a path, a root's URI
    @ivar page_size: how many things a page of a listing holds
    @ivar dynamic: which lists may change while the server runs; clients are told when they do
    @ivar on_defect: told of each exception that became an internal error
    @ivar cancelled: exceptions by which the transport ends a call; they are no defects
    @ivar promise: how it waits for what comes later
    @ivar tasks: what runs calls as tasks of their own, or C{None} where nothing does
    @ivar sealer: seals what modern clients bring back with their answers; without one they
        cannot be asked anything
    @ivar subscriptions: who is told of what changes
    """

    tools: Tools = field(converter=Tools)
    sessions: ISessions
    version: str = field(kw_only=True)
    instructions: str = field(kw_only=True)
    resolve_project: Callable[[str], Awaitable[str]] = field(kw_only=True)
    prompts: Prompts = field(kw_only=True, converter=Prompts, factory=Prompts)
    resources: Resources = field(kw_only=True, converter=Resources, factory=Resources)
    page_size: int = field(kw_only=True, default=100)
    dynamic: frozenset[Kind] = field(kw_only=True, default=frozenset())
    on_defect: Callable[[BaseException], None] = field(kw_only=True, default=_ignore)
    cancelled: tuple[type[BaseException], ...] = field(kw_only=True, default=())
    promise: MakePromise = field(kw_only=True, default=no_promise)
    tasks: Tasks | None = field(kw_only=True, default=None)
    sealer: Sealer | None = field(kw_only=True, default=None)
    subscriptions: Subscriptions = field(kw_only=True)
    projects: Projects = field(init=False)
    # The first page of each listing that lasts, by method and version.
    _first_pages: dict[tuple[str, str], bytes] = field(init=False, factory=dict)

    @subscriptions.default
    def _own_subscriptions(self) -> Subscriptions:
        return Subscriptions(self.on_defect)

    def __attrs_post_init__(self) -> None:
        check_text("The instructions", self.instructions)
        self.projects = Projects(self.sessions, self.resolve_project)

    # -- who it is

    @property
    def identity(self) -> dict[str, str]:
        """C{serverInfo}."""
        return {"name": "mnemo", "version": self.version}

    def capabilities(self, version: str) -> dict[str, Any]:
        """What there is for a client of this version, and nothing that there is not."""
        told: dict[str, Any] = {"tools": self._changes("tools")}
        if self.prompts or "prompts" in self.dynamic:
            told["prompts"] = self._changes("prompts")
        if self.resources or "resources" in self.dynamic:
            # A modern client would keep a stream open for the list's sake, and take the server
            # for gone for seconds whenever that breaks; it asks again soon enough by itself.
            changes = {} if version in versions.MODERN else self._changes("resources")
            told["resources"] = {"subscribe": True, **changes}
        if version >= _COMPLETION_SINCE and ("prompts" in told or "resources" in told):
            told["completions"] = {}
        if version in versions.LEGACY:
            told["logging"] = {}
        elif self.tasks is not None:
            told["extensions"] = {TASKS: {}}
        return told

    def _changes(self, kind: Kind) -> dict[str, bool]:
        return {"listChanged": True} if kind in self.dynamic else {}

    def initialize(self, version: str) -> bytes:
        """The result of C{initialize} for the version agreed on."""
        return jsonrpc.encode(
            {
                "protocolVersion": version,
                "capabilities": self.capabilities(version),
                "serverInfo": self.identity,
                "instructions": self.instructions,
            }
        )

    def discover(self, version: str) -> bytes:
        """The result of C{server/discover}."""
        return self.result(
            {
                "supportedVersions": list(versions.MODERN),
                "capabilities": self.capabilities(version),
                "instructions": self.instructions,
            },
            version,
            ttl=results.LASTING,
        )

    # -- what changes

    def add_tool(self, tool: ITool) -> None:
        """Offer one more, from now on. Raises C{ValueError} where it cannot be offered."""
        self._check_dynamic("tools")
        self.tools.add(tool)
        self._changed("tools")

    def remove_tool(self, name: str) -> None:
        """Offer it no more. Raises C{KeyError} where it is not offered."""
        self._check_dynamic("tools")
        self.tools.remove(name)
        self._changed("tools")

    def add_prompt(self, prompt: IPrompt) -> None:
        """Offer one more, from now on. Raises C{ValueError} where it cannot be offered."""
        self._check_dynamic("prompts")
        self.prompts.add(prompt)
        self._changed("prompts")

    def remove_prompt(self, name: str) -> None:
        """Offer it no more. Raises C{KeyError} where it is not offered."""
        self._check_dynamic("prompts")
        self.prompts.remove(name)
        self._changed("prompts")

    def _check_dynamic(self, kind: Kind) -> None:
        if kind not in self.dynamic:
            raise ValueError(f"The list of {kind} does not change: clients were told so")

    def _changed(self, kind: Kind) -> None:
        self._first_pages.clear()
        self.subscriptions.list_changed(kind)

    # -- answering

    async def answer(self, request: Request, version: str, enter: Enter) -> bytes:
        """
        The encoded result of a request whose method both eras have.

        Raises L{ProtocolError}, whatever C{enter} raises, and what an L{IClient} raises to
        have its questions answered first.

        @param enter: awaited at most once, and only by what needs a session
        """
        method, params = request.method, request.params
        if method == "tools/call":  # Nearly all there is, and every version has it.
            tool, arguments = self.tools.called(params)
            context = await enter()
            called = await tool_calls.call(self.sessions, tool, arguments, context, version)
            return self.result(called, version)
        needed = "completions" if method == "completion/complete" else method.partition("/")[0]
        if needed not in self.capabilities(version):
            raise method_not_found(method)
        if method in _LISTINGS:
            return self._listing(method, params, version)
        work, ttl = self._work(method, params, version)
        return self.result(await self._admitted(enter, work, version), version, ttl)

    def _listing(self, method: str, params: Mapping[str, Any], version: str) -> bytes:
        """A page of a list that no session has its own of."""
        behind = pages.after(method, params)
        known = None if behind else self._first_pages.get((method, version))
        if known is not None:
            return known
        kind, listed = {
            "tools/list": ("tools", self.tools.listed),
            "prompts/list": ("prompts", self.prompts.listed),
            "resources/templates/list": ("", self.resources.listed_templates),
        }[method]
        ttl = results.FLEETING if kind in self.dynamic else results.LASTING
        page = self.result(listed(behind, self.page_size, version), version, ttl)
        if not behind:
            self._first_pages[method, version] = page
        return page

    def _work(
        self, method: str, params: Mapping[str, Any], version: str
    ) -> tuple[Callable[[CallContext], Awaitable[Mapping[str, Any]]], int | None]:
        """
        What a session does to answer, and how long that may be kept. The params are in order
        before a session is troubled.
        """
        if method == "prompts/get":
            prompt, arguments = self.prompts.asked(params)
            return lambda context: prompts.get(prompt, arguments, context, version), None
        if method == "completion/complete":
            of = completion.asked(params, self.prompts, self.resources)
            return lambda context: completion.complete(of, context), None
        if method == "resources/read":
            uri = resources.asked(params)
            return lambda context: self.resources.read(uri, context, version), results.FLEETING
        if method == "resources/list":
            behind, size = pages.after(method, params), self.page_size
            return (
                lambda context: self.resources.listed(behind, size, context, version),
                results.FLEETING,
            )
        raise method_not_found(method)

    async def _admitted(
        self,
        enter: Enter,
        work: Callable[[CallContext], Awaitable[Mapping[str, Any]]],
        version: str,
    ) -> Mapping[str, Any]:
        """What work gives, when it is the session's turn."""
        context = await enter()
        try:
            told: Mapping[str, Any] = await self.sessions.admit(
                context.session, lambda: work(context)
            )
            return told
        except ToolError as refusal:
            raise invalid_params(str(refusal)) from None
        except Busy as busy:
            wait = {results.RETRY_AFTER: busy.retry_after}
            raise ProtocolError(INTERNAL_ERROR, str(busy), wait, status=503) from None
        except MissingCapability as missing:
            if version in versions.MODERN:
                raise missing_capability(missing) from None
            raise invalid_params(str(missing)) from None

    def result(self, result: Mapping[str, Any], version: str, ttl: int | None = None) -> bytes:
        """
        A result, with what the version wants in all of them, encoded.

        @param ttl: for how many milliseconds a client may keep it, where the protocol wants
            that said
        """
        return jsonrpc.encode(results.complete(result, version, self.identity, ttl))

    async def outcome(self, work: Awaitable[T]) -> T | ProtocolError:
        """What work on a message came to: its value, or what the client is told instead."""
        try:
            return await work
        except ProtocolError as problem:
            return problem
        except SessionLimit as full:
            return ProtocolError(INTERNAL_ERROR, str(full), status=503)
        except self.cancelled:
            raise
        except Exception as defect:
            self.on_defect(defect)
            return internal_error()
