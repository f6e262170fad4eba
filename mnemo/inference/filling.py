"""
Whether a pass over a model's weights is faster with more rows than are wanted. Plain arithmetic.

llama.cpp's products on a CPU work on some numbers of rows at once and on others one by one: with
an F16 model of 100 M parameters 8 rows took 28 ms, and 9 took 22; with a small one that embeds, 20
took 5.3 ms, and 21 took 4.2. Which numbers these are depends on the CPU and on the kind of the
weights, so it is tried out.
"""

from typing import Final

FEWEST: Final = 4
"""Below so many rows it does not matter."""

TRIALS: Final = 3
"""How many passes of a number of rows are looked at; the fastest counts."""

GAIN: Final = 0.95
"""More rows have to be faster than this many times the time without them."""


class Filling:
    """What passes over so many rows take."""

    def __init__(self, reach: int = 1) -> None:
        """
        @param reach: how many rows there may be more than are wanted
        """
        self._reach = reach
        self._seconds: dict[int, list[float]] = {}

    def rows(self, wanted: int) -> int:
        """Of how many rows a pass is to be: C{wanted}, or some more."""
        if wanted < FEWEST:
            return wanted
        possible = range(wanted, wanted + self._reach + 1)
        for rows in possible:
            if len(self._seconds.get(rows, ())) < TRIALS:
                return rows
        fastest = {rows: min(self._seconds[rows]) for rows in possible}
        best = min(possible, key=fastest.__getitem__)
        return best if fastest[best] < GAIN * fastest[wanted] else wanted

    def measured(self, rows: int, seconds: float) -> None:
        """A pass over so many rows has taken C{seconds}."""
        known = self._seconds.setdefault(rows, [])
        if len(known) < TRIALS:
            known.append(seconds)
