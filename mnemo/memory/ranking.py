"""
Which candidates come first. Pure: the same candidates in any order give the same answer.

A linear model over L{mnemo.memory.features}: each signal has a weight for long texts and one
for short ones, and a text lies between the two by its length. Talk in short turns is found by
what was said around it; a long text speaks for itself, and there such signals mislead. No weight
is negative, so what speaks for a memory never costs it a place.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import define, frozen

from mnemo.memory.features import SIGNALS, Numbers, features, shortness
from mnemo.memory.query import Query
from mnemo.memory.weights import Floor, Weights
from mnemo.store.records import Memory
from mnemo.store.search import Candidate

NEAR_IDENTICAL: Final = 0.9
"""The share of words in common from which two texts say the same."""

REPEATS: Final = 0.2
"""What a memory loses that says the same as a better one, at most."""

_COMPARED: Final = 2_000
"""Characters by which two texts are compared."""

_words = re.compile(r"[\w']+").findall
_NEGATIONS: Final = frozenset(("no", "not", "never", "nor", "none", "without", "cannot"))


@frozen
class Term:
    """
    One part of a score.

    @ivar name: one of L{SIGNALS}, or C{"repeats"}
    @ivar raw: as it was measured: BM25, cosine; C{None} where it is not known
    @ivar value: brought to 0 to 1
    @ivar weight: what C{value} counts for in a text of this length
    """

    name: str
    raw: float | None
    value: float
    weight: float

    @property
    def adds(self) -> float:
        """Its share of the score."""
        return self.value * self.weight


@frozen
class Ranked:
    """
    A memory in its place.

    @ivar score: 0 to 1, the sum of what the terms add
    """

    memory: Memory
    score: float
    terms: tuple[Term, ...]


@define(eq=False)
class _Waiting:
    """
    One that may come next.

    @ivar place: its number among the candidates
    @ivar score: without what it repeats
    @ivar words: what it says
    @ivar repeats: how much of that has been said by one before it
    """

    place: int
    score: float
    words: frozenset[str]
    repeats: float = 0.0

    @property
    def worth(self) -> float:
        return self.score - min(REPEATS, self.score) * self.repeats


def rank(
    candidates: Sequence[Candidate], query: Query, now: float, limit: int, weights: Weights
) -> list[Ranked]:
    """
    The best C{limit} candidates, best first; none where nothing is relevant.

    @param now: at which strength and fading are judged, seconds since the epoch
    """
    if not candidates:
        return []
    values = features(candidates, query, now)
    each_weights = weighed(shortness(candidates), weights)
    scores = (values * each_weights).sum(axis=1).tolist()
    memories = [each.memory for each in candidates]
    order = sorted(
        (-score, -memory.created, memory.id, place)
        for place, (score, memory) in enumerate(zip(scores, memories, strict=True))
    )
    best = [candidates[place] for *_, place in order]
    waiting = [
        _Waiting(order[number][-1], -order[number][0], _said(best[number].memory.text))
        for number in _relevant(best, limit, weights.floor)
    ]
    return [
        _ranked(candidates[each.place], each, values, each_weights)
        for each in _diverse(waiting, limit)
    ]


def weighed(short: Numbers, weights: Weights) -> Numbers:
    """
    The weights of the signals for texts so short.

    @param short: L{mnemo.memory.features.shortness} of each
    @return: shape C{(len(short), len(SIGNALS))}
    """
    return weights.long + short[:, None] * (weights.short - weights.long)


def evidence(candidate: Candidate, floor: Floor) -> float:
    """
    How much a memory has to do with the query, whatever the others have: about 0 to 1.3.

    Words that are all there are evidence enough, whatever the vectors say of a name that the
    model does not know; and so they are alone where the query has no vector. What has come so
    lately that it has none itself is not refused where it has any of them: who has just said it
    may ask for it in other words.
    """
    if candidate.cosine is None:
        is_new = not candidate.memory.embedded and candidate.coverage > 0
        return max(candidate.coverage, floor.answer) if is_new else candidate.coverage
    by_both = candidate.cosine + floor.coverage * candidate.coverage
    return max(by_both, floor.words * candidate.coverage)


def _relevant(best: Sequence[Candidate], limit: int, floor: Floor) -> list[int]:
    """
    Which are above the floor, as many as may be shown; none where none of the first C{limit}
    answers.
    """
    first = (evidence(each, floor) for each in best[: max(limit, 10)])
    if max(first, default=0.0) < floor.answer:
        return []
    above = (at for at, each in enumerate(best) if evidence(each, floor) >= floor.memory)
    return list(islice(above, 2 * limit))


def _diverse(waiting: list[_Waiting], limit: int) -> Iterator[_Waiting]:
    """
    The best C{limit}, one by one, where each loses what it repeats of those before it: maximal
    marginal relevance (Carbonell and Goldstein, 1998), for texts that are nearly identical.
    """
    for _ in range(min(limit, len(waiting))):
        best = max(waiting, key=lambda each: each.worth)
        waiting.remove(best)
        yield best
        for other in waiting:
            other.repeats = max(other.repeats, likeness(best.words, other.words))


def likeness(words: frozenset[str], others: frozenset[str]) -> float:
    """
    How much of what two texts say is the same, 0 to 1; 0 unless nearly all is.

    Texts that differ in a number or a negation do not say the same.
    """
    smaller, larger = sorted((len(words), len(others)))
    if smaller < NEAR_IDENTICAL * larger:
        return 0.0
    differing = words ^ others
    if any(word in _NEGATIONS or not word.isalpha() for word in differing):
        return 0.0
    common = len(words & others)
    alike = common / (common + len(differing)) if common else 0.0
    return alike if alike >= NEAR_IDENTICAL else 0.0


def _said(text: str) -> frozenset[str]:
    return frozenset(_words(text[:_COMPARED].lower()))


def _ranked(candidate: Candidate, chosen: _Waiting, values: Numbers, weights: Numbers) -> Ranked:
    raw: dict[str, float | None] = {"text": candidate.text_score, "meaning": candidate.cosine}
    own, counts = values[chosen.place].tolist(), weights[chosen.place].tolist()
    terms = [
        Term(name, raw.get(name, value), value, weight)
        for name, value, weight in zip(SIGNALS, own, counts, strict=True)
    ]
    score, repeats = chosen.score, chosen.repeats
    if repeats:
        loss = Term("repeats", repeats, repeats, -min(REPEATS, score))
        terms.append(loss)
        score += loss.adds
    return Ranked(candidate.memory, score, tuple(terms))
