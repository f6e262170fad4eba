"""The server: what it offers, in every version, whatever carries the messages."""

from base64 import urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from attrs import define, field

from mnemo.mcp import jsonrpc, versions
from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    MISSING_CAPABILITY,
    ProtocolError,
    internal_error,
    invalid_params,
)
from mnemo.mcp.projects import Projects
from mnemo.sessions.interfaces import Busy, ISessions, Session, SessionLimit
from mnemo.tools.interfaces import (
    CallContext,
    ITool,
    MissingCapability,
    ToolError,
    ToolResult,
)

T = TypeVar("T")

SERVER_INFO = "io.modelcontextprotocol/serverInfo"

SESSION_HANDLE = "mnemo/session"
"""Under this key of C{_meta} a modern result names its work session, and a request may."""

RETRY_AFTER = "mnemo/retryAfter"
"""Under this key of C{_meta} a refused call is told how many seconds to wait."""

LISTING_TTL = 3_600_000
"""Milliseconds for which a client may keep a listing: tools change with an upgrade alone."""


def _ignore(defect: BaseException) -> None:
    """Where nobody wants to know of defects."""


@define(eq=False)
class Server:
    """
    The tools, the sessions and who the server is.

    @ivar resolve_project: makes a project's name of a client's hint: a path, a root's URI
    @ivar on_defect: told of each exception that became an internal error
    @ivar cancelled: exceptions by which the transport ends a call; they are no defects
    """

    tools: Sequence[ITool]
    sessions: ISessions
    version: str = field(kw_only=True)
    instructions: str = field(kw_only=True)
    resolve_project: Callable[[str], Awaitable[str]] = field(kw_only=True)
    page_size: int = field(kw_only=True, default=100)
    on_defect: Callable[[BaseException], None] = field(kw_only=True, default=_ignore)
    cancelled: tuple[type[BaseException], ...] = field(kw_only=True, default=())
    projects: Projects = field(init=False)
    _by_name: dict[str, ITool] = field(init=False)
    _pages: dict[tuple[str, str], bytes] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.projects = Projects(self.sessions, self.resolve_project)
        ordered = sorted(self.tools, key=lambda tool: tool.description.name)
        self._by_name = {tool.description.name: tool for tool in ordered}

    # -- who it is

    @property
    def identity(self) -> dict[str, str]:
        """C{serverInfo}."""
        return {"name": "mnemo", "version": self.version}

    def initialize(self, version: str) -> bytes:
        """The result of C{initialize} for the version agreed on."""
        return jsonrpc.encode(
            {
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": self.identity,
                "instructions": self.instructions,
            }
        )

    def discover(self, version: str) -> bytes:
        """The result of C{server/discover}."""
        return self._result(
            {
                "supportedVersions": list(versions.MODERN),
                "capabilities": {"tools": {}},
                "instructions": self.instructions,
            },
            version,
            lasting=True,
        )

    # -- tools

    def list_tools(self, params: Mapping[str, Any], version: str) -> bytes:
        """
        The result of C{tools/list}: in order of name, a page at a time.

        Raises L{ProtocolError} for a cursor that is not one of ours.
        """
        cursor = params.get("cursor")
        if cursor is None:
            cursor = ""
        elif not isinstance(cursor, str):
            raise invalid_params("cursor must be a string")
        page = self._pages.get((version, cursor))
        if page is None:
            page = self._pages[version, cursor] = self._page(cursor, version)
        return page

    def _page(self, cursor: str, version: str) -> bytes:
        """A cursor names the last tool before its page, so it outlives a restart."""
        names = list(self._by_name)
        start = 0
        if cursor:
            after = next((name for name in names if _cursor(name) == cursor), None)
            if after is None:
                raise invalid_params("Unknown cursor: list again from the start, without one")
            start = bisect_right(names, after)
        page = names[start : start + self.page_size]
        result: dict[str, Any] = {
            "tools": [versions.listed(self._by_name[name].description, version) for name in page]
        }
        if start + self.page_size < len(names):
            result["nextCursor"] = _cursor(page[-1])
        return self._result(result, version, lasting=True)

    def called(self, params: Mapping[str, Any]) -> tuple[ITool, Mapping[str, Any]]:
        """
        The tool and the arguments of a C{tools/call}.

        Raises L{ProtocolError} for an unknown tool and for params that are no call.
        """
        name = params.get("name")
        if not isinstance(name, str):
            raise invalid_params("tools/call needs the name of a tool, a string")
        tool = self._by_name.get(name)
        if tool is None:
            near = get_close_matches(name[:128], self._by_name) or list(self._by_name)
            raise invalid_params(f"Unknown tool {name[:128]!r}: there is {', '.join(near)}")
        arguments = params.get("arguments")
        if arguments is None:
            arguments = {}
        elif not isinstance(arguments, dict):
            raise invalid_params("arguments must be an object")
        return tool, arguments

    async def call_tool(
        self, tool: ITool, arguments: Mapping[str, Any], context: CallContext, version: str
    ) -> bytes:
        """The result of C{tools/call}, when it is the session's turn."""
        try:
            outcome = await self.sessions.admit(
                context.session, lambda: tool.call(arguments, context)
            )
        except ToolError as refusal:
            outcome = ToolResult.error(str(refusal))
        except Busy as busy:
            outcome = ToolResult.error(str(busy), **{RETRY_AFTER: busy.retry_after})
        except MissingCapability as missing:
            if version in versions.MODERN:
                raise ProtocolError(
                    MISSING_CAPABILITY,
                    str(missing),
                    {"requiredCapabilities": dict(missing.required)},
                ) from None
            outcome = ToolResult.error(str(missing))
        return self._tool_result(outcome, context.session, version)

    def _tool_result(self, outcome: ToolResult, session: Session, version: str) -> bytes:
        result: dict[str, Any] = {"content": versions.readable(outcome.content, version)}
        if outcome.structured is not None and versions.carries_structured(version):
            result["structuredContent"] = outcome.structured
        if outcome.is_error:
            result["isError"] = True
        if version in versions.MODERN:
            result["_meta"] = {**outcome.meta, SESSION_HANDLE: session.id}
        elif outcome.meta:
            result["_meta"] = outcome.meta
        return self._result(result, version)

    # -- answering

    def _result(self, result: dict[str, Any], version: str, lasting: bool = False) -> bytes:
        if version in versions.MODERN:
            result["resultType"] = "complete"
            result["_meta"] = {**result.get("_meta", {}), SERVER_INFO: self.identity}
            if lasting:
                result["ttlMs"] = LISTING_TTL
                result["cacheScope"] = "private"
        return jsonrpc.encode(result)

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


def _cursor(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()
