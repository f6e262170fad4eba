"""What is handed to whoever reads or writes files: a thread to do it on, and an ear."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")

Told = Callable[[int, int, str], None]
"""Told how much is done, of how much, and what is being done."""


class InThread(Protocol):
    """Does something that takes long off the reactor thread."""

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        """What C{work} returns."""
