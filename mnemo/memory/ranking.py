"""
Which candidates come first. Pure: the same candidates in any order give the same answer.

Each leg's score is brought to 0 to 1 and the two are added with weights. The scores are fused,
not the ranks: a rank forgets by how much the first is better than the second.
"""

from collections.abc import Sequence

from attrs import frozen

from mnemo.memory.salience import strength
from mnemo.store.records import Candidate, Memory

PRIOR_WEIGHT = 0.02
"""The most that salience and age can add: enough to order equals, too little for the rest."""

# Words do best on talk of people and dates, meaning on long technical messages: measured on both
# and on abstracts, a share between .5 and .65 for meaning costs none of them much.
MEANING_WEIGHT = 0.6 * (1 - PRIOR_WEIGHT)
TEXT_WEIGHT = 0.4 * (1 - PRIOR_WEIGHT)

FLOOR = 0.25
"""The cosine under which a memory that shares no word with the query is not an answer."""


NAMES = ("text", "meaning", "prior")

_Parts = tuple[tuple[float, float], ...]
"""For each of L{NAMES} its value, 0 to 1, and its weight."""


@frozen
class Term:
    """
    One part of a score.

    @ivar name: one of L{NAMES}
    @ivar raw: as it was measured: BM25, cosine, strength; C{None} where it is not known
    @ivar value: brought to 0 to 1
    @ivar weight: what C{value} counts for
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


@frozen
class _Scale:
    """
    What a candidate is measured against: all the others.

    @ivar text: the best BM25, or 0 where no word met
    @ivar meaning: the cosine that stands in where a memory has no vector yet, the mean of
        the others; C{None} where no candidate has one
    """

    text: float
    meaning: float | None


def rank(candidates: Sequence[Candidate], now: float, limit: int) -> list[Ranked]:
    """
    The best C{limit} candidates, best first; none where nothing is relevant.

    @param now: at which strength and fading are judged, seconds since the epoch
    """
    relevant = [candidate for candidate in candidates if _is_relevant(candidate)]
    scale = _scale(relevant)
    scored = [(_score(_parts(each, scale, now)), each) for each in relevant]
    scored.sort(key=lambda each: (-each[0], -each[1].memory.created, each[1].memory.id))
    return [
        Ranked(candidate.memory, score, _terms(candidate, _parts(candidate, scale, now), now))
        for score, candidate in scored[:limit]
    ]


def _is_relevant(candidate: Candidate) -> bool:
    if candidate.text_score is not None:
        return True
    return candidate.cosine is not None and candidate.cosine >= FLOOR


def _scale(candidates: Sequence[Candidate]) -> _Scale:
    scores = [each.text_score for each in candidates if each.text_score is not None]
    # Summed in order of size, so that the order they came in does not show in the last digit.
    cosines = sorted(each.cosine for each in candidates if each.cosine is not None)
    return _Scale(
        text=max(scores, default=0.0),
        meaning=sum(cosines) / len(cosines) if cosines else None,
    )


def _parts(candidate: Candidate, scale: _Scale, now: float) -> _Parts:
    text = (candidate.text_score or 0.0) / scale.text if scale.text > 0 else 0.0
    cosine = scale.meaning if candidate.cosine is None else candidate.cosine
    prior = 0.0 if candidate.memory.fades <= now else strength(candidate.memory, now)
    if cosine is None:
        return ((text, TEXT_WEIGHT + MEANING_WEIGHT), (0.0, 0.0), (prior, PRIOR_WEIGHT))
    return ((text, TEXT_WEIGHT), (_unit(cosine), MEANING_WEIGHT), (prior, PRIOR_WEIGHT))


def _score(parts: _Parts) -> float:
    return _unit(sum(value * weight for value, weight in parts))


def _terms(candidate: Candidate, parts: _Parts, now: float) -> tuple[Term, ...]:
    raw = (candidate.text_score, candidate.cosine, strength(candidate.memory, now))
    return tuple(
        Term(name, measured, value, weight)
        for name, measured, (value, weight) in zip(NAMES, raw, parts, strict=True)
    )


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
