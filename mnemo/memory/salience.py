"""
How much a memory matters, and until when. Pure arithmetic.

Salience is kept as it was given and judged; its decay is worked out when it is read, from
timestamps, so that reading twice, or not at all for a year, changes nothing.
"""

import math
from typing import Final

from mnemo.store.records import NEVER, Memory, Type

INITIAL: Final[dict[Type, float]] = {
    "general": 0.7,
    "decision": 0.85,
    "error": 0.8,
    "insight": 0.9,
    "learning": 0.8,
    "handoff": 0.95,
}
"""The salience a memory begins with."""

HALF_LIFE = 90 * 86400.0
"""Seconds in which the strength of a memory halves."""

FADING_BELOW = 0.3
"""The strength under which a memory counts as fading."""

LASTING: Final[frozenset[Type]] = frozenset({"decision", "handoff"})
"""What holds until somebody says otherwise, however old it is."""


def clamp(salience: float) -> float:
    """C{salience} within 0 to 1; what is no number is 0."""
    return min(1.0, max(0.0, salience)) if salience == salience else 0.0


def fades(type: Type, salience: float, since: float) -> float:
    """
    When a memory begins to fade: L{NEVER}, or the time at which its strength falls below
    L{FADING_BELOW}.

    @param since: when it was made or last amended, seconds since the epoch
    @return: seconds since the epoch, never before C{since}
    """
    if type in LASTING:
        return NEVER
    if salience <= FADING_BELOW:
        return since
    return since + HALF_LIFE * math.log2(salience / FADING_BELOW)


def still_fades(memory: Memory, salience: float, since: float) -> float:
    """As L{fades}, for a memory that is there: one that never fades goes on so."""
    return NEVER if memory.fades >= NEVER else fades(memory.type, salience, since)


def is_pinned(memory: Memory) -> bool:
    """Whether somebody has said that it never fades."""
    return memory.fades >= NEVER and memory.type not in LASTING


def strength(memory: Memory, now: float) -> float:
    """
    What is left of a memory's salience at C{now}: halved once a L{HALF_LIFE}, 0 to 1.

    Decisions, handoffs and what is pinned keep all of it.
    """
    if memory.fades >= NEVER:
        return clamp(memory.salience)
    age = max(0.0, now - memory.updated)
    return clamp(memory.salience * 0.5 ** (age / HALF_LIFE))
