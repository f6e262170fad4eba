"""Tools: listing them, and calling one."""

from collections.abc import Mapping
from typing import Any

from mnemo.mcp import pages, param_headers, results
from mnemo.mcp.catalogue import Catalogue
from mnemo.mcp.errors import invalid_params, missing_capability
from mnemo.mcp.versions import MODERN
from mnemo.sessions.interfaces import Busy, ISessions
from mnemo.tools.interfaces import CallContext, ITool, MissingCapability, ToolError, ToolResult


class Tools(Catalogue[ITool]):
    """The tools on offer."""

    def add(self, offered: ITool) -> None:
        """
        Offer one more. Raises C{ValueError} for one that cannot be offered, such as one whose
        schema asks for headers that no client could send.
        """
        param_headers.validate(offered.description.input_schema)
        super().add(offered)

    def listed(self, behind: str, size: int, version: str) -> dict[str, Any]:
        """The result of C{tools/list}."""
        found, last = self.page(behind, size)
        result: dict[str, Any] = {
            "tools": [results.tool(tool.description, version) for tool in found]
        }
        if last:
            result["nextCursor"] = pages.cursor("tools/list", last)
        return result

    def called(self, params: Mapping[str, Any]) -> tuple[ITool, Mapping[str, Any]]:
        """
        The tool and the arguments of a C{tools/call}.

        Raises L{ProtocolError} for an unknown tool and for params that are no call.
        """
        name = params.get("name")
        if not isinstance(name, str):
            raise invalid_params("tools/call needs the name of a tool, a string")
        tool = self.find(name)
        if tool is None:
            raise invalid_params(f"Unknown tool {name[:128]!r}: there is {self.near(name)}")
        arguments = params.get("arguments")
        if arguments is None:
            arguments = {}
        elif not isinstance(arguments, dict):
            raise invalid_params("arguments must be an object")
        return tool, arguments


async def call(
    sessions: ISessions,
    tool: ITool,
    arguments: Mapping[str, Any],
    context: CallContext,
    version: str,
) -> dict[str, Any]:
    """
    The result of C{tools/call}, when it is the session's turn. What the model can mend is a
    result as well; L{ProtocolError} is raised for what only its client can.
    """
    try:
        outcome = await sessions.admit(context.session, lambda: tool.call(arguments, context))
    except ToolError as refusal:
        outcome = ToolResult.error(str(refusal))
    except Busy as busy:
        outcome = ToolResult.error(str(busy), **{results.RETRY_AFTER: busy.retry_after})
    except MissingCapability as missing:
        if version in MODERN:
            raise missing_capability(missing) from None
        outcome = ToolResult.error(str(missing))
    return results.tool_result(outcome, context.session.id, version)
