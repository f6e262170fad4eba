"""What the events of some time were about, and which memories are about the same. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from mnemo.memory.activity import Event
from mnemo.memory.weights import Floor
from mnemo.store.index.analyser import STOP_WORDS, query_terms, terms
from mnemo.store.search import Candidate

MOST: Final = 8
"""How many themes there are at most."""

ENOUGH: Final = 2
"""How many themes a memory shares to be worth a look."""

_OF_EACH = 6
_READ = 4_000

_words = re.compile(r"[^\W_](?:[\w./:'-]*\w)?").findall


@frozen
class Theme:
    """
    Something that events were about.

    @ivar name: as it was written
    @ivar terms: what a text has all of that is about it
    @ivar events: how many events were about it
    """

    name: str
    terms: frozenset[str]
    events: int


@frozen
class Suggestion:
    """
    A memory that may be of use.

    @ivar themes: the names of those that it shares
    @ivar score: 0 to 1, half of it from the share of the themes and half from the likeness
    """

    candidate: Candidate
    themes: tuple[str, ...]
    score: float


def themes_of(events: Sequence[Event]) -> list[Theme]:
    """
    What the events were about: first what most of them were, of these the latest.

    @param events: newest first
    """
    counts: Counter[frozenset[str]] = Counter()
    names: dict[frozenset[str], str] = {}
    for event in events:
        about = {frozenset(query_terms(name)): name for name in _names(event)}
        about.pop(frozenset(), None)
        counts.update(about.keys())
        names = about | names
    found: list[Theme] = []
    # Counter.most_common keeps the order in which they came, the newest first.
    for key, count in counts.most_common():
        if len(found) < MOST and not any(key <= one.terms or key >= one.terms for one in found):
            found.append(Theme(names[key], key, count))
    return found


def _names(event: Event) -> Sequence[str]:
    """What an event was about: its concepts, else the telling words that it has most often."""
    if event.concepts:
        return event.concepts[:_OF_EACH]
    words = (word for word in _words(event.text[:_READ]) if word.lower() not in STOP_WORDS)
    counts = Counter(word.lower() for word in words if len(word) > 2 and not word.isdigit())
    return [word for word, _ in counts.most_common(_OF_EACH)]


def suggestions(
    candidates: Sequence[Candidate], themes: Sequence[Theme], shown: Collection[str], floor: Floor
) -> list[Suggestion]:
    """
    Of these memories those that share L{ENOUGH} themes or are like all of them together, and
    have not been shown; best first.
    """
    found = []
    for each in candidates:
        if each.memory.id in shown:
            continue
        held = set(terms(f"{each.memory.text}\n{' '.join(each.memory.concepts)}"))
        shared = tuple(theme.name for theme in themes if theme.terms <= held)
        cosine = max(each.cosine or 0.0, 0.0)
        if len(shared) >= ENOUGH or cosine >= floor.answer:
            score = 0.5 * len(shared) / len(themes) + 0.5 * min(cosine, 1.0)
            found.append(Suggestion(each, shared, score))
    return sorted(found, key=lambda each: (-each.score, -each.candidate.memory.key))
