"""
The handoff that a session did not leave, put together from what it remembered. Pure.

Every entry is made of sentences of a memory as they stand there, and names it; nothing but the
headings is said by anybody else.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field

from mnemo.enrichment.extractive import MODEL, central
from mnemo.enrichment.sentences import sentences
from mnemo.store.drafts import Draft
from mnemo.store.records import Memory, Type

VERSION: Final = "1"
"""Raised whenever the rules change."""

LONGEST: Final = 3000
"""Characters of the longest draft, headings aside."""

ENTRIES: Final = 8
"""How many entries a heading has at most."""

_ENTRY = 300
_SENTENCES = 2
_READ = 20_000

_HEADINGS: Final[tuple[tuple[str, frozenset[Type]], ...]] = (
    ("Decided", frozenset({"decision"})),
    ("Problems", frozenset({"error"})),
    ("Found out", frozenset({"insight", "learning"})),
    ("Also remembered", frozenset({"general"})),
)
_OPEN = re.compile(
    r"\b(?:TODO|FIXME|(?:still|yet|left|remains?) to (?:do|be|try|test|fix|check|write|build)"
    r"|next steps?|not yet|unfinished|pending|follow[- ]?up|open question"
    r"|(?:still|currently) (?:fails?|broken|missing|open|needs?|has to|have to))\b",
    re.IGNORECASE,
)


@define
class _Sheet:
    """
    What is written so far.

    @ivar said: the sentences, so that none comes twice
    """

    room: int = LONGEST
    lines: list[str] = field(factory=list)
    said: set[str] = field(factory=set)
    sources: dict[str, None] = field(factory=dict)

    def write(self, heading: str, entries: Iterator[tuple[Memory, tuple[str, ...]]]) -> None:
        """Entries under a heading, as long as there is room; nothing where there are none."""
        written = 0
        for memory, those in entries:
            new = [each for each in those if each not in self.said]
            entry = f"- {' '.join(' '.join(new).split())} [{memory.id}]"
            if not new or written == ENTRIES or len(entry) > self.room:
                continue
            if not written:
                self.lines += ["", f"{heading}:"] if self.lines else [f"{heading}:"]
            self.lines.append(entry)
            self.said.update(new)
            self.sources.setdefault(memory.id)
            self.room -= len(entry)
            written += 1


def draft_of(session: str, project: str, memories: Sequence[Memory]) -> Draft | None:
    """
    A draft made of memories, the newest first under each heading; C{None} without any.

    @param memories: of one session in one project, oldest first
    """
    sheet = _Sheet()
    newest = memories[::-1]
    sheet.write("Open", ((each, (said,)) for each in newest for said in _open(each)))
    for heading, types in _HEADINGS:
        those = (each for each in newest if each.type in types)
        sheet.write(heading, ((each, _entry(each)) for each in those))
    if not sheet.lines:
        return None
    return Draft(
        session=session,
        project=project,
        text="\n".join(sheet.lines),
        sources=tuple(sheet.sources),
        at=max(each.created for each in memories),
        model=MODEL,
        prompt=VERSION,
    )


def _open(memory: Memory) -> Iterator[str]:
    """What a memory says is still to be done."""
    return (each for each in sentences(memory.text[:_READ]) if _OPEN.search(each))


def _entry(memory: Memory) -> tuple[str, ...]:
    return central(memory.text[:_READ], _ENTRY, _SENTENCES)
