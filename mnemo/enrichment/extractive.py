"""
What can be derived from a text without inventing anything: all of it stands in the text.

Sentences are picked by how central they are, key phrases by how near they are to the whole,
entities by rule. Nearness comes from vectors where there are any, else from the words that the
sentences share. Pure.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mnemo.enrichment.encoding import (
    GIST,
    SUMMARY,
    Encoding,
    Entity,
    Kind,
    Significance,
    StructuredConcepts,
)
from mnemo.enrichment.entities import named, pieces
from mnemo.enrichment.sentences import sentences
from mnemo.store.index.analyser import STOP_WORDS, terms

VERSION: Final = "1"
"""Raised whenever the rules change, so that what they made is made anew."""

MODEL: Final = "extractive"
"""What stands where otherwise the name of a model does."""

CONCEPTS: Final = 8
"""How many key phrases there are at most."""

CANDIDATES: Final = 12
"""How many phrases are compared at most."""

SENTENCES: Final = 3
"""How many sentences a summary has at most."""

CONTENT: Final = 1600
"""Characters of the longest content."""

NARRATIVE: Final = 200

LONGEST_ENTITY: Final = 200
MOST_ENTITIES: Final = 200

_LONGEST_PHRASE = 60
_PHRASE_WORDS = 3
_LIKE = 0.8
_FIRST = 1.1
_PROBLEM = 1.5

Vectors = Mapping[str, NDArray[np.float32]]
"""Unit vectors of strings."""

_word = re.compile(r"[^\W_](?:[\w'\u2019+#./:@-]*\w)?")
_gap = re.compile(r"[ \t]+")
_problem_line = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Panic|panicked)\b")

_SIGNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "decision",
        re.compile(
            r"\b(?:decided|decision|we(?:'ll| will) use|chose|chosen|agreed (?:to|on|that)"
            r"|settled on|going with|opted for)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "error",
        re.compile(
            r"\b(?:\w*error|\w*exception|traceback|panic(?:ked)?|fail(?:s|ed|ure|ing)?|bugs?"
            r"|crash(?:es|ed)?|broken|segfault)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "learning",
        re.compile(
            r"\b(?:learn(?:ed|t)|lessons?|turns out|turned out|TIL|it works by|remember to)\b",
            re.IGNORECASE,
        ),
    ),
    ("insight", re.compile(r"\b(?:insight|reali[sz]ed?|noticed|pattern|root cause)\b", re.I)),
)
_URGENT = re.compile(r"\b(?:todo|fixme|important|must|never|always|critical|security)\b", re.I)

_FIRST_PART = 8000
_LITTLE = 50
_MUCH = 500


def wanted(text: str) -> tuple[str, ...]:
    """
    What L{extract} would like to have vectors of: the phrases that may tell what a text is about.

    With vectors of the sentences as well the summary would follow them; they cost five times as
    much as the phrases.
    """
    return _phrases(sentences(text))


def extract(text: str, vectors: Vectors | None = None) -> Encoding:
    """
    Derive from C{text} what stands in it.

    Every sentence, phrase and name is a part of the text, but for its case and spaces. The kind
    and the salience are guessed from words and lengths.

    @param vectors: of what L{wanted} names, and of sentences; without them nearness is
        a matter of shared words
    """
    found = sentences(text)
    vectors = vectors or {}
    # A line each: what comes to stand side by side must not make a name that nobody has.
    summary = "\n".join(_fitting(found, _scores(found, vectors), SUMMARY, SENTENCES))
    kind = guess(text)
    salience = weigh(text, kind)
    return Encoding(
        gist=_beginning(_best(found, vectors), GIST),
        summary=summary,
        content=_content(text, found, vectors),
        narrative=_beginning(_best(found, vectors), NARRATIVE),
        concepts=_concepts(found, vectors),
        structured_concepts=StructuredConcepts(entities=_entities(text)),
        significance=_significance(salience),
        salience=salience,
        type=kind,
    )


def central(text: str, longest: int, most: int) -> tuple[str, ...]:
    """
    The most central sentences of a text, in their order; the beginning of the first where none
    is short enough.

    @param longest: characters of all of them
    @param most: how many
    """
    found = sentences(text)
    return _fitting(found, _scores(found, {}), longest, most)


def guess(text: str) -> Kind:
    """The kind of memory that the words of a text speak for."""
    seen: Counter[Kind] = Counter()
    for piece in pieces(text[:_FIRST_PART]):
        for kind, sign in _SIGNS:
            seen[kind] += len(sign.findall(piece))
    best = max(seen.values(), default=0)
    return next((kind for kind, _ in _SIGNS if best and seen[kind] == best), "general")


def weigh(text: str, kind: Kind) -> float:
    """How much a text seems to matter, 0 to 1."""
    length = len(text.strip())
    if length < _LITTLE and kind == "general":
        return 0.3
    tenths = 5 + {"decision": 2, "error": 2, "insight": 2, "learning": 1, "general": 0}[kind]
    tenths += 1 if any(_URGENT.search(piece) for piece in pieces(text[:_FIRST_PART])) else 0
    tenths += 1 if length > _MUCH else 0
    return min(1.0, tenths / 10)


# -- its parts


def _scores(found: Sequence[str], vectors: Vectors) -> list[float]:
    """How central each sentence is."""
    by_words = _by_words(found)
    if sum(each in vectors for each in found) < 2:
        return by_words
    middle = np.sum([vectors[each] for each in found if each in vectors], axis=0)
    length = float(np.linalg.norm(middle)) or 1.0
    return [
        float(vectors[each] @ middle) / length * _weight(number, each) if each in vectors else -1.0
        for number, each in enumerate(found)
    ]


def _by_words(found: Sequence[str]) -> list[float]:
    """Of each sentence, how much its words are those of the others, per word."""
    words = [{term for term in terms(each) if term not in STOP_WORDS} for each in found]
    shared = Counter(term for each in words for term in each)
    return [
        sum(shared[term] for term in each) / (len(each) + 1) * _weight(number, sentence)
        for number, (each, sentence) in enumerate(zip(words, found, strict=True))
    ]


def _weight(number: int, sentence: str) -> float:
    if _problem_line.match(sentence):
        return _PROBLEM
    return _FIRST if number == 0 else 1.0


def _best(found: Sequence[str], vectors: Vectors) -> str:
    scores = _scores(found, vectors)
    return found[max(range(len(found)), key=scores.__getitem__)] if found else ""


def _fitting(
    found: Sequence[str], scores: Sequence[float], longest: int, most: int
) -> tuple[str, ...]:
    """The most central sentences that go into C{longest} characters, in their order."""
    room = longest
    kept: dict[str, int] = {}
    for at in sorted(range(len(found)), key=lambda at: -scores[at]):
        if len(kept) < most and len(found[at]) < room and found[at] not in kept:
            kept[found[at]] = at
            room -= len(found[at]) + 1
    chosen = sorted(kept.values())
    return tuple(found[at] for at in chosen) or tuple(
        _beginning(each, longest) for each in found[:1]
    )


def _content(text: str, found: Sequence[str], vectors: Vectors) -> str:
    whole = text.strip()
    if len(whole) <= CONTENT:
        return whole
    return "\n".join(_fitting(found, _scores(found, vectors), CONTENT, len(found)))


def _beginning(sentence: str, longest: int) -> str:
    """As many of its first words as fit."""
    if len(sentence) <= longest:
        return sentence
    at = sentence.rfind(" ", 0, longest + 1)
    return sentence[: at if at > 0 else longest].strip()


def _entities(text: str) -> tuple[Entity, ...]:
    fitting = (each for each in named(text) if len(each.text) <= LONGEST_ENTITY)
    return tuple(Entity(each.text, each.kind) for each in islice(fitting, MOST_ENTITIES))


def _significance(salience: float) -> Significance:
    if salience >= 0.8:
        return "important"
    return "notable" if salience >= 0.7 else "routine"


# -- key phrases


def _phrases(found: Sequence[str]) -> tuple[str, ...]:
    """Phrases of one to three telling words, those first that come often or are long."""
    counts: Counter[str] = Counter()
    for sentence in found:
        for run in _runs(sentence):
            for size in range(1, _PHRASE_WORDS + 1):
                for at in range(len(run) - size + 1):
                    phrase = " ".join(run[at : at + size])
                    if 2 < len(phrase) <= _LONGEST_PHRASE:
                        counts[phrase] += 1
    whole_runs = {" ".join(run) for sentence in found for run in _runs(sentence)}

    def worth(phrase: str) -> tuple[float, str]:
        whole = 1.0 if phrase in whole_runs else 0.5
        return (-counts[phrase] * whole * min(2, 1 + phrase.count(" ")), phrase)

    return tuple(sorted(counts, key=worth)[:CANDIDATES])


def _runs(sentence: str) -> list[list[str]]:
    """The telling words that follow one another with nothing but space between, folded."""
    runs: list[list[str]] = [[]]
    end = -1
    for match in _word.finditer(sentence):
        word = match[0].casefold()
        if not _gap.fullmatch(sentence[end : match.start()] if end >= 0 else " "):
            runs.append([])
        end = match.end()
        if word in STOP_WORDS or not any(map(str.isalpha, word)):
            runs.append([])
        else:
            runs[-1].append(word)
    return [run for run in runs if run]


def _concepts(found: Sequence[str], vectors: Vectors) -> tuple[str, ...]:
    """The phrases nearest to the whole, none of them part of or much like one before it."""
    phrases = _phrases(found)
    known = [each for each in (*found, *phrases) if each in vectors]
    if known:
        middle = np.sum([vectors[each] for each in known], axis=0)
        compared = [each for each in phrases if each in vectors]
        phrases = tuple(sorted(compared, key=lambda each: -float(vectors[each] @ middle)))
    kept: list[str] = []
    for phrase in phrases:
        if len(kept) < CONCEPTS and not any(_same(phrase, other, vectors) for other in kept):
            kept.append(phrase)
    return tuple(kept)


def _same(phrase: str, other: str, vectors: Vectors) -> bool:
    if set(phrase.split()) <= set(other.split()) or set(other.split()) <= set(phrase.split()):
        return True
    both = phrase in vectors and other in vectors
    return both and float(vectors[phrase] @ vectors[other]) > _LIKE
