"""Cutting a text into sentences. Pure; what is cut out stands in the text as it is."""

import re
from typing import Final

from mnemo.enrichment.entities import pieces

LONGEST: Final = 400
"""Characters of the longest sentence; one that is longer is cut at a space."""

MOST: Final = 200
"""Of a longer text the first and the last sentences are looked at, this many in all."""

_end = re.compile(r"(?<=[.!?…])[\"')\]]?[ \t]+(?=[\"'(\[`]?[^\W_a-z])|(?<=[。！？])")  # noqa: RUF001
_abbreviation = re.compile(r"(?:^|[\s(])(?:[A-Z]|e\.g|i\.e|vs|etc|cf|Dr|Mr|Mrs|Ms|St|No|approx)\.$")
_bullet = re.compile(r"^\s*(?:[-*+•>]+|#{1,6}|[0-9]{1,3}[.)])\s+")
_telling = re.compile(r"\w")


def sentences(text: str) -> tuple[str, ...]:
    """
    The sentences of a text, in order: each a part of it, without the space around it.

    A line ends a sentence, so that a list, code and a stack trace fall into their lines.
    """
    found = [part for piece in pieces(text) for part in _cut(_bullet.sub("", piece))]
    if len(found) <= MOST:
        return tuple(found)
    return (*found[: MOST // 2], *found[-MOST // 2 :])


def _cut(line: str) -> list[str]:
    made: list[str] = []
    start = 0
    for end in _end.finditer(line):
        if _abbreviation.search(line[max(start, end.start() - 12) : end.start()]):
            continue
        made.append(line[start : end.end()])
        start = end.end()
    made.append(line[start:])
    return [short for each in made for short in _shortened(each.strip()) if _telling.search(short)]


def _shortened(sentence: str) -> list[str]:
    """A sentence in parts of at most L{LONGEST} characters."""
    made = []
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", 0, LONGEST)
        at = LONGEST if at <= 0 else at
        made.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*made, sentence]
