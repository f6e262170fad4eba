"""Where an HTTP connection becomes a WebSocket."""

from attrs import frozen
from autobahn.twisted.resource import WebSocketResource
from twisted.internet.interfaces import IAddress
from twisted.web.resource import Resource

from mnemo.mcp.headers import project_hint
from mnemo.transports.request import (
    BoundedRequest,
    answer,
    asks_for_websocket,
    failure_body,
    headers_of,
)
from mnemo.transports.site import NO_TOKEN
from mnemo.transports.websocket import SUBPROTOCOL, Socket, WebSockets


class Upgrade(Resource):
    """What answers the request for one."""

    isLeaf = True

    def __init__(self, sockets: WebSockets) -> None:
        super().__init__()
        self._sockets = sockets

    def render(self, request: BoundedRequest) -> bytes | int:
        """The answer, or what goes on as a WebSocket."""
        if not asks_for_websocket(request):
            body = failure_body("This is a WebSocket: ask for an upgrade.")
            return answer(request, 426, body, [("Upgrade", "websocket")])
        if not request.principal and _offers_mcp(request):
            # MCP has no way to say later who speaks.
            return answer(request, 401, failure_body(NO_TOKEN), [("WWW-Authenticate", "Bearer")])
        socket = WebSocketResource(_Arrival(self._sockets, request))
        taken_over: bytes | int = socket.render(request)
        return taken_over


@frozen(eq=False)
class _Arrival:
    """The factory of the one socket that a request becomes."""

    sockets: WebSockets
    request: BoundedRequest

    def buildProtocol(self, address: IAddress) -> Socket:  # noqa: N802
        """The one that the request becomes."""
        request = self.request
        hint = project_hint(headers_of(request))
        return self.sockets.socket(request.principal, hint, request.getClientIP() or "")


def _offers_mcp(request: BoundedRequest) -> bool:
    offered = request.requestHeaders.getRawHeaders(b"Sec-WebSocket-Protocol", ())
    return SUBPROTOCOL.encode() in [name.strip() for name in b",".join(offered).split(b",")]
