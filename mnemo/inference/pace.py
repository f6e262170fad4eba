"""How much fits into a step of bounded length, as far as was measured. Plain arithmetic."""

from typing import Final

LEAST: Final = 8
"""The fewest prompt tokens of a step that has any, so that a slow model gets on as well."""

TILE: Final = 16
"""
A step has a multiple of so many tokens where it has prompt tokens. llama.cpp's products on a CPU
work on so many rows at once: 17 took 1.4 times as long as 16, and 32 no longer than 31.
"""

GROWTH: Final = 4
"""How many times as large as the latest a chunk may be: what is measured can be wrong."""

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

    def prompt_tokens(self, rows: int, most: int) -> int:
        """How many prompt tokens a step takes beside C{rows} that decode, at most C{most}."""
        fits = 0
        if self._prompt_token is not None:
            room = self.step_seconds - self.round_seconds(rows)
            fits = min(int(room / max(self._prompt_token, 1e-9)), GROWTH * self._chunk)
        tiles = max((rows + fits) // TILE, (rows + LEAST - 1) // TILE + 1)
        return min(most, tiles * TILE - rows)

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
            self._chunk = prompt_tokens
        elif not prompt_tokens and rows and rounds:
            self._rounds[rows] = _mixed(self._rounds.get(rows), seconds / rounds)


def _mixed(known: float | None, newest: float) -> float:
    return newest if known is None else known + _WEIGHT * (newest - known)
