"""mcp-memory-service by its MCP tools, over stdio."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from attrs import define, field

from peers.environments import environment, surroundings
from peers.lines import Lines, speaking
from peers.system import MODEL, SHOWN, Place

REQUIREMENT: Final = "mcp-memory-service==12.2.0"

Mode = Literal["semantic", "hybrid"]

_KEPT = re.compile(r"\(hash: ([0-9a-f]{64})\)")
_FOUND = re.compile(r"^   Hash: ([0-9a-f]{64})$", re.MULTILINE)


@define
class McpMemoryService:
    """Its server, asked in one of its modes of search."""

    _lines: Lines
    _mode: Mode
    _asked: int = field(default=0, init=False)

    def open(self) -> None:
        """Say hello."""
        client = {"name": "bench", "version": "1"}
        opening = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
        self._ask("initialize", opening)
        self._lines.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def begin(self, session: str) -> None:
        """It is told with each text."""

    def remember(self, text: str, session: str) -> str:
        """Keep it. With a conversation it keeps what is similar to what it has."""
        arguments = {"content": text, "conversation_id": session or "bench"}
        return kept(self._call("memory_store", arguments))

    def search(self, question: str) -> Sequence[str]:
        """What it finds."""
        arguments = {"query": question, "mode": self._mode, "limit": SHOWN}
        return found(self._call("memory_search", arguments))

    def settle(self) -> None:
        """It has answered when it is done."""

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        result = self._ask("tools/call", {"name": name, "arguments": arguments})
        return "\n".join(each["text"] for each in result["content"])

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        self._lines.send({"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params})
        while (answer := self._lines.receive()).get("id") != self._asked:
            pass
        if "result" not in answer:
            raise SystemExit(f"mcp-memory-service refused {method}: {answer}")
        return dict(answer["result"])


def kept(text: str) -> str:
    """The hash in the answer of C{memory_store}; empty where it has the very same text already."""
    if match := _KEPT.search(text):
        return match[1]
    if "exact match" in text:
        return ""
    raise SystemExit(f"mcp-memory-service did not keep a memory: {text}")


def found(text: str) -> list[str]:
    """The hashes in the answer of C{memory_search}, best first."""
    if not text.startswith(("Found ", "No memories found")):
        raise SystemExit(f"mcp-memory-service did not search: {text}")
    return _FOUND.findall(text)


def programs() -> Path:
    """The folder of its programs, installed if need be."""
    return environment("mcp-memory-service", REQUIREMENT)


@contextmanager
def running(place: Place, mode: Mode = "semantic") -> Iterator[McpMemoryService]:
    """The server on a store of its own, in SQLite, which is its default."""
    variables = {
        **surroundings(place.folder),
        "MCP_MEMORY_STORAGE_BACKEND": "sqlite_vec",
        "MCP_MEMORY_BASE_DIR": str(place.folder),
        "MCP_EXTERNAL_EMBEDDING_URL": f"{place.embeddings}/v1/embeddings",
        "MCP_EXTERNAL_EMBEDDING_MODEL": MODEL,
    }
    command = [str(programs() / "memory"), "server"]
    with speaking("mcp-memory-service", command, variables, place.folder) as lines:
        service = McpMemoryService(lines, mode)
        service.open()
        yield service
