"""Signals that end a command which has started a process, and must not leave it behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

BY_SIGNAL = 128
"""What shells add to the number of the signal that ended a process, to have an exit code."""


class Told(SystemExit):
    """
    A signal came.

    @ivar number: which
    """

    def __init__(self, number: int) -> None:
        super().__init__(BY_SIGNAL + number)
        self.number = number


@define
class Interruptions:
    """The signals of this process, each of which raises L{Told}."""

    _is_held_back: bool = field(default=False, init=False)
    _came: int | None = field(default=None, init=False)

    def listen(self) -> None:
        """Have them raise it from now on."""
        for number in NUMBERS:
            signal.signal(number, self._come)

    def ignore(self) -> None:
        """Have them do nothing any more."""
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """While something is done that may not be broken off; raised when it is left."""
        self._is_held_back = True
        try:
            yield
        finally:
            self._is_held_back = False
        if self._came is not None:
            raise Told(self._came)

    def _come(self, number: int, frame: object) -> None:
        if not self._is_held_back:
            raise Told(number)
        self._came = number
