"""How fast something goes, how long it took lately, and shares. Plain arithmetic."""

from collections import deque
from math import ceil, exp
from typing import Final

from attrs import define, field

SPAN: Final = 3.0
"""What came so many seconds ago counts by 1/e of what comes now."""

REMEMBERED: Final = 100
"""Of so many the spread is known."""


@define
class Rate:
    """
    How much comes per second, the latest seconds counting most.

    It is told from time to time how much has come in all. That is taken to have come evenly
    since the last time, and what was known before fades with C{exp(-elapsed / SPAN)}.

    @ivar value: per second; 0 before the second count
    """

    value: float = field(default=0.0, init=False)
    _last: tuple[float, float] | None = field(default=None, init=False)

    def count(self, total: float, now: float) -> None:
        """
        By now so much has come.

        @param total: where it is less than the last time it was counted anew from 0
        """
        if self._last is None:
            self._last = total, now
            return
        before, at = self._last
        if now <= at:
            return
        came = total - before if total >= before else total
        kept = exp((at - now) / SPAN)
        self.value = kept * self.value + (1 - kept) * came / (now - at)
        self._last = total, now


@define
class Lately:
    """The latest L{REMEMBERED} of some durations, in seconds."""

    _latest: deque[float] = field(factory=lambda: deque(maxlen=REMEMBERED), init=False)

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._latest)

    def add(self, seconds: float) -> None:
        """One more."""
        self._latest.append(seconds)

    def percentile(self, share: float) -> float | None:
        """The least duration that C{share} of them do not exceed; C{None} where there are none."""
        if not self._latest:
            return None
        return sorted(self._latest)[max(0, ceil(share * len(self._latest)) - 1)]


def share(part: int, whole: int) -> float:
    """C{part / whole}, to three digits; 0 of nothing."""
    return round(part / whole, 3) if whole else 0.0
