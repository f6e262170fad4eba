"""
What the server gives to a client to bring back unchanged: signed, and good for a while.

A sealed text is C{expiry.payload.signature}. The signature is an HMAC-SHA256 (RFC 2104) over
the other two and over the binding, which is not in the text: what was sealed for one purpose
or one caller opens for no other.
"""

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from attrs import define, field

from mnemo.mcp import jsonrpc

TTL: Final = 600.0
"""Seconds for which what was sealed can be opened."""

LONGEST: Final = 64 * 1024
"""Characters of the longest sealed text."""

_SHAPE = re.compile(r"([1-9][0-9]{0,15})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})", re.ASCII)


class BadSeal(Exception):
    """This was not sealed here, not for this, or too long ago. Its text is one line."""


@define(eq=False)
class Sealer:
    """
    Seals values and opens them again.

    @ivar now: seconds since the epoch
    @ivar ttl: seconds for which what was sealed can be opened
    """

    _key: bytes = field(repr=False)
    _now: Callable[[], float]
    ttl: float = TTL

    def seal(self, value: Any, binding: bytes) -> str:
        """
        A text that L{open} turns back into C{value}.

        @param value: what JSON can hold
        @param binding: must be the same when it is opened
        @raise ValueError: where the text would be longer than L{LONGEST}
        """
        expiry = str(max(1, round((self._now() + self.ttl) * 1000)))
        payload = _text(jsonrpc.encode(value))
        sealed = f"{expiry}.{payload}.{self._signature(expiry, payload, binding)}"
        if len(sealed) > LONGEST:
            raise ValueError(f"what is sealed must not exceed {LONGEST} characters")
        return sealed

    def open(self, text: str, binding: bytes) -> Any:
        """The value that was sealed. Raises L{BadSeal}."""
        shape = _SHAPE.fullmatch(text) if len(text) <= LONGEST else None
        if shape is None:
            raise BadSeal("This was not sealed by this server")
        expiry, payload, signature = shape.groups()
        if not hmac.compare_digest(signature, self._signature(expiry, payload, binding)):
            raise BadSeal("This was not sealed by this server, or for something else")
        if int(expiry) <= self._now() * 1000:
            raise BadSeal(f"This was sealed more than {self.ttl:g} seconds ago: start again")
        return json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    def _signature(self, expiry: str, payload: str, binding: bytes) -> str:
        # Neither of the first two can hold a dot, so where the binding begins is beyond doubt.
        signed = f"{expiry}.{payload}.".encode("ascii") + binding
        return _text(hmac.digest(self._key, signed, "sha256"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
