"""
A client made with the Python SDK, run by an interpreter that has it.

Orders come on standard input, a line of JSON each, and are carried out several at once; what
came of them goes to standard output. See driver.py.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters

Order = dict[str, Any]


class Driven:
    """A client, and what it is doing."""

    def __init__(self, server: Any, mode: str) -> None:
        self.server = server
        self.mode = mode
        self.stack = AsyncExitStack()
        self.calls: dict[int, asyncio.Task[Any]] = {}

    async def connect(self, order: Order) -> Any:
        """Connect, in the era of the mode."""
        kind = self.server.pop("type")
        if kind == "stdio":
            where = StdioServerParameters(**self.server)
        else:
            where = sse_client(self.server["url"]) if kind == "sse" else self.server["url"]
        self.client = await self.stack.enter_async_context(Client(where, mode=self.mode))
        return {"version": self.client.session.protocol_version}

    async def list(self, order: Order) -> Any:
        """The names of the tools."""
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, order: Order) -> Any:
        """The text of a tool's result."""
        working = self.client.call_tool(
            order["tool"], order["given"], read_timeout_seconds=order["seconds"]
        )
        self.calls[order["id"]] = asyncio.ensure_future(working)
        result = await self.calls[order["id"]]
        return "".join(block.text for block in result.content)

    async def cancel(self, order: Order) -> Any:
        """Give up a call."""
        self.calls[order["call"]].cancel()

    async def close(self, order: Order) -> Any:
        """Leave."""
        await self.stack.aclose()


async def carry_out(driven: Driven, order: Order) -> None:
    """Do as told, and say what came of it."""
    try:
        outcome = {"result": await getattr(driven, order["do"])(order)}
    except (Exception, asyncio.CancelledError) as problem:
        outcome = {"error": str(problem) or type(problem).__name__}
    print(json.dumps({"id": order["id"], **outcome}), flush=True)


async def main() -> None:
    """Do as told until told to close. Who connects must be who closes, so this task does both."""
    driven = Driven(**json.loads(sys.argv[1]))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    running = set()
    while line := await reader.readline():
        order = json.loads(line)
        if order["do"] in ("connect", "close"):
            await carry_out(driven, order)
        else:
            running.add(asyncio.ensure_future(carry_out(driven, order)))
        if order["do"] == "close":
            break


if __name__ == "__main__":
    asyncio.run(main())
