"""Where the floor of the ranking may lie: what it keeps, and what it refuses."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from answers import SHOWN, Asked
from attrs import evolve

from mnemo.memory.ranking import evidence, rank
from mnemo.memory.weights import WEIGHTS, Floor

THRESHOLDS: Final = (0.0, 0.3, 0.32, 0.34, 0.36, 0.38, 0.4, 0.42, 0.44, 0.46, 0.5)

NO_FLOOR: Final = Floor(
    coverage=WEIGHTS.floor.coverage, words=WEIGHTS.floor.words, answer=-9, memory=-9
)

Shown = Sequence[tuple[float, bool]]
"""Of each that is shown the evidence for it, and whether it answers."""


def curve(answers: Sequence[Asked]) -> list[dict[str, float]]:
    """
    For each threshold: the share of what answers among the first ten that is kept, the share of
    questions without an answer that is refused, and the memories that are shown where nothing
    answers.
    """
    shown = [(each, _shown(each)) for each in answers]
    answerable = [found for _, found in shown if any(hit for _, hit in found)]
    nearly_right = [found for each, found in shown if not each.case.relevant and not each.stranger]
    strangers = [found for each, found in shown if each.stranger]
    return [
        {
            "threshold": threshold,
            "kept": _kept(answerable, threshold),
            "refused of another store": _refused(strangers, threshold),
            "refused nearly right": _refused(nearly_right, threshold),
            "shown where nothing answers": _passed(strangers, threshold),
        }
        for threshold in THRESHOLDS
    ]


def _kept(answerable: Sequence[Shown], threshold: float) -> float:
    total = sum(hit for found in answerable for _, hit in found)
    kept = sum(hit for found in answerable for _, hit in _above(found, threshold))
    return round(kept / max(1, total), 4)


def _refused(some: Sequence[Shown], threshold: float) -> float:
    return round(float(np.mean([not _above(found, threshold) for found in some] or [False])), 4)


def _passed(some: Sequence[Shown], threshold: float) -> float:
    return round(
        sum(len(_above(found, threshold)) for found in some) / max(1, SHOWN * len(some)), 4
    )


def _above(found: Shown, threshold: float) -> Shown:
    """What is left of it with such a floor."""
    if max((value for value, _ in found), default=-9) < threshold:
        return []
    least = min(WEIGHTS.floor.memory, threshold)
    return [(value, hit) for value, hit in found if value >= least]


def _shown(each: Asked) -> Shown:
    case, weights = each.case, evolve(each.weights, floor=NO_FLOOR)
    first = {r.memory.id for r in rank(case.candidates, case.query, case.now, SHOWN, weights)}
    return [
        (evidence(one, NO_FLOOR), one.memory.id in case.relevant)
        for one in case.candidates
        if one.memory.id in first
    ]
