"""What the measured clients say."""

from collections.abc import Mapping
from typing import Any

from load import Client

MODERN = "2026-07-28"
LEGACY = "2025-11-25"

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}

Message = tuple[dict[str, Any], dict[str, str]]


def modern_call(name: str, arguments: Mapping[str, Any], number: int = 1) -> Message:
    """A C{tools/call} of the stateless era, with the headers it needs."""
    params = {"name": name, "arguments": arguments, "_meta": META}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": name}
    return message, headers


def echo(number: int) -> dict[str, Any]:
    """A C{tools/call} of the echo tool within a session."""
    params = {"name": "echo", "arguments": {"text": "hi"}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def opening(number: int = 0) -> dict[str, Any]:
    """An C{initialize}."""
    params = {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": params}


def in_session(session: str) -> dict[str, str]:
    """The headers of a request within a session."""
    return {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": session}


def initialize(client: Client) -> str:
    """Open a session; its id."""
    head, _ = client.post(opening(), {})
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "mcp-session-id":
            return value.strip()
    raise SystemExit(f"no session id in the answer to initialize: {head!r}")
