"""What a question asks for, as far as rules can tell. Pure: no model."""

import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from mnemo.memory.when import Time, times
from mnemo.store.index.analyser import STOP_WORDS
from mnemo.store.records import Type

_NAME = re.compile(r"\b[A-Z][a-z]+\b")
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'd|I'll|my|me|mine|we|we've|our|us)\b", re.IGNORECASE)
_ASKS_WHEN = re.compile(
    r"^\s*(?:when|what date|what day|which (?:day|month|year)|what (?:month|year|time))\b"
    r"|\bhow long\b|\bwhen did\b|\bhow many days\b",
    re.IGNORECASE,
)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|old|often|big|large|long|far|fast)\b"
    r"|\bwhat (?:number|percentage|percent|size|port|version|price|cost|amount|age)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\"([^\"\n]{3,200})\"|“([^”\n]{3,200})”|`([^`\n]{3,200})`|(?<!\w)'([^'\n]{3,200})'(?!\w)"
)
_TOKEN = re.compile(r"[\w./:@-]+")
_MARKED = re.compile(r"\w[_/.:]+\w|[a-z][A-Z]|[A-Za-z][0-9]|^--?[a-z]|^[./]\w")
_LONGEST_IDENTIFIER = 128

_KINDS: Final[tuple[tuple[Type, re.Pattern[str]], ...]] = (
    ("decision", re.compile(r"\b(?:decide[ds]?|decision|chose|chosen|agreed)\b", re.IGNORECASE)),
    ("error", re.compile(r"\b(?:error|bug|exception|crash(?:ed|es)?|traceback)\b", re.IGNORECASE)),
    ("learning", re.compile(r"\b(?:learn(?:ed|t)|lessons?)\b", re.IGNORECASE)),
    ("insight", re.compile(r"\binsights?\b", re.IGNORECASE)),
    ("handoff", re.compile(r"\b(?:hand-?off|left off|stopped)\b", re.IGNORECASE)),
)


@frozen
class Query:
    """
    A question, understood.

    @ivar names: words that may be names of people, in lower case
    @ivar is_own: whether who asks speaks of themselves
    @ivar times: the times it speaks of
    @ivar asks_when: whether it asks for a time
    @ivar asks_number: whether it asks for a number
    @ivar phrases: what is quoted, in lower case
    @ivar identifiers: names of code, paths, options and versions, in lower case
    @ivar words: all words, in lower case
    @ivar types: the types of memory that it speaks of
    """

    names: frozenset[str] = frozenset()
    is_own: bool = False
    times: tuple[Time, ...] = ()
    asks_when: bool = False
    asks_number: bool = False
    phrases: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    types: frozenset[Type] = frozenset()


def understand(text: str, now: float) -> Query:
    """
    What C{text} asks for.

    @param now: the time of asking, seconds since the epoch: from there "yesterday" is meant
    """
    tokens = [token.rstrip(".:-") for token in _TOKEN.findall(text)]
    quoted = (next(filter(None, found)) for found in _QUOTED.findall(text))
    return Query(
        names=frozenset(map(str.lower, _NAME.findall(text))) - STOP_WORDS,
        is_own=_FIRST_PERSON.search(text) is not None,
        times=times(text, now),
        asks_when=_ASKS_WHEN.search(text) is not None,
        asks_number=_ASKS_NUMBER.search(text) is not None,
        phrases=_distinct(quoted),
        identifiers=_distinct(filter(_is_identifier, tokens)),
        words=frozenset(token.lower() for token in tokens),
        types=frozenset(kind for kind, pattern in _KINDS if pattern.search(text)),
    )


def _is_identifier(token: str) -> bool:
    return len(token) <= _LONGEST_IDENTIFIER and _MARKED.search(token) is not None


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(text.lower().split()) for text in texts))
