"""Requests of the server to a legacy client, over whatever stream the client holds open."""

from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from secrets import token_hex
from typing import Any

from attrs import define, field

from mnemo.mcp import jsonrpc

PENDING = 16
"""How many requests may wait for one client's answers; beyond, the oldest is given up."""


@define(eq=False)
class Outbound:
    """
    What one client has been asked.

    Nothing ever waits here: an answer runs the function that its question left behind, and a
    question that is never answered is forgotten with the stream it went out on.
    """

    _send: Callable[[bytes], None] | None = field(init=False, default=None)
    _pending: dict[str, Callable[[Any], Awaitable[None]]] = field(init=False, factory=dict)
    _ids: "count[int]" = field(init=False, factory=count)
    # The ids of an earlier process must not meet the questions of this one.
    _mark: str = field(init=False, factory=lambda: token_hex(4))

    def attach(self, send: Callable[[bytes], None]) -> None:
        """Send by this from now on."""
        self._pending.clear()
        self._send = send

    def detach(self) -> None:
        """There is no stream any more."""
        self._pending.clear()
        self._send = None

    def ask(
        self,
        method: str,
        params: Mapping[str, Any],
        on_answer: Callable[[Any], Awaitable[None]],
    ) -> bool:
        """
        Send a request; C{on_answer} gets its result. C{False} where there is no stream.
        """
        if self._send is None:
            return False
        while len(self._pending) >= PENDING:
            del self._pending[next(iter(self._pending))]
        question = f"{self._mark}:{next(self._ids)}"
        self._pending[question] = on_answer
        self._send(jsonrpc.request(question, method, params))
        return True

    async def answered(self, response: jsonrpc.Response) -> None:
        """A response has come. One to no question of ours, or an error, changes nothing."""
        if not isinstance(response.id, str):
            return
        on_answer = self._pending.pop(response.id, None)
        if on_answer is not None and response.result is not None:
            await on_answer(response.result)
