"""Whether to ask a server that has failed: not for a while, and then once, to see."""

from typing import Final

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

FAILURES: Final = 3
"""After so many failures in a row a server is left alone."""

REST: Final = 15.0
"""For so many seconds, the first time; twice as long each time that it fails again."""

LONGEST_REST: Final = 240.0


@define(eq=False)
class Breaker:
    """
    The circuit breaker of one server: plain state.

    Closed, all calls pass. After L{FAILURES} in a row it is open, and none does. After a rest one
    call may try; how that one ends decides.
    """

    clock: IReactorTime
    _failures: int = field(default=0, init=False)
    _rest: float = field(default=REST, init=False)
    _until: float = field(default=0.0, init=False)
    _trying: bool = field(default=False, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the server is left alone."""
        return self._failures >= FAILURES

    @property
    def wait(self) -> float:
        """The seconds until a call may pass; 0 where one may now."""
        if not self.is_open:
            return 0.0
        left = max(0.0, self._until - self.clock.seconds())
        # Somebody is finding out; that takes about as long as anything does.
        return max(left, 1.0) if self._trying else left

    def enter(self) -> bool:
        """
        Whether a call may pass. Where it may, it says how it ended, by one of the three below.
        """
        if self.wait > 0:
            return False
        self._trying = self.is_open
        return True

    def succeeded(self) -> None:
        """The server has answered, if only with a refusal."""
        self._failures, self._rest, self._trying = 0, REST, False

    def failed(self) -> None:
        """The server was not reached, or failed."""
        was_open = self.is_open
        if was_open and not self._trying:
            return  # It was asked before that.
        self._failures += 1
        self._trying = False
        if was_open:
            self._rest = min(self._rest * 2, LONGEST_REST)
        if self.is_open:
            self._until = self.clock.seconds() + self._rest

    def abandoned(self) -> None:
        """The call was given up, so that nothing is known."""
        self._trying = False
