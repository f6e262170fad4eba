"""Results that list things, best first: as many as there is room for."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from attrs import evolve

from mnemo.tools.budget import Cost, cost_of

_View = TypeVar("_View")


class _Listing(Protocol):
    """A result that lists things, best first."""

    @property
    def omitted(self) -> int | None: ...

    def text(self) -> str:
        """What it says."""


_Result = TypeVar("_Result", bound=_Listing)


def fitted(result: _Result, name: str, room: Cost) -> _Result:
    """A result with as many of what its field C{name} lists as there is room for."""
    listed = getattr(result, name)
    fitting = result
    for count in range(len(listed), -1, -1):
        omitted = len(listed) - count or None
        changes = {name: listed[:count], "omitted": omitted}
        fitting = evolve(result, **changes)  # type: ignore[misc]
        if cost_of(fitting).within(room):
            break
    return fitting


def some_of(views: Sequence[_View], as_text: Callable[[_View], str], room: Cost) -> list[_View]:
    """The first of these, as many as there is room for beside something else."""
    shown = []
    for each in views:
        room -= Cost.of(as_text(each), each)
        if not Cost(0, 0).within(room):
            break
        shown.append(each)
    return shown
