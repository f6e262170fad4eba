"""How much fits into a step of bounded length, as far as was measured. Plain arithmetic."""

from math import inf
from typing import Final

LEAST: Final = 8
"""The fewest prompt tokens of a step that has any, so that a slow model gets on as well."""

TILE: Final = 16
"""
A step has a multiple of so many tokens where it has prompt tokens. llama.cpp's products on a CPU
work on so many rows at once: 17 took 1.4 times as long as 16, and 32 no longer than 31.
"""

GROWTH: Final = 4
"""How many times as large as any before a chunk may be: what is measured can be wrong."""

_WEIGHT: Final = 0.3  # of the newest measurement


class Pace:
    """
    How fast a model is.

    A step takes the time of its decoding rows, or of one row where it has none, and the time of
    each prompt token.
    """

    def __init__(self, step_seconds: float) -> None:
        """
        @param step_seconds: how long a step may take
        """
        self.step_seconds = step_seconds
        self._rounds: dict[int, float] = {}
        self._prompt_token: float | None = None
        self._chunk = 0

    def prompt_tokens(self, rows: int, most: int, left: float = inf) -> int:
        """
        How many prompt tokens a step takes beside C{rows} that decode, at most C{most}.

        @param left: how many there are. A rest that takes no longer than another pass over the
            model's weights would is taken along
        """
        fits = rest = 0
        if self._prompt_token is not None:
            each, round_seconds = max(self._prompt_token, 1e-9), self.round_seconds(rows)
            fits = int((self.step_seconds - round_seconds) / each)
            rest = int(round_seconds / each)
        known = GROWTH * self._chunk
        fits, rest = min(fits, known), min(fits + rest, known)
        fitting = _whole_tiles(rows, fits)
        return min(most, int(left) if fitting < left <= rest else fitting)

    def round_seconds(self, rows: int) -> float:
        """How long a pass over C{rows} that decode takes; 0 where that is not known."""
        if not self._rounds:
            return 0.0
        nearest = min(self._rounds, key=lambda known: abs(known - rows))
        return self._rounds[nearest]

    def measured(self, rows: int, prompt_tokens: int, rounds: int, seconds: float) -> None:
        """A step has taken C{seconds}; with prompt tokens it has had one round."""
        if prompt_tokens >= LEAST:
            each = max(seconds - self.round_seconds(rows), 0.0) / prompt_tokens
            self._prompt_token = _mixed(self._prompt_token, each)
            self._chunk = max(self._chunk, prompt_tokens)
        elif not prompt_tokens and rows and rounds:
            self._rounds[rows] = _mixed(self._rounds.get(rows), seconds / rounds)


def _whole_tiles(rows: int, fits: int) -> int:
    """
    How many prompt tokens fill up tiles, at least L{LEAST}; as many as fit where whole tiles would
    leave more than a quarter of these to another pass.
    """
    least = ((rows + LEAST - 1) // TILE + 1) * TILE - rows
    whole = (rows + fits) // TILE * TILE - rows
    return max(least, whole if whole >= 0.75 * fits else fits)


def _mixed(known: float | None, newest: float) -> float:
    return newest if known is None else known + _WEIGHT * (newest - known)
