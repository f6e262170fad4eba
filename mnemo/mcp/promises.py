"""How the protocol waits for something that comes later, without knowing of a reactor."""

from collections.abc import Generator
from typing import Any, Protocol


class Promise(Protocol):
    """A value that is to come: what a C{Deferred} is, as far as it is needed here."""

    def callback(self, result: Any) -> None:
        """Here it is. Called once at most, and not after the wait was given up."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for it."""


class MakePromise(Protocol):
    """Makes promises."""

    def __call__(self, seconds: float = 0) -> Promise:
        """
        A promise.

        @param seconds: after which a wait for it raises C{TimeoutError}; 0 is never
        """


def no_promise(seconds: float = 0) -> Promise:
    """For a server that never waits. Raises C{NotImplementedError}."""
    raise NotImplementedError("This server was made without promises")
