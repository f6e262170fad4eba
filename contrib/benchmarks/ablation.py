"""What each part of the ranking is worth: what the answers are without it."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from answers import SHOWN, Asked
from attrs import evolve, frozen
from floor_curve import NO_FLOOR
from labelled import mean, measured

from mnemo.memory.features import SIGNALS, Numbers, features, shortness
from mnemo.memory.ranking import REPEATS, likeness, rank, weighed
from mnemo.store.search import Candidate

ALIKE: Final = 0.5
"""The share of words in common from which the other way takes two texts to say the same."""


_COMPARED: Final = 2_000
"""Characters by which two texts are compared."""

_words = re.compile(r"[\w']+").findall


@frozen(eq=False)
class Known:
    """A question with the features of its candidates."""

    asked: Asked
    values: Numbers

    def best(self, without: str = "") -> list[Candidate]:
        """The best by these features with one of them left out; no floor, nothing makes way."""
        candidates = self.asked.case.candidates
        scores = self._scores(without)
        return [candidates[place] for place in np.argsort(-scores, kind="stable").tolist()]

    def as_shipped(self) -> list[Candidate]:
        """The best, where what nearly repeats a better one makes way."""
        case, weights = self.asked.case, evolve(self.asked.weights, floor=NO_FLOOR)
        by_id = {each.memory.id: each for each in case.candidates}
        found = rank(case.candidates, case.query, case.now, SHOWN, weights)
        return [by_id[each.memory.id] for each in found]

    def apart(self) -> list[Candidate]:
        """The best, where all that has half its words in common with a better one makes way."""
        scores = self._scores("")
        waiting = [
            (float(scores[place]), _said(self.asked.case.candidates[place].memory.text), place)
            for place in np.argsort(-scores, kind="stable")[: 2 * SHOWN].tolist()
        ]
        chosen: list[Candidate] = []
        before: list[frozenset[str]] = []
        while waiting and len(chosen) < SHOWN:
            best = max(waiting, key=lambda each: each[0] - REPEATS * _most(each[1], before, ALIKE))
            waiting.remove(best)
            before.append(best[1])
            chosen.append(self.asked.case.candidates[best[2]])
        return chosen

    def _scores(self, without: str) -> Numbers:
        weights = weighed(shortness(self.asked.case.candidates), self.asked.weights)
        if without:
            weights[:, SIGNALS.index(without)] = 0.0
        scores: Numbers = (self.values * weights).sum(axis=1)
        return scores


def known(answerable: Sequence[Asked]) -> list[Known]:
    """These questions with their features."""
    return [
        Known(each, features(each.case.candidates, each.case.query, each.case.now))
        for each in answerable
    ]


def ablation(questions: Sequence[Known]) -> Iterator[tuple[str, float]]:
    """The nDCG without each signal, first with all; the other weights stay as they are."""
    for name in ("", *SIGNALS):
        yield name, _measures(questions, partial(Known.best, without=name))["nDCG@10"]


def diversity(questions: Sequence[Known]) -> dict[str, dict[str, float]]:
    """
    For three ways in which repetitions make way: what is found; the share of results that nearly
    repeat one before; and how many of its words a result has in common with the most alike one
    before it.
    """
    ways: dict[str, Callable[[Known], list[Candidate]]] = {
        "nothing": lambda each: each.best()[:SHOWN],
        "near-identical, as shipped": Known.as_shipped,
        "half the words": Known.apart,
    }
    made = {}
    for name, way in ways.items():
        measures = _measures(questions, way)
        alike = [pair for each in questions for pair in _alike(way(each))]
        repeats, common = np.mean(np.array(alike), axis=0).round(4).tolist() if alike else (0, 0)
        made[name] = {
            "R@10": measures["R@10"],
            "nDCG@10": measures["nDCG@10"],
            "repeats": repeats,
            "words in common": common,
        }
    return made


def _measures(
    questions: Sequence[Known], way: Callable[[Known], list[Candidate]]
) -> dict[str, float]:
    return mean(
        [
            measured([one.memory.id for one in way(each)[:SHOWN]], each.asked.case.relevant)
            for each in questions
        ]
    )


def _alike(results: Sequence[Candidate]) -> Iterator[tuple[float, float]]:
    """For each result but the first whether it nearly repeats one before, and words in common."""
    texts = [_said(each.memory.text) for each in results]
    for place, text in enumerate(texts[1:], 1):
        repeats = any(likeness(text, other) > 0 for other in texts[:place])
        yield float(repeats), _most(text, texts[:place])


def _said(text: str) -> frozenset[str]:
    return frozenset(_words(text[:_COMPARED].lower()))


def _most(text: frozenset[str], others: Sequence[frozenset[str]], least: float = 0.0) -> float:
    """The share of words in common with the most alike of them; 0 if less than C{least}."""
    most = max((len(text & other) / max(1, len(text | other)) for other in others), default=0.0)
    return most if most >= least else 0.0
