"""
Long lists, a page at a time.

A cursor says behind which item its page begins, so it needs no memory here: it outlives a
restart, and it stays good when that item is gone.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from mnemo.mcp.errors import ProtocolError, invalid_params


def cursor(listing: str, after: str) -> str:
    """
    The cursor of the page that begins behind an item.

    @param listing: the method that lists; another one does not take this cursor
    """
    return urlsafe_b64encode(_mark(listing, after) + _bytes(after)).decode()


def after(listing: str, params: Mapping[str, Any]) -> str:
    """
    Behind which item the page begins that a request asks for; C{""} is the start.

    Raises L{ProtocolError} for a cursor that is not one of this listing's.
    """
    given = params.get("cursor")
    if given is None or given == "":
        return ""
    if not isinstance(given, str):
        raise invalid_params("cursor must be a string")
    try:
        item = urlsafe_b64decode(given.encode())[_MARK:].decode("utf-8", "surrogatepass")
    except ValueError:
        raise unknown_cursor() from None
    if cursor(listing, item) != given:
        raise unknown_cursor()
    return item


def unknown_cursor() -> ProtocolError:
    """The cursor was not made here, or not for this."""
    return invalid_params("Unknown cursor: list again from the start, without one")


def page(names: Sequence[str], behind: str, size: int) -> tuple[Sequence[str], bool]:
    """
    The names of a page, and whether others follow.

    @param names: all there are, sorted
    """
    start = bisect_right(names, behind) if behind else 0
    return names[start : start + size], start + size < len(names)


_MARK = 4


def _mark(listing: str, item: str) -> bytes:
    """What tells a cursor of this listing from any other text; it protects nothing."""
    return blake2b(_bytes(item), digest_size=_MARK, person=_bytes(listing)[:16]).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
