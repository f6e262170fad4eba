"""The root of all addresses: who may pass, before anybody looks at what is asked."""

from collections.abc import Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from mnemo.api.openai import PREFIX
from mnemo.api.openai_errors import ApiError
from mnemo.transports.channel import Channel
from mnemo.transports.credentials import Credentials
from mnemo.transports.guard import Guard
from mnemo.transports.heads import Heads
from mnemo.transports.request import (
    BoundedRequest,
    answer,
    asks_for_websocket,
    failure_body,
    header_values,
    headers_of,
)

NOTHING_HERE = b'{"error":"There is nothing here."}'

NO_TOKEN = (
    "This daemon asks for a token: send 'Authorization: Bearer TOKEN' with one of those in"
    " server.tokens (in mnemo.toml, or MNEMO_SERVER_TOKENS)."
)

_FOR_ALL = frozenset([b"/health/live", b"/health/ready"])
"""What needs no token: a watchdog and a load balancer have none."""

_SAYS_HELLO = b"/ws"
"""Where one may also say who one is when the connection stands, since browsers cannot before."""

_OPENAI = PREFIX.encode()

_log = Logger()


class GuardedSite(Site):
    """
    The root of all addresses. Nobody passes whom the guard refuses or who lacks a token; no
    access log is kept.

    @ivar messages: what answers C{POST /mcp}
    @ivar heads: those of messages whose senders may speak
    @ivar exact: what answers an address by itself, ahead of C{resource}: an address here is
        that one alone, and nothing below it
    @ivar openai: what answers all addresses below C{/v1/}
    """

    noisy = False
    protocol = Channel  # type: ignore[assignment]  # HTTP/2 is not spoken here

    def __init__(
        self,
        resource: IResource,
        messages: IResource,
        guard: Guard,
        reactor: IReactorTime,
        credentials: Credentials | None = None,
        exact: Mapping[bytes, IResource] | None = None,
        openai: IResource | None = None,
    ) -> None:
        """
        @param resource: answers every address
        @param messages: answers C{POST /mcp}, nearly all there is, without the way through
            C{resource}
        """
        super().__init__(
            resource,
            requestFactory=BoundedRequest,
            parsePOSTFormSubmission=False,
            reactor=reactor,
        )
        self.messages = messages
        self._guard = guard
        self._credentials = credentials or Credentials()
        self.exact = dict(exact or {})
        self.openai = openai
        self.heads = Heads()
        self._told = ""

    def getResourceFor(self, request: BoundedRequest) -> IResource:
        """What answers this request."""
        refusal = self._guard.refusal(
            header_values(request, b"Host"),
            header_values(request, b"Origin"),
            needs_host=request.clientproto != b"HTTP/1.0",
            forwarded=self._forwarded(request),
        )
        if refusal is not None:
            self._tell(refusal.message)
            return _refused(request, refusal.status, refusal.message)
        if request.path == b"/" and asks_for_websocket(request):
            # Clients that were given no path.
            request.path = _SAYS_HELLO
        if self._credentials.required and not self._knows(request):
            if _is_probe(request.path):
                return _Fixed(404, NOTHING_HERE)
            return _refused(request, 401, NO_TOKEN, (("WWW-Authenticate", "Bearer"),))
        if request.path == b"/mcp" and request.method == b"POST":
            if request.channel.unread and request.channel.persistent:
                raw, headers = request.channel.unread, request.requestHeaders
                self.heads.remember(raw, headers, headers_of(request))
            return self.messages
        if self.openai is not None and request.path.startswith(_OPENAI):
            return self.openai
        if b"%" in request.path:
            # No address has an escape in it, and Klein logs one that does not decode.
            return _Fixed(404, NOTHING_HERE)
        if request.path in self.exact:
            return self.exact[request.path]
        resource: IResource = super().getResourceFor(request)
        return resource

    def _forwarded(self, request: BoundedRequest) -> Sequence[str]:
        trusted = self._guard.trust_forwarded_host
        return header_values(request, b"X-Forwarded-Host") if trusted else ()

    def _knows(self, request: BoundedRequest) -> bool:
        """Whether the sender may go on, who is told to the request."""
        if request.path in _FOR_ALL:
            return True
        said = header_values(request, b"Authorization")
        if not said and request.path == _SAYS_HELLO:
            request.principal = ""
            return True
        principal = self._credentials.principal(said[0]) if len(said) == 1 else None
        request.principal = principal or ""
        return principal is not None

    def log(self, request: http.Request) -> None:
        """Say nothing: formatting a line costs as much as the request."""

    def _tell(self, message: str) -> None:
        """Log a refusal, but not again and again."""
        if message != self._told:
            self._told = message
            _log.warn("A request was refused: {reason}", reason=message)


class _Fixed(Resource):
    """One answer to everything."""

    isLeaf = True

    def __init__(self, status: int, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._status = status
        self._body = body
        self._headers = headers

    def render(self, request: Request) -> bytes:
        """The answer."""
        return answer(request, self._status, self._body, self._headers)


def _refused(
    request: Request, status: int, message: str, headers: Sequence[tuple[str, str]] = ()
) -> IResource:
    """A refusal, in the shape that the clients of this address read."""
    if request.path.startswith(_OPENAI):
        return _Fixed(status, ApiError(status, message).body, headers)
    return _Fixed(status, failure_body(message), headers)


def _is_probe(path: bytes) -> bool:
    """
    Whether a client looks for an OAuth server, which there is not.

    A plain no has it say so at once; a 401 here would send it around in circles.
    """
    return b"/.well-known/" in path or path == b"/register"
