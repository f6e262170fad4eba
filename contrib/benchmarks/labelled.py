"""Labelled retrieval sets, and the measures of an answer to one of their questions."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from math import log2
from pathlib import Path

import msgspec
import numpy as np
from attrs import frozen

UNDATED = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""When a memory was made that has no date."""

MEASURES = ("R@1", "R@5", "R@10", "R@20", "MRR", "nDCG@10")

_DAY_FIRST = re.compile(r"(\d{1,2}) ([A-Z][a-z]+),? (\d{4})")
_MONTH_FIRST = re.compile(r"([A-Z][a-z]+)[- ](\d{1,2}),?[- ](\d{4})")


@frozen
class Said:
    """A memory of a set."""

    id: str
    text: str
    speaker: str
    session: str
    date: str

    @property
    def words(self) -> str:
        """The text with who says it."""
        return f"{self.speaker}: {self.text}" if self.speaker else self.text


@frozen
class Question:
    """
    A question of a set.

    @ivar relevant: the ids of what answers it; none where nothing in its store does
    """

    text: str
    category: str
    relevant: tuple[str, ...]


@frozen
class Labelled:
    """What is asked within one store."""

    name: str
    memories: tuple[Said, ...]
    queries: tuple[Question, ...]


@frozen
class LabelledSet:
    """Some stores and what is asked of each."""

    name: str
    stores: tuple[Labelled, ...]


def read(path: Path) -> LabelledSet:
    """A set from its file: JSON with the fields of L{LabelledSet}."""
    return msgspec.json.decode(path.read_bytes(), type=LabelledSet)


def moment(date: str) -> float | None:
    """Seconds since the epoch of a date such as "8 May, 2023" or "March-15-2024"."""
    if found := _DAY_FIRST.search(date):
        day, month, year = found.groups()
    elif found := _MONTH_FIRST.search(date):
        month, day, year = found.groups()
    else:
        return None
    return (
        datetime.strptime(f"{day} {month[:3]} {year}", "%d %b %Y").replace(tzinfo=UTC).timestamp()
    )


def measured(ids: Sequence[str], relevant: frozenset[str]) -> tuple[float, ...]:
    """The L{MEASURES} of an answer; nDCG with binary gains."""
    hits = [each in relevant for each in ids[:20]]
    recalls = [sum(hits[:count]) / len(relevant) for count in (1, 5, 10, 20)]
    first = next((place for place, hit in enumerate(hits, 1) if hit), 0)
    gain = sum(1 / log2(place + 1) for place, hit in enumerate(hits[:10], 1) if hit)
    ideal = sum(1 / log2(place + 1) for place in range(1, min(10, len(relevant)) + 1))
    return (*recalls, 1 / first if first else 0.0, gain / ideal)


def mean(rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """The mean of each of L{MEASURES}."""
    values = np.mean(np.array(rows), axis=0).tolist() if rows else [0.0] * len(MEASURES)
    return {name: round(value, 4) for name, value in zip(MEASURES, values, strict=True)}
