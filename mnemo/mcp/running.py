"""The requests of sessions that are being answered, so that a later message can cancel one."""

from typing import Protocol

from attrs import define, field

from mnemo.mcp.errors import ProtocolError
from mnemo.mcp.jsonrpc import Id

CANCELLED = -32800
"""The code of the answer to a cancelled request: outside of what JSON-RPC and MCP reserve."""


class Cancellable(Protocol):
    """A request that is being answered."""

    def give_up(self) -> None:
        """Stop. May be called when it is over already."""


def cancelled() -> ProtocolError:
    """What is answered where something must be answered, though nobody wants it any more."""
    return ProtocolError(CANCELLED, "The client cancelled this request", status=200)


@define(eq=False)
class Running:
    """What is being answered, by the session and the request's id."""

    _requests: dict[tuple[str, Id], Cancellable] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._requests)

    def begin(self, session: str, id: Id, request: Cancellable) -> None:
        """A request begins. One that still runs under the same id can be cancelled no more."""
        self._requests[session, id] = request

    def end(self, session: str, id: Id, request: Cancellable) -> None:
        """A request is over."""
        if self._requests.get((session, id)) is request:
            del self._requests[session, id]

    def cancel(self, session: str, id: object) -> None:
        """Stop a request. Nothing happens where the id is none, or of none that runs."""
        # To Python True is 1, to the protocol it is no id at all.
        if type(id) is not int and type(id) is not str:
            return
        request = self._requests.pop((session, id), None)
        if request is not None:
            request.give_up()
