"""
A client made with the Python SDK, run by an interpreter that has it.

It lists the tools, remembers a text and recalls it, and writes what it saw as JSON. What it is
to do comes as JSON in its one argument: C{server}, a URL or how to start one; C{mode}; C{text}.
"""

import asyncio
import json
import sys
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters


async def talk(server: Any, mode: str, text: str) -> dict[str, Any]:
    """Do it, and say what came of it."""
    where = server if isinstance(server, str) else StdioServerParameters(**server)
    async with Client(where, mode=mode) as client:
        tools = await client.list_tools()
        await client.call_tool("remember", {"text": text})
        recalled = await client.call_tool("recall", {"query": text})
        return {
            "version": client.session.protocol_version,
            "tools": [tool.name for tool in tools.tools],
            "recalled": "".join(block.text for block in recalled.content),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(talk(**json.loads(sys.argv[1])))))
