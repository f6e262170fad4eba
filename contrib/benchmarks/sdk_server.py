"""The server to compare with: the public C{mcp} SDK, Streamable HTTP and SSE, one trivial tool."""

import sys

import uvicorn
from mcp.server import MCPServer

server = MCPServer("bench")


@server.tool()
def echo(text: str) -> str:
    """Give the text back."""
    return text


# Plain JSON answers are the SDK's quicker way.
app = server.streamable_http_app(json_response=True)
app.router.routes.extend(server.sse_app().routes)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
