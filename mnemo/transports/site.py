"""The root of all addresses: what a request may be before anybody looks at what it asks."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import datetimeToString
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site, version

from mnemo.api.openai import PREFIX
from mnemo.api.openai_errors import ApiError
from mnemo.mcp.errors import INVALID_REQUEST
from mnemo.mcp.headers import PROJECT
from mnemo.transports.channel import Channel
from mnemo.transports.credentials import LOCAL, Credentials
from mnemo.transports.guard import Guard
from mnemo.transports.heads import Head, Heads

BODY_LIMIT = 4 * 1024 * 1024
"""The longest request body that is read, in bytes."""

DISCARDED = 16 * BODY_LIMIT
"""How much more of a refused body is read and thrown away, so that its sender sees the answer."""

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

_JSON = (("Content-Type", "application/json"),)

_PLAIN = (
    b"HTTP/1.1 200 OK\r\nServer: %b\r\nDate: %%b\r\nContent-Type: application/json\r\n"
    b"Content-Length: %%d\r\n\r\n%%b"
) % version

_log = Logger()


class BoundedRequest(Request):
    """
    A request whose body stays in memory and under L{BODY_LIMIT}.

    A longer one is answered 413 as soon as that is known. What follows of it is not kept.

    @ivar principal: who sent it; C{""} where that is not known yet, which is at L{_SAYS_HELLO}
        alone
    @ivar head: what its head is known to come to, which goes to the messages by that; else
        C{None}
    """

    channel: Channel
    site: "GuardedSite"
    content: BytesIO
    principal: str = LOCAL
    head: Head | None = None
    defaultContentType = None
    _discarded = -1
    _plain = False

    def know(self, head: Head, body: bytes) -> None:
        """All of it has come, with a head that was read before."""
        self.head = head
        self.requestHeaders = head.headers
        self.content = BytesIO(body)

    def gotLength(self, length: int | None) -> None:
        """The headers are read; C{length} is C{None} for a chunked body."""
        self.content = BytesIO()
        if length is not None and length > BODY_LIMIT:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """A part of the body is read."""
        if self._discarded < 0 and self.content.tell() + len(data) > BODY_LIMIT:
            self.content = BytesIO()
            self._refuse()
        if self._discarded < 0:
            self.content.write(data)
            return
        self._discarded += len(data)
        if self._discarded > DISCARDED:
            self.channel.loseConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The whole request is read."""
        if self._discarded < 0:
            super().requestReceived(command, path, version)
        else:
            self.channel.loseConnection()

    def process(self) -> None:
        """Answer it."""
        if self.head is None:
            super().process()
            return
        self.site = self.channel.site
        try:
            self.render(self.site.messages)
        except BaseException:
            self.processingFailed(Failure())

    def is_plain(self, status: int, headers: Iterable[tuple[str, str]]) -> bool:
        """Whether an answer whose body is sent at once has the head of most, which is known."""
        self._plain = self.head is not None and status == 200 and headers == _JSON
        return self._plain

    def write(self, data: bytes) -> None:
        """Send a part of the answer, behind its head where it is the first."""
        if self.head is None or self.startedWriting:
            super().write(data)
        elif self._plain and not self._disconnected:
            self.startedWriting = 1
            self.channel.write(_PLAIN % (datetimeToString(), len(data), data))
        else:
            self.setHeader(b"Server", version)
            self.setHeader(b"Date", datetimeToString())
            super().write(data)

    def _refuse(self) -> None:
        """Answer ahead of the body, which is the last thing this connection carries."""
        self._discarded = 0
        # Nobody is asked to continue.
        self.requestHeaders.removeHeader(b"Expect")
        body = failure_body(f"The request body is longer than {BODY_LIMIT} bytes.")
        assert self.channel.transport is not None
        self.channel.transport.write(
            b"HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        )


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


def answer(
    request: IRequest, status: int, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Set the head of an answer, and hand back its body."""
    if isinstance(request, BoundedRequest) and request.is_plain(status, headers):
        return body
    request.setResponseCode(status)
    head = request.responseHeaders
    if body:
        head.setRawHeaders(b"Content-Type", [b"application/json"])
    for name, value in headers:
        head.setRawHeaders(name, [value])
    # Without a length Twisted would send it in chunks.
    head.setRawHeaders(b"Content-Length", [b"%d" % len(body)])
    return body


def failure_body(message: str, code: int = INVALID_REQUEST) -> bytes:
    """A JSON-RPC error for a request that was not looked into."""
    error = {"code": code, "message": message}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": None, "error": error})


def asks_for_websocket(request: Request) -> bool:
    """Whether a request wants its connection to become a WebSocket."""
    asked = request.requestHeaders.getRawHeaders(b"Upgrade", ())
    return any(value.strip().lower() == b"websocket" for value in asked)


def headers_of(request: Request) -> Mapping[str, tuple[str, ...]]:
    """
    All headers of a request, by their name in lower case.

    C{?project=} in its address stands for the header of that meaning, where there is none.
    """
    if isinstance(request, BoundedRequest) and request.head is not None:
        return request.head.fields
    found = {
        _lower(name): tuple([_text(value) for value in values])
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    if b"project=" in request.uri and PROJECT not in found:
        found[PROJECT] = tuple([_text(value) for value in request.args.get(b"project", ())])
    return found


def header_values(request: Request, name: bytes) -> Sequence[str]:
    """The values of one header, as many as there are."""
    return [_text(value) for value in request.requestHeaders.getRawHeaders(name, ())]


@lru_cache(maxsize=256)  # clients send the same few names over and over
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
