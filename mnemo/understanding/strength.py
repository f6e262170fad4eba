"""How much there is to a pattern: arithmetic, worked out when it is read. Pure."""

import math
from collections.abc import Iterable
from typing import Final

from mnemo.store.understanding import Pattern

HALF_LIFE: Final = 180 * 86400.0
"""Seconds without new evidence in which the strength of a pattern halves."""


def strength(pattern: Pattern, now: float) -> float:
    """
    0 to 1: C{(1 - 2^(-(count-1)/2)) * (1 - 2^-occasions) * 2^(-age/180 days)}.

    Three memories of two sessions, the last of them today, make 0.38; ten of five 0.93. What
    was often said on one occasion has recurred but once. The age is that of the newest memory.
    """
    often = 1 - math.exp2(-(pattern.count - 1) / 2)
    recurred = 1 - math.exp2(-pattern.occasions)
    age = max(0.0, now - pattern.last)
    return often * recurred * math.exp2(-age / HALF_LIFE)


def strongest(patterns: Iterable[Pattern], now: float, least: float = 0.0) -> list[Pattern]:
    """Those of at least this strength, the strongest first."""
    scored = [(strength(each, now), each) for each in patterns]
    kept = [(value, each) for value, each in scored if value >= least]
    kept.sort(key=lambda pair: (-pair[0], -pair[1].last, pair[1].id))
    return [each for _, each in kept]
