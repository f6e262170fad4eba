"""Cutting a file into pieces that make sense alone, each with the lines it stands on. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from attrs import frozen

LONGEST = 2_000
"""Characters of one piece; only a line that is longer by itself is cut within."""

SHORTEST = 200
"""A section or definition with fewer characters is kept together with what follows."""

MARKDOWN: Final = frozenset({".md", ".markdown", ".mdx", ".mkd"})

PROSE: Final = frozenset({".txt", ".rst", ".adoc", ".org", ".tex", ".log", ""})
"""What is cut by paragraphs. Everything else is code."""

_LINE_END = re.compile(r"\r\n|\n|\r")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_DEFINITION = re.compile(
    r"\s*(?:(?:export|default|public|private|protected|internal|static|abstract|final|async|pub"
    r"(?:\([^)]*\))?|unsafe|inline|virtual|override|open|data|sealed)\s+)*"
    r"(?:def|class|func|function|fn|interface|struct|enum|trait|impl|module|namespace|type|object"
    r"|macro_rules!|sub|proc)\b"
)
_ATTACHED = re.compile(r"\s*(?:@|#\[|///?|/\*|\*|#(?!\w)|--|\"\"\")")
"""What belongs to the definition under it: decorators, attributes, comments."""

_TOP, _INNER, _PARAGRAPH, _ANYWHERE = 3, 2, 1, 0
"""How good a place to cut the beginning of a line is."""


@frozen
class Part:
    """
    A piece of a file.

    @ivar where: C{L10-L42}, or C{page=3} of a PDF: what follows the path and a C{#}
    @ivar under: the headings or the definition that it stands under; C{""} for none
    """

    where: str
    under: str
    words: str


def split(path: str, text: str) -> list[Part]:
    """The pieces of a text, in their order. Nothing but blank lines is left out."""
    lines = _LINE_END.split(text.removeprefix("\ufeff"))
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in MARKDOWN:
        ranks, under = _of_markdown(lines)
    elif suffix in PROSE:
        ranks, under = _of_prose(lines), _nothing
    else:
        ranks, under = _of_code(lines)
    return [
        part
        for first, last in _sections(lines, ranks)
        for part in _parts(lines, ranks, first, last, under)
    ]


def of_pages(pages: Sequence[str]) -> list[Part]:
    """The pieces of a text that has pages rather than lines."""
    return [
        Part(f"page={number}", "", part.words)
        for number, page in enumerate(pages, 1)
        for part in split("page.txt", page)
    ]


# -- where to cut


def _of_prose(lines: Sequence[str]) -> list[int]:
    return [
        _PARAGRAPH if number and not lines[number - 1].strip() and line.strip() else _ANYWHERE
        for number, line in enumerate(lines)
    ]


def _of_markdown(lines: Sequence[str]) -> tuple[list[int], Callable[[int, int], str]]:
    ranks = _of_prose(lines)
    trails: list[tuple[str, ...]] = []
    trail: list[tuple[int, str]] = []
    fence = ""
    for number, line in enumerate(lines):
        fenced = _FENCE.match(line)
        if fence:
            ranks[number] = _ANYWHERE
            if fenced and fenced[1].startswith(fence):
                fence = ""
        elif fenced:
            fence = fenced[1]
        elif heading := _HEADING.match(line):
            level = len(heading[1])
            trail = [*(each for each in trail if each[0] < level), (level, heading[2])]
            ranks[number] = _TOP
        trails.append(tuple(title for _, title in trail))
    return ranks, lambda section, first: " > ".join(trails[first])


def _of_code(lines: Sequence[str]) -> tuple[list[int], Callable[[int, int], str]]:
    ranks = _of_prose(lines)
    for number, line in enumerate(lines):
        if not _DEFINITION.match(line):
            continue
        start = number
        while start and lines[start - 1].strip() and _ATTACHED.match(lines[start - 1]):
            start -= 1
        ranks[start] = _INNER if line[:1].isspace() else _TOP

    def under(section: int, first: int) -> str:
        """Within a definition that is cut, its own first line."""
        if first <= section:
            return ""
        heads = (line for line in lines[section:first] if _DEFINITION.match(line))
        return next(heads, "").strip()

    return ranks, under


def _nothing(section: int, first: int) -> str:
    return ""


# -- cutting


def _sections(lines: Sequence[str], ranks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The spans between the best places to cut, short ones with what follows."""
    starts = [0, *(number for number in range(1, len(lines)) if ranks[number] == _TOP), len(lines)]
    first = 0
    for start, following in zip(starts[1:], [*starts[2:], len(lines)], strict=True):
        is_short = _size(lines, first, start) < SHORTEST
        if start < len(lines) and is_short and _size(lines, first, following) <= LONGEST:
            continue
        yield first, start
        first = start


def _parts(
    lines: Sequence[str],
    ranks: Sequence[int],
    section: int,
    end: int,
    under: Callable[[int, int], str],
) -> Iterator[Part]:
    for first, last in _spans(lines, ranks, section, end):
        while first < last and not lines[first].strip():
            first += 1
        while last > first and not lines[last - 1].strip():
            last -= 1
        if first == last:
            continue
        words = "\n".join(lines[first:last])
        where = f"L{first + 1}" + (f"-L{last}" if last > first + 1 else "")
        for at in range(0, len(words), LONGEST):
            yield Part(where, under(section, first), words[at : at + LONGEST])


def _spans(
    lines: Sequence[str], ranks: Sequence[int], first: int, end: int
) -> Iterator[tuple[int, int]]:
    """Spans of at most L{LONGEST} characters, cut where it hurts least."""
    if end - first <= 1 or _size(lines, first, end) <= LONGEST:
        yield first, end
        return
    best = max(ranks[first + 1 : end])
    cuts = [number for number in range(first + 1, end) if ranks[number] == best]
    start = first
    for at, following in zip(cuts, [*cuts[1:], end], strict=True):
        if _size(lines, start, following) > LONGEST:
            yield from _spans(lines, ranks, start, at)
            start = at
    yield from _spans(lines, ranks, start, end)


def _size(lines: Sequence[str], first: int, end: int) -> int:
    return sum(len(line) + 1 for line in lines[first:end])
