"""mnemo by its MCP tools, over HTTP."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import servers
from attrs import define, field
from load import Client
from messages import INITIALIZED, in_session, initialize

from peers.system import SHOWN, Place

WHOLE: Final = 25_000
"""Tokens with which an answer has the whole of most memories, as the others' answers have."""

ASKING: Final = "the session that asks"

PATIENCE: Final = 600.0
"""Seconds for which its background work is waited for."""

_PAUSE: Final = 0.02
_QUEUES: Final = ("vectors", "enrichment")


@define
class Mnemo:
    """The daemon; what is said in a session comes in an MCP session of its own."""

    _server: servers.Server
    _client: Client
    _sessions: dict[str, str] = field(factory=dict, init=False)

    def begin(self, session: str) -> None:
        """Open an MCP session for it."""
        self.reconnect()  # the last connection may have idled away while others had their turns
        self._sessions[session] = initialize(self._client)
        self._post(INITIALIZED, in_session(self._sessions[session]))

    def remember(self, text: str, session: str) -> str:
        """Keep it."""
        return str(self._call(session, "remember", {"text": text})["id"])

    def search(self, question: str) -> Sequence[str]:
        """What it finds."""
        arguments = {"query": question, "limit": SHOWN, "max_tokens": WHOLE}
        return found(self._call(ASKING, "recall", arguments))

    def settle(self) -> None:
        """Until all memories have their vectors and what is derived of them."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            health = self._server.health()
            if health["status"] == "ok" and not any(health["queues"][each] for each in _QUEUES):
                return
            time.sleep(_PAUSE)
        raise SystemExit(f"mnemo did not settle: {self._server.health()}")

    def _call(self, session: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        }
        _, answer = self._post(message, in_session(self._sessions[session]))
        if "result" not in answer or answer["result"].get("isError"):
            raise SystemExit(f"mnemo refused {name}: {answer}")
        return dict(answer["result"]["structuredContent"])

    def _post(self, message: dict[str, Any], headers: dict[str, str]) -> tuple[bytes, Any]:
        try:
            return self._client.post(message, headers)
        except ConnectionError:  # it idled away
            self.reconnect()
            return self._client.post(message, headers)

    def reconnect(self) -> None:
        """Have a new connection."""
        self.close()
        self._client = Client(self._server.port)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def found(recalled: Mapping[str, Any]) -> list[str]:
    """The ids in an answer of C{recall}, best first."""
    if recalled["degraded"]:
        raise SystemExit(f"mnemo's recall is degraded: {recalled['degraded']}")
    return [each["id"] for each in (*recalled["memories"], *recalled.get("brief", ()))]


@contextmanager
def mnemo(place: Place) -> Iterator[Mnemo]:
    """The daemon as it comes, with a home of its own; it embeds by itself."""
    with servers.mnemo(place.folder / "home") as server:
        system = Mnemo(server, Client(server.port))
        try:
            system.begin(ASKING)
            system.settle()
            yield system
        finally:
            system.close()
