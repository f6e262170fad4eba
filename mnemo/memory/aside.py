"""Doing what takes long beside the reactor."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

T = TypeVar("T")


class Aside(Protocol):
    """Where work is done that may take more than some milliseconds."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """What C{work}, which waits for nothing, returns."""


def here(work: Callable[[], T], /) -> Deferred[T]:
    """At once, on the caller's thread."""
    return maybeDeferred(work)
