"""Saying how far a long call has come, often enough and no oftener."""

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from mnemo.tools.interfaces import IClient
from mnemo.tools.shown import shown

INTERVAL = 0.25
"""Seconds at least between two tellings of one call."""


@define
class Progress:
    """
    What a call tells its client of its progress.

    @ivar total: how much there is to do
    @ivar done: how much of it is done
    """

    _client: IClient
    _clock: IReactorTime
    total: int
    done: int = 0
    _told: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._told = self._clock.seconds()

    def reached(self, done: int, message: str = "") -> None:
        """So much is done. A short call, and the end of a long one, is not worth a word."""
        self.done = done
        now = self._clock.seconds()
        if now - self._told >= INTERVAL and done < self.total:
            self._told = now
            self._client.progress(done, self.total, shown(message))

    def told(self, done: int, total: int, message: str = "") -> None:
        """So much is done, of so much as is known by now."""
        self.total = total
        self.reached(done, message)

    def one_more(self, message: str = "") -> None:
        """One thing more is done."""
        self.reached(self.done + 1, message)
