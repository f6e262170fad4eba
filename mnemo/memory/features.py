"""
What speaks for a candidate as the answer to a query: numbers from 0 to 1. Pure.

What has no natural scale is measured against the best of the candidates. They are worked out for
all candidates at once, a column for each signal; L{mnemo.memory.ranking} adds them up with
weights.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnemo.memory.query import Query
from mnemo.memory.salience import strength
from mnemo.memory.when import nearness
from mnemo.store.search import Candidate

Numbers = NDArray[np.float64]
Column = Numbers | Sequence[float] | Sequence[bool]

SIGNALS: Final = (
    "text",
    "meaning",
    "coverage",
    "pairs",
    "phrase",
    "identifier",
    "speaker",
    "time",
    "tells_when",
    "tells_number",
    "substance",
    "statement",
    "text_around",
    "meaning_around",
    "text_before",
    "session_text",
    "session_coverage",
    "type",
    "project",
    "prior",
)
"""The names of the signals, in the order of a row of L{features}."""

SHORT: Final = 300.0
"""Characters over which what is right for short texts fades to a third."""

_SUBSTANCE: Final = 160.0
"""Characters over which what somebody says comes to say something."""

_NOTHING: Final = 1e-9
"""Less than any score that a term has."""

_SEARCHED: Final = 4_000
"""Characters of a text in which a phrase is looked for."""

_READ: Final = 500
"""Characters of a text in which a time or a number is looked for: further on there always is."""

_NEIGHBOURS: Final = (0.5, 1.0, 1.0, 0.5)
"""What each of the four neighbours counts."""

_SPEAKER = re.compile(r"\s*([^\W\d_][\w.'-]{0,30}(?: [^\W\d_][\w.'-]{0,30})?):\s")
_HEADS: Final = """
    action answer bug cause context decided decision error example fact fix goal handoff hint idea
    important insight issue learned learning lesson next note plan problem question reason reminder
    result rule solution status summary task tip title todo update warning
    completed known pending to
"""
_IS_HEAD: Final = frozenset(_HEADS.split())
"""Words before a colon that begin a note, and name nobody who speaks."""

_SPEAKERS_RECUR: Final = 3
"""Who speaks in talk speaks so often, at least; "Port: 5432" is a note."""

_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|weekend|since|[0-9]{1,2}(?:st|nd|rd|th)"
    r"|(?:19|20)[0-9]{2}"
    r"|(?:last|next|this) (?:night|morning|week|weekend|month|year|summer|winter|spring|fall)"
    r"|(?:last|next) (?:mon|tue|wed|thu|fri|sat|sun)\w*"
    r"|january|february|april|june|july|august|september|october|november|december"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"[0-9]|\b(?:two|three|four|five|six|seven|eight|nine|ten|dozen|couple|once|twice"
    r"|several|both)\b",
    re.IGNORECASE,
)


def shortness(candidates: Sequence[Candidate]) -> Numbers:
    """For each 1 for a text of a few words, falling to 0 for long ones."""
    return np.exp(-_sizes(candidates) / SHORT)


def features(candidates: Sequence[Candidate], query: Query, now: float) -> Numbers:
    """
    The value of each of L{SIGNALS} for each candidate.

    @return: shape C{(len(candidates), len(SIGNALS))}
    """
    speakers = [_speaker(each.memory.text) for each in candidates]
    columns = (
        *_own(candidates),
        *_asked_for(candidates, speakers, query),
        *_shape(candidates, speakers, query),
        *_context(candidates, speakers),
        *_prior(candidates, query, now),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _own(candidates: Sequence[Candidate]) -> Iterator[Column]:
    """text, meaning, coverage, pairs"""
    scores = np.array([each.text_score or 0.0 for each in candidates])
    yield _share(scores, scores.max(initial=0.0))
    yield np.clip(_meanings(candidates), 0.0, 1.0)
    yield [each.coverage for each in candidates]
    yield [each.pairs for each in candidates]


def _meanings(candidates: Sequence[Candidate]) -> list[float]:
    """
    The cosines. What has no vector yet counts as the best of those that hold no more of the
    query's words, and no less than the others do on the average.
    """
    # Summed in order of size, so that the order they came in does not show in the last digit.
    known = sorted(each.cosine for each in candidates if each.cosine is not None)
    if not known:
        return [0.0] * len(candidates)
    mean = sum(known) / len(known)

    def like(one: Candidate) -> float:
        alike = (
            each.cosine
            for each in candidates
            if each.cosine is not None and each.coverage <= one.coverage
        )
        return max(alike, default=mean)

    return [max(mean, like(each)) if each.cosine is None else each.cosine for each in candidates]


def _asked_for(
    candidates: Sequence[Candidate], speakers: Sequence[str], query: Query
) -> Iterator[Column]:
    """phrase, identifier, speaker, time"""
    texts = [each.memory.text for each in candidates]
    # Most queries ask for few of these, and what is not asked for is not looked at.
    nothing = np.zeros(len(candidates))
    for asked in (query.phrases, query.identifiers):
        yield [_holding(asked, text) for text in texts] if asked else nothing
    whom = query.is_own or query.names
    sayers = zip(candidates, speakers, strict=True) if whom else ()
    said = [_is_whom_it_asks(said or each.memory.source.lower(), query) for each, said in sayers]
    yield said or nothing
    near = (
        max((nearness(time, each.memory.created) for time in query.times), default=0.0)
        for each in candidates
    )
    yield list(near) if query.times else nothing


def _shape(
    candidates: Sequence[Candidate], speakers: Sequence[str], query: Query
) -> Iterator[Column]:
    """tells_when, tells_number, substance, statement"""
    texts = [each.memory.text for each in candidates]
    for asks, telling in ((query.asks_when, _TIME), (query.asks_number, _NUMBER)):
        yield [asks and telling.search(text[:_READ]) is not None for text in texts]
    # Much talk is short and says nothing; a note or a function is as short as it may be.
    yield np.where(_is_talk(speakers), 1.0 - np.exp(-_sizes(candidates) / _SUBSTANCE), 1.0)
    yield [not text.rstrip().endswith("?") for text in texts]


def _context(candidates: Sequence[Candidate], speakers: Sequence[str]) -> Iterator[Column]:
    """text_around, meaning_around, text_before, session_text, session_coverage"""
    # What is said in talk is understood from what was said before; a note stands for itself.
    counts = _is_talk(speakers)
    contexts = [each.context for each in candidates]
    best = max((each.text_score or 0.0 for each in candidates), default=0.0)
    texts = np.array([each.texts for each in contexts]).reshape(-1, len(_NEIGHBOURS))
    cosines = np.array([each.cosines for each in contexts]).reshape(-1, len(_NEIGHBOURS))
    yield counts * _share((texts * _NEIGHBOURS).max(axis=1), best)
    yield counts * np.clip((cosines * _NEIGHBOURS).max(axis=1), 0.0, 1.0)
    yield counts * _share(texts[:, 1], best)
    sessions = np.array([each.session_text for each in contexts])
    yield counts * _share(sessions, sessions.max(initial=0.0))
    yield counts * np.array([each.session_coverage for each in contexts])


def _is_talk(speakers: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the candidates somebody says who speaks again and again."""
    times = Counter(filter(None, speakers))
    return np.array([times[said] >= _SPEAKERS_RECUR for said in speakers], np.bool_)


def _prior(candidates: Sequence[Candidate], query: Query, now: float) -> Iterator[Column]:
    """type, project, prior"""
    memories = [each.memory for each in candidates]
    yield [memory.type in query.types for memory in memories]
    projects = {memory.project for memory in memories}
    named = {project for project in projects if _is_named(project, query)}
    yield [memory.project in named for memory in memories]
    yield [0.0 if memory.fades <= now else strength(memory, now) for memory in memories]


def _sizes(candidates: Sequence[Candidate]) -> Numbers:
    """Characters of each."""
    return np.array([len(each.memory.text) for each in candidates], np.float64)


def _holding(phrases: Sequence[str], text: str) -> float:
    """How many of the phrases a text holds, 0 to 1."""
    lower = " ".join(text[:_SEARCHED].lower().split())
    return sum(phrase in lower for phrase in phrases) / len(phrases)


def _speaker(text: str) -> str:
    """Who says a text that begins with a name and a colon, in lower case; else nothing."""
    said = _SPEAKER.match(text)
    name = said[1].lower() if said else ""
    return "" if name.split(" ", 1)[0] in _IS_HEAD else name


def _is_whom_it_asks(speaker: str, query: Query) -> float:
    """Whether who says it is named in the query, or is the user where the query says "I"."""
    is_user = query.is_own and speaker == "user"
    return float(is_user or not query.names.isdisjoint(speaker.split()))


def _is_named(project: str, query: Query) -> bool:
    name = project.rsplit("/", 1)[-1].lower()
    return bool(name) and name in query.words


def _share(values: Numbers, best: float) -> Numbers:
    """Each as a share of the best, 0 to 1."""
    return np.minimum(values / best, 1.0) if best > _NOTHING else np.zeros(len(values))
