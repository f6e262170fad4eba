"""What somebody who starts a daemon wants to know: how to connect, and where things are."""

import json
from pathlib import Path
from typing import Any, Final

from mnemo.observe.logs import NAME

TRANSPORTS: Final = {
    "http": "http",
    "streamable-http": "http",
    "sse": "sse",
    "websocket": "ws",
    "ws": "ws",
}
"""The names of the transports, each with the one that Claude Code has for it."""

_PATHS: Final = {"http": "/mcp", "sse": "/sse", "ws": "/ws"}
_HEADER: Final = "Authorization: Bearer TOKEN"


def how_to_connect(
    address: str,
    home: Path,
    config_file: Path,
    transport: str = "http",
    needs_token: bool = False,
) -> str:
    """
    Some lines for a terminal. They hold no token.

    @param address: the base of the daemon's addresses, without a slash at the end
    @param transport: which of L{TRANSPORTS} to connect by; all of them are served
    """
    kind = TRANSPORTS[transport]
    url = f"{address}{_PATHS[kind]}"
    if kind == "ws":
        url = url.replace("http", "ws", 1)
    entry: dict[str, Any] = {"type": kind, "url": url}
    if needs_token:
        entry["headers"] = dict([_HEADER.split(": ")])
    text = json.dumps(entry, separators=(",", ":"))
    header = f' --header "{_HEADER}"' if needs_token else ""
    command = f"claude mcp add --transport {kind} mnemo {url}{header}"
    if kind == "ws":
        # The only way to it that there is.
        command = f"claude mcp add-json mnemo '{text}'"
    absent = "" if config_file.exists() else "  (not there: the defaults hold)"
    tokens = "\n  TOKEN         one of server.tokens\n" if needs_token else ""
    return (
        f"mnemo serves {url}\n"
        f"\n"
        f"  Claude Code   {command}\n"
        f"  others        {text}\n"
        f"{tokens}"
        f"\n"
        f"  data          {home}\n"
        f"  config        {config_file}{absent}\n"
        f"  log           {home / NAME}\n"
    )
