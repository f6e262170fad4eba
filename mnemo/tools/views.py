"""Memories as an answer shows them, and as an agent reads them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from mnemo.memory.comparing import newer
from mnemo.memory.differences import differences
from mnemo.memory.moments import iso
from mnemo.memory.ranking import Ranked
from mnemo.memory.salience import is_pinned
from mnemo.store.records import Link, Memory, Relation, State, Type
from mnemo.tools.graphemes import cut

LONGEST_SHOWN = 700
"""Characters of a memory that are shown of one that is not shown whole."""

DIFFERING_SHOWN = 3
"""Memories shown that differ from one that was found, the newest."""

LONGEST_COMPARED = 1_000
"""Characters of a memory up to which an answer names the differences themselves."""

BEGINNING = 80
"""Characters of a memory that a line about it shows."""


BRIEF_HEADING = "In a line each; check_memory shows one whole:"


@frozen(kw_only=True, slots=False)
class MemoryView:
    """
    A memory, its text word for word, but for characters that hide or reorder text: they are
    shown escaped. Times are UTC; updated_at is left out where it was never amended, and pinned
    where it is not. Left_out counts the characters that follow where the text is only the
    beginning; check_memory shows it whole. Summary, where there is one then, was derived from the
    whole text and is not its words.
    """

    id: str
    text: str
    left_out: int | None = None
    summary: str = ""
    type: Type
    source: str
    project: str = ""
    salience: float
    state: State
    pinned: bool | None = None
    session_id: str = ""
    created_at: str
    updated_at: str = ""
    version: int
    concepts: list[str] = field(factory=list)


@frozen(kw_only=True, slots=False)
class TermView:
    """A part of a score: it adds value times weight."""

    name: str
    raw: float | None
    value: float
    weight: float
    adds: float


@frozen(kw_only=True, slots=False)
class Association:
    """A link of a memory to another; outgoing where it was made from this memory."""

    memory_id: str
    relation: Relation
    outgoing: bool


@frozen(kw_only=True, slots=False)
class DifferingView:
    """
    A memory that says nearly the same as another, but for the differences: "9999 → 8080" has
    what this other one says last. Newer says whether its words are. Nobody has said which is
    right.
    """

    memory_id: str
    newer: bool
    at: str
    differences: list[str]
    text: str


@frozen(kw_only=True, slots=False)
class RecalledView(MemoryView):
    """
    A memory that was found, its text likewise. The score is 0 to 1, left out where nothing was
    asked; differs_from is left out where nothing is known to differ.
    """

    score: float | None = None
    differs_from: list[DifferingView] = field(factory=list)
    explanation: list[TermView] | None = None
    associations: list[Association] | None = None


@frozen(kw_only=True, slots=False)
class BriefView:
    """
    A memory in a line: how it begins, and how the summary does that was derived from it, where
    there is one. The score is left out where nothing was asked.
    """

    id: str
    line: str
    summary: str = ""
    score: float | None = None


def view(memory: Memory, now: float) -> MemoryView:
    """A memory as it is at C{now}."""
    return MemoryView(**_fields(memory, now))


def recalled_view(
    ranked: Ranked,
    now: float,
    explain: bool,
    links: Iterable[Link] | None,
    differing: Sequence[Memory] = (),
) -> RecalledView:
    """
    A memory that was found.

    @param explain: whether to say how its score came about
    @param links: its links, or C{None} where they were not asked for
    @param differing: the memories that differ from it
    """
    return RecalledView(
        **_fields(ranked.memory, now),
        score=round(ranked.score, 4),
        differs_from=[_differing(ranked.memory, each) for each in differing[:DIFFERING_SHOWN]],
        explanation=[
            TermView(
                name=term.name,
                raw=None if term.raw is None else round(term.raw, 4),
                value=round(term.value, 4),
                weight=round(term.weight, 4),
                adds=round(term.adds, 4),
            )
            for term in ranked.terms
        ]
        if explain
        else None,
        associations=None if links is None else [association(link) for link in links],
    )


def brief_view(memory: MemoryView) -> BriefView:
    """A memory in a line."""
    return BriefView(
        id=memory.id,
        line=beginning(memory.text),
        score=memory.score if isinstance(memory, RecalledView) else None,
    )


def association(link: Link) -> Association:
    """A link as an answer shows it."""
    return Association(memory_id=link.id, relation=link.relation, outgoing=link.outgoing)


def heading(memory: MemoryView) -> str:
    """What a memory is, in a line."""
    parts = [memory.id, memory.type, memory.project or "no project", memory.created_at]
    if memory.state != "active":
        parts.append(memory.state)
    if memory.version > 1:
        parts.append(f"version {memory.version} of {memory.updated_at}")
    if memory.concepts:
        parts.append("concepts: " + ", ".join(memory.concepts))
    return "; ".join(parts)


def listed_view(memory: Memory, now: float) -> RecalledView:
    """A memory among those found, for which nothing was asked."""
    return RecalledView(**_fields(memory, now))


def as_text(memory: MemoryView) -> str:
    """A memory in a few lines: what it is, then its words, indented."""
    text = memory.text
    if memory.left_out is not None:
        text += _where_the_rest_is(memory.left_out, memory.id)
    if memory.summary:
        text += "\n" + _summary(memory.summary)
    return heading(memory) + "\n" + _indented(text)


def recalled_as_text(memory: RecalledView) -> str:
    """A memory that was found, in a few lines."""
    lines = [_score(memory.score) + as_text(memory)]
    lines += [f"  {_differing_as_text(each)}" for each in memory.differs_from]
    lines += [f"  {association_as_text(link)}" for link in memory.associations or ()]
    if memory.explanation is not None:
        terms = [
            f"{term.name} {term.value:.2f} * {term.weight:.3f}"
            for term in memory.explanation
            if term.adds
        ]
        lines.append("  score = " + " + ".join(terms))
    return "\n".join(lines)


def brief_as_text(memory: BriefView) -> str:
    """A memory in a line."""
    summary = f" {_summary(memory.summary)}" if memory.summary else ""
    return f"{_score(memory.score)}{memory.id}: {memory.line}{summary}"


def rest_as_text(
    brief: Sequence[BriefView], omitted: int | None, heading: bool = False
) -> list[str]:
    """
    The lines after the memories that an answer shows: those in a line, and how many more.

    @param heading: whether to say what the lines are even where there are none
    """
    lines = ["In a line each; check_memory shows one whole:"] if brief or heading else []
    lines += map(brief_as_text, brief)
    if omitted:
        lines.append(f"{omitted:,} more: a larger max_tokens shows them.")
    return lines


def _differing(memory: Memory, other: Memory) -> DifferingView:
    short = max(len(memory.text), len(other.text)) <= LONGEST_COMPARED
    found = differences(memory.text, other.text) if short else []
    return DifferingView(
        memory_id=other.id,
        newer=newer(other, memory),
        at=iso(other.updated),
        differences=[f"{each.this or 'nothing'} → {each.other or 'nothing'}" for each in found],
        text=beginning(other.text),
    )


def _differing_as_text(other: DifferingView) -> str:
    age = "newer" if other.newer else "older"
    which = f": {', '.join(other.differences)}" if other.differences else ""
    return f"differs from {other.memory_id} ({age}, {other.at}){which}; it says: {other.text}"


def association_as_text(link: Association) -> str:
    """A link in a line."""
    arrow = f"{link.relation} →" if link.outgoing else f"← {link.relation}"
    return f"{arrow} {link.memory_id}"


def clipped(text: str, id: str) -> str:
    """As much of a text as an answer shows, and where the rest is."""
    if len(text) <= LONGEST_SHOWN:
        return text
    shown = cut(text, LONGEST_SHOWN)
    return f"{shown}…{_where_the_rest_is(len(text) - len(shown), id)}"


def beginning(text: str) -> str:
    """The beginning of a text, in a line."""
    line = " ".join(cut(text, 2 * BEGINNING).split())
    return line if len(line) <= BEGINNING and len(text) <= BEGINNING else cut(line, BEGINNING) + "…"


def counted(number: int, noun: str, plural: str = "") -> str:
    """C{1 memory}, C{2 memories}."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _fields(memory: Memory, now: float) -> dict[str, Any]:
    return {
        "id": memory.id,
        "text": memory.text,
        "type": memory.type,
        "source": memory.source,
        "project": memory.project,
        "salience": round(memory.salience, 4),
        "state": memory.state(now),
        "pinned": is_pinned(memory) or None,
        "session_id": memory.session,
        "created_at": iso(memory.created),
        "updated_at": iso(memory.updated) if memory.version > 1 else "",
        "version": memory.version,
        "concepts": list(memory.concepts),
    }


def _score(score: float | None) -> str:
    return "" if score is None else f"[{score:.2f}] "


def _summary(summary: str) -> str:
    return f"(derived summary: {' '.join(summary.split())})"


def _where_the_rest_is(left_out: int, id: str) -> str:
    return f" ({left_out:,} more characters: check_memory {id} shows them)"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
