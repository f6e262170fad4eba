"""A request whose body is in memory, and how it is answered."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any

import msgspec
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.iweb import IRequest
from twisted.web.server import Request, version

from mnemo.mcp.errors import INVALID_REQUEST
from mnemo.mcp.headers import PROJECT
from mnemo.transports.channel import Channel
from mnemo.transports.credentials import LOCAL
from mnemo.transports.heads import Head

BODY_LIMIT = 4 * 1024 * 1024
"""The longest request body that is read, in bytes."""

DISCARDED = 16 * BODY_LIMIT
"""How much more of a refused body is read and thrown away, so that its sender sees the answer."""

_JSON = (("Content-Type", "application/json"),)

_PLAIN = (
    b"HTTP/1.1 200 OK\r\nServer: %b\r\nDate: %%b\r\nContent-Type: application/json\r\n"
    b"Content-Length: %%d\r\n\r\n%%b"
) % version


class BoundedRequest(Request):
    """
    A request whose body stays in memory and under L{BODY_LIMIT}.

    A longer one is answered 413 as soon as that is known. What follows of it is not kept.

    @ivar principal: who sent it; C{""} where that is not known yet, which is at C{/ws}
        alone
    @ivar head: what its head is known to come to, which goes to the messages by that; else
        C{None}
    """

    channel: Channel
    site: Any
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
