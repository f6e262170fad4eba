"""The heads of requests as they were read before: a client says the same in all of its own."""

import re
from collections.abc import Mapping

from attrs import define, field, frozen
from twisted.web.http_headers import Headers

REMEMBERED = 1024
"""How many heads are remembered, of all clients together."""

LONGEST = 2048
"""Bytes of the longest head that is."""

REQUEST_LINE = (b"POST", b"/mcp", b"HTTP/1.1")
"""Nearly every request's."""

_BEGINNING = b"%b %b %b\r\n" % REQUEST_LINE

# What follows must not go on with the header before, once the length is cut out between them.
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?([0-9]{1,7})(?=\r\n[^ \t])")

_NOT_KEPT = ("authorization", "cookie", "expect", "proxy-authorization")
"""What is a secret, and what wants more than to be read."""


@frozen(eq=False)
class Head:
    """
    What a head comes to whose sender may speak, all but the length of the body.

    @ivar headers: as Twisted has them. Requests share them, so nobody changes them
    @ivar fields: the same by name in lower case
    """

    headers: Headers
    fields: Mapping[str, tuple[str, ...]]


@define(eq=False)
class Heads:
    """Those that were read last, by what was read."""

    _known: dict[bytes, Head] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._known)

    def find(self, raw: bytes) -> Head | None:
        """What this came to the last time."""
        return self._known.get(raw)

    def remember(self, raw: bytes, headers: Headers, fields: Mapping[str, tuple[str, ...]]) -> None:
        """A head has been read, and its sender may speak."""
        if len(raw) > LONGEST or any(name in fields for name in _NOT_KEPT):
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        shared = headers.copy()
        shared.removeHeader(b"Content-Length")
        rest = {name: values for name, values in fields.items() if name != "content-length"}
        self._known[raw] = Head(shared, rest)


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """The head, without its length, and the body, where C{data} is one message and no more."""
    end = data.find(b"\r\n\r\n") if data.startswith(_BEGINNING) else -1
    length = _LENGTH.search(data, 0, end + 3) if end > 0 else None
    if length is None or len(data) != end + 4 + int(length[1]):
        return None
    return data[: length.start()] + data[length.end() : end], data[end + 4 :]


def is_too_long(data: bytes, most: int) -> bool:
    """Whether C{data} begins with a head that is longer than C{most} bytes."""
    return len(data) > most and data.find(b"\r\n\r\n", 0, most + 4) < 0
