"""Requests of the server to a legacy client, over whatever stream the client holds open."""

from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from secrets import token_hex
from typing import Any

from attrs import define, field

from mnemo.mcp import jsonrpc
from mnemo.mcp.jsonrpc import Response

PENDING = 64
"""How many requests may wait for one client's answers."""

Send = Callable[[bytes], None]
OnAnswer = Callable[[Response], Awaitable[None] | None]


@define(eq=False)
class Outbound:
    """
    What one client has been asked.

    Nothing ever waits here: an answer runs the function that its question left behind.
    """

    _pending: dict[str, OnAnswer] = field(init=False, factory=dict)
    _ids: "count[int]" = field(init=False, factory=count)
    # The ids of an earlier process must not meet the questions of this one.
    _mark: str = field(init=False, factory=lambda: token_hex(4))

    def __len__(self) -> int:
        return len(self._pending)

    def ask(
        self, send: Send, method: str, params: Mapping[str, Any], on_answer: OnAnswer
    ) -> str | None:
        """
        Send a request; C{on_answer} gets the response to it.

        @return: what it can be forgotten by; C{None} where too many wait for answers already
        """
        if len(self._pending) >= PENDING:
            return None
        question = f"{self._mark}:{next(self._ids)}"
        self._pending[question] = on_answer
        send(jsonrpc.request(question, method, params))
        return question

    def forget(self, question: str | None) -> None:
        """An answer to this is not wanted any more."""
        if question is not None:
            self._pending.pop(question, None)

    async def answered(self, response: Response) -> None:
        """A response has come. One to no question of ours changes nothing."""
        if not isinstance(response.id, str):
            return
        on_answer = self._pending.pop(response.id, None)
        told = None if on_answer is None else on_answer(response)
        if told is not None:
            await told
