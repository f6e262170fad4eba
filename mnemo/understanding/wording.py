"""Words for what several memories have in common: all of them stand in these. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from mnemo.enrichment.entities import folded
from mnemo.enrichment.extractive import extract
from mnemo.enrichment.sentences import sentences
from mnemo.store.index.analyser import STOP_WORDS, terms

PHRASES: Final = 3
"""How many phrases a title has at most."""

LONGEST: Final = 300
"""Characters of the longest sentence that is shown for many."""

TITLE: Final = 80
"""Characters of the longest title."""

_SHARE: Final = 0.4


@frozen
class Sentence:
    """
    A sentence of a memory, word for word.

    @ivar source: of which memory, by its place among them
    """

    text: str
    source: int


def central(texts: Sequence[str], most: int = 1) -> list[Sentence]:
    """
    The sentences whose words the other memories share most, the first the most central; none
    that says in other order what one before it says.
    """
    found = [
        Sentence(each, number)
        for number, text in enumerate(texts)
        for each in sentences(text)
        if len(each) <= LONGEST
    ]
    words = [_telling(each.text) for each in found]
    holders: dict[str, set[int]] = {}
    for each, own in zip(found, words, strict=True):
        for word in own:
            holders.setdefault(word, set()).add(each.source)
    scores = [
        sum(len(holders[word]) - 1 for word in own) / (len(own) + 3) * _says(each.text)
        if own
        else -1.0
        for each, own in zip(found, words, strict=True)
    ]
    kept: dict[frozenset[str], Sentence] = {}
    for at in sorted(range(len(found)), key=lambda at: (-scores[at], at)):
        # Two that differ in a number or a negation are two.
        said = frozenset(folded(found[at].text).split())
        if len(kept) < most and scores[at] >= 0 and said not in kept:
            kept[said] = found[at]
    return list(kept.values())


def phrases(texts: Sequence[str], concepts: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """
    Key phrases that at least two in five of these memories hold, most of them first.

    @param concepts: the key phrases of those of which they are known; of the others they are
        extracted
    """
    there = [folded(text) for text in texts]
    proposed: Counter[str] = Counter()
    for number, text in enumerate(texts):
        own = concepts.get(number) or extract(text).concepts
        proposed.update({folded(each) for each in own if _telling(each)})
    counts = {each: sum(each in text for text in there) for each in proposed}
    least = max(2, _SHARE * len(texts))
    kept: list[str] = []
    for phrase in sorted(
        counts, key=lambda each: (-counts[each] * _weight(each), -len(each), each)
    ):
        known = any(phrase in other or other in phrase for other in kept)
        if counts[phrase] >= least and not known and len(kept) < PHRASES:
            kept.append(phrase)
    return tuple(kept)


def _weight(phrase: str) -> int:
    """Several words say more than one."""
    return 2 if " " in phrase else 1


def title(texts: Sequence[str], concepts: Mapping[int, Sequence[str]], said: str) -> str:
    """What memories are about: phrases that they share, else how C{said} begins."""
    found = ", ".join(phrases(texts, concepts)) or said
    if len(found) <= TITLE:
        return found
    at = found.rfind(" ", 0, TITLE)
    return found[: at if at > 0 else TITLE].rstrip(" ,") + "…"


def says_nothing_else(statement: str, texts: Sequence[str]) -> bool:
    """Whether every telling word of a statement, and every "not", stands in these texts."""
    there = {term for text in texts for term in terms(text)}
    return all(term in there or term in _HARMLESS for term in terms(statement))


def _says(sentence: str) -> float:
    """How much of a statement it is: a question is half of one."""
    return 0.5 if sentence.rstrip().endswith("?") else 1.0


def _telling(text: str) -> frozenset[str]:
    return frozenset(term for term in terms(text) if term not in STOP_WORDS)


_NEGATIONS: Final = frozenset(("no", "not", "never", "nor", "none", "without", "cannot"))
_HARMLESS: Final = frozenset(STOP_WORDS) - _NEGATIONS
