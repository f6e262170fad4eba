"""C{subscriptions/listen}: a modern request that is answered when it ends, with news until then."""

from attrs import define, field

from mnemo.mcp import jsonrpc, subscriptions
from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    ProtocolError,
    invalid_request,
    method_not_found,
)
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.outbound import Send
from mnemo.mcp.promises import Promise
from mnemo.mcp.server import Server

LISTENERS = 4096
"""How many may listen at once."""


@define(eq=False)
class Listening:
    """Those who listen on one endpoint or one connection."""

    server: Server
    _open: dict[Promise, None] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._open)

    async def listen(
        self, request: Request, version: str, principal: str, send: Send | None
    ) -> bytes:
        """
        Tell a client what it asks to be told of, until it is cancelled or L{end} is called.

        Raises L{ProtocolError}.

        @param send: sends a message on the request's own stream; C{None} where it has none
        @return: the encoded result
        """
        declared = self.server.capabilities(version)
        if not (self.server.dynamic or "resources" in declared or "extensions" in declared):
            raise method_not_found(request.method)
        wants = subscriptions.listened(request.params)
        if send is None:
            raise invalid_request("The Accept header must allow text/event-stream", status=406)
        if len(self._open) >= LISTENERS:
            raise ProtocolError(
                INTERNAL_ERROR, f"There are {LISTENERS} listeners already", status=503
            )
        tasks = self.server.tasks
        known = await tasks.known(wants.tasks, principal) if wants.tasks and tasks else ()
        wants = subscriptions.granted(wants, self.server.dynamic, "resources" in declared, known)
        tell = send
        tell(jsonrpc.encode(subscriptions.acknowledgement(request.id, wants)))
        subscription = self.server.subscriptions.add(
            wants,
            lambda method, params: tell(
                jsonrpc.encode(subscriptions.tagged(request.id, method, params))
            ),
        )
        over = self.server.promise()
        self._open[over] = None
        try:
            await over
        finally:
            self._open.pop(over, None)
            subscription.cancel()
        return self.server.result(subscriptions.ended(request.id), version)

    def end(self) -> None:
        """Answer all who listen."""
        while self._open:
            over, _ = self._open.popitem()
            over.callback(None)
