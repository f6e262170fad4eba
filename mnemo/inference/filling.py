"""
Whether a pass over the model's weights is faster with a row more than is wanted. Plain arithmetic.

llama.cpp's products on a CPU work on some numbers of rows at once and on others one by one: with
an F16 model of 100 M parameters 8 rows took 28 ms, and 9 took 22. Which numbers these are depends
on the CPU and on the kind of the weights, so it is tried out.
"""

from typing import Final

FEWEST: Final = 4
"""Below so many rows it does not matter."""

TRIALS: Final = 3
"""How many passes of a number of rows are looked at; the fastest counts."""

GAIN: Final = 0.95
"""A row more has to be faster than this many times the time without it."""


class Filling:
    """What passes over so many decoding rows take."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[float]] = {}

    def rows(self, wanted: int) -> int:
        """Of how many rows a pass is to be, C{wanted} or one more."""
        if wanted < FEWEST:
            return wanted
        for rows in (wanted, wanted + 1):
            if len(self._seconds.get(rows, ())) < TRIALS:
                return rows
        faster = min(self._seconds[wanted + 1]) < GAIN * min(self._seconds[wanted])
        return wanted + 1 if faster else wanted

    def measured(self, rows: int, seconds: float) -> None:
        """A pass over so many rows has taken C{seconds}."""
        known = self._seconds.setdefault(rows, [])
        if len(known) < TRIALS:
            known.append(seconds)
