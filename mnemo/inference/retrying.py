"""Looks now and then whether a model that could not be loaded can be by now."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

RETRY_SECONDS: Final = 5.0
"""How often."""


class Retrying:
    """
    Tries again, but a file that could not be loaded only once it is another than before that.

    @ivar suspect: the file; C{None} where it is not known or no file is to blame, which is tried
        every time
    """

    def __init__(self, clock: IReactorTime, attempt: Callable[[], Deferred[None]]) -> None:
        """
        @param attempt: tries; what it answers never fails. One is not begun before the other ends
        """
        self.suspect: Path | None = None
        self._attempt = attempt
        self._seen: object = None
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock

    def start(self) -> None:
        """Look from now on, L{RETRY_SECONDS} from now first."""
        self._loop.start(RETRY_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def _look(self) -> Deferred[None] | None:
        seen = _state_of(self.suspect)
        if seen is not None and seen == self._seen:
            return None
        self._seen = seen
        return self._attempt()


def _state_of(path: Path | None) -> object:
    """How a file is now, to see whether it changes. None where there is no file to look at."""
    if path is None:
        return None
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns
