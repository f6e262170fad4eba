"""
How much an answer may cost its reader, and how it is cut to that. Pure.

The cost is an estimate of the tokens that a language model reads: a quarter of a token for each
ASCII character, half of one for a letter of another alphabet, one and a half for a character of
Chinese, Japanese or Korean, and for a picture. No tokenizer is asked: each model has its own, and
an estimate that is the same for all can be reckoned with.

An answer has its text and its structured content, and a client shows its model one of the two:
each is within the budget.
"""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, Self, TypeVar, cast

import msgspec
from attrs import evolve, frozen

from mnemo.tools.graphemes import cut
from mnemo.tools.shown import shown, shown_all
from mnemo.tools.structure import structured
from mnemo.tools.views import (
    BRIEF_HEADING,
    LONGEST_SHOWN,
    BriefView,
    MemoryView,
    RecalledView,
    as_text,
    brief_as_text,
    brief_view,
    recalled_as_text,
)

LEAST = 300
"""Tokens with which every answer has room for what it is about and one memory in a line."""

MOST = 25_000
"""Tokens beyond which clients refuse an answer, or keep it from their model."""

MaxTokens = Annotated[
    int,
    msgspec.Meta(
        description="How many tokens the answer may cost, estimated (a token is 4 characters of "
        "English). What does not fit is cut: the best memories come whole, the next in a line, "
        "the rest is counted.",
        ge=LEAST,
        le=MOST,
    ),
]

_UNITS = 4
"""In a token. Costs are counted in whole units, so that those of parts add up."""

_other = re.compile(r"[^\x00-\x7f]+")
_wide = re.compile(
    r"[\u1100-\u11ff\u2600-\u27bf\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00010000-\U0010ffff]+"
)


def tokens(text: str) -> int:
    """The estimate for a text, rounded up."""
    return -(-_units(text) // _UNITS)


def _units(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + _found(_other, text) + 4 * _found(_wide, text)


def _found(runs: re.Pattern[str], text: str) -> int:
    return sum(map(len, runs.findall(text)))


@frozen
class Cost:
    """
    What something costs, or may cost, in an answer.

    @ivar text: in its text, in quarters of a token
    @ivar structure: in its structured content, likewise
    """

    text: int
    structure: int

    @classmethod
    def allowed(cls, max_tokens: int) -> Self:
        """The whole of a budget."""
        return cls(max_tokens * _UNITS, max_tokens * _UNITS)

    @classmethod
    def of(cls, text: str, part: Any) -> Self:
        """Of a part of a result, as it is shown."""
        return cls(_units(shown(text)), _units(_json(part)))

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.text + other.text, self.structure + other.structure)

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.text - other.text, self.structure - other.structure)

    def __floordiv__(self, number: int) -> "Cost":
        return Cost(self.text // number, self.structure // number)

    def within(self, room: "Cost") -> bool:
        """Whether there is room for it."""
        return self.text <= room.text and self.structure <= room.structure

    @property
    def tokens(self) -> int:
        """Of the dearer of the two, rounded up."""
        return -(-max(self.text, self.structure) // _UNITS)


_BETWEEN = Cost(1, 1)
"""Of the line's end, or the comma, between two memories."""

_BRIEF = Cost(len(BRIEF_HEADING) + 1, len('"brief":[],'))
"""Of what stands before the memories in a line."""


class Listing(Protocol):
    """
    A result that lists memories, best first.

    @ivar memories: those shown whole, or as much of them as is worth it
    @ivar brief: those that follow, each in a line
    @ivar omitted: how many follow these; C{None} for none
    """

    @property
    def memories(self) -> Sequence[MemoryView]: ...

    @property
    def brief(self) -> list[BriefView]: ...

    @property
    def omitted(self) -> int | None: ...

    def text(self) -> str:
        """What it says."""


_Result = TypeVar("_Result", bound=Listing)
_View = TypeVar("_View", bound=MemoryView)


def cost_of(result: Any) -> Cost:
    """What a whole result costs."""
    return Cost.of(result.text(), result)


def within(result: _Result, room: Cost) -> _Result:
    """
    A result with its memories cut to a budget.

    Every memory is worth a line before any is worth more, but the lines take no more than half
    of the room as long as the best could use it. Then as many as there is room for are shown,
    best first: whole, or where that is too much their beginning. There is always one line.

    @param result: with nothing in C{brief} yet
    @param room: what it may cost
    """
    views = result.memories
    if not views:
        return result
    # Each character costs a unit at least: what is longer need not be counted.
    if sum(len(view.text) for view in views) <= room.text and cost_of(result).within(room):
        return result
    room -= cost_of(_changed(result, memories=[], brief=[], omitted=len(views))) + _BRIEF
    brief = [brief_view(view) for view in views]
    costs = [Cost.of(brief_as_text(each), each) + _BETWEEN for each in brief]
    lines = _fitting(costs, room // 2)
    left = room - _sum(costs[:lines])
    full: list[MemoryView] = []
    for number, view in enumerate(views):
        back = costs[number] if number < lines else Cost(0, 0)
        fitting = shortened(view, left + back - _BETWEEN)
        if fitting is None:
            break
        left += back - _cost(fitting) - _BETWEEN
        full.append(fitting)
    start = max(len(full), lines)
    stop = start + _fitting(costs[start:], left)
    if not full and not stop:
        brief[0], stop = _narrowed(brief[0], left - _BETWEEN), 1
    return _changed(
        result,
        memories=full,
        brief=brief[len(full) : stop],
        omitted=len(views) - stop or None,
    )


def characters(text: str, room: Cost, indent: int = 0) -> int:
    """
    How many characters of a text there is room for, looking at no more of it than that.

    @param indent: spaces before each of its lines, where it is shown as text
    """
    at, size = 0, _BLOCK
    while at < len(text) and size:
        block = shown(text[at : at + size])
        lines = len(block.splitlines())
        cost = Cost(_units(block) + indent * lines, _units(_json(block)) - 2)
        if cost.within(room):
            room -= cost
            at += size
        else:
            size //= 2
    return min(at, len(text))


_BLOCK = 512
"""Characters that are counted together."""


def shortened(view: _View, room: Cost, longest: int = LONGEST_SHOWN) -> _View | None:
    """
    A memory whole, if there is room, else its beginning, else C{None}: a beginning is worth it
    that is longer than a line.

    @param longest: of a beginning, in characters
    """
    text = view.text
    if len(text) <= room.text and _cost(view).within(room):
        return view
    least = len(brief_view(view).line)
    low, high = least, min(longest, len(text) - 1, room.text)
    found = None
    while low <= high:
        middle = (low + high) // 2
        beginning = cut(text, middle)
        tried = evolve(view, text=beginning + "…", left_out=len(text) - len(beginning))
        if len(beginning) >= least and _cost(tried).within(room):
            found, low = tried, middle + 1
        else:
            high = middle - 1
    return found


def _changed(result: _Result, **fields: Any) -> _Result:
    made: _Result = evolve(cast(Any, result), **fields)
    return made


def _narrowed(line: BriefView, room: Cost) -> BriefView:
    """A line that fits, if only with its id."""
    text = line.line
    while text and not Cost.of(brief_as_text(line), line).within(room):
        text = cut(text, len(text) - 1)
        line = evolve(line, line=text + "…")
    return line


def cost_of_view(view: MemoryView | BriefView) -> Cost:
    """What a memory costs, as a result shows it."""
    if isinstance(view, BriefView):
        return Cost.of(brief_as_text(view), view)
    return _cost(view)


def _cost(view: MemoryView) -> Cost:
    write: Callable[[Any], str] = recalled_as_text if isinstance(view, RecalledView) else as_text
    return Cost.of(write(view), view)


def _fitting(costs: Sequence[Cost], room: Cost) -> int:
    """How many there is room for, from the first on."""
    for number, cost in enumerate(costs):
        if not cost.within(room):
            return number
        room -= cost
    return len(costs)


def _sum(costs: Sequence[Cost]) -> Cost:
    return Cost(sum(each.text for each in costs), sum(each.structure for each in costs))


def _json(part: Any) -> str:
    return msgspec.json.encode(shown_all(structured(part))).decode()
