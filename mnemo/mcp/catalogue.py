"""What is offered under names: tools, prompts."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Generic, Protocol, TypeVar

from attrs import define, field

from mnemo.mcp import pages

TEXT_LIMIT = 4096
"""Characters of the longest description: clients cut what is longer."""

NAMED = 16
"""How many names are told to somebody who knows none of them."""


class _Description(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...


class _Described(Protocol):
    @property
    def description(self) -> _Description: ...


T = TypeVar("T", bound=_Described)


@define(eq=False, init=False)
class Catalogue(Generic[T]):
    """Things by their names, which are unique."""

    _by_name: dict[str, T] = field()

    def __init__(self, offered: Iterable[T] = ()) -> None:
        self._by_name = {}
        for each in offered:
            self.add(each)

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[T]:
        """In order of name."""
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def add(self, offered: T) -> None:
        """Offer one more. Raises C{ValueError} for one that cannot be offered."""
        name = offered.description.name
        if name in self._by_name:
            raise ValueError(f"There are two of the name {name!r}")
        check_text(f"The description of {name!r}", offered.description.description)
        self._by_name[name] = offered

    def remove(self, name: str) -> None:
        """Offer it no more. Raises C{KeyError} where it is not offered."""
        del self._by_name[name]

    def find(self, name: object) -> T | None:
        """What has this name."""
        return self._by_name.get(name) if isinstance(name, str) else None

    def near(self, name: str) -> str:
        """The names that somebody may have meant who said this one, or else the first, in words."""
        near = get_close_matches(name[:128], self._by_name) or sorted(self._by_name)
        more = f" and {len(near) - NAMED} more" if len(near) > NAMED else ""
        return (", ".join(near[:NAMED]) or "none") + more

    def page(self, behind: str, size: int) -> tuple[Sequence[T], str]:
        """
        A page in order of name, and the last name on it where others follow, else C{""}.

        @param behind: the name behind which the page begins, which may be gone; C{""} for
            the first
        """
        names, more = pages.page(sorted(self._by_name), behind, size)
        return [self._by_name[name] for name in names], names[-1] if more else ""


def check_text(what: str, text: str) -> None:
    """Raise C{ValueError} where a text for a model is too long to reach it whole."""
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"{what} has {len(text)} characters: {TEXT_LIMIT} are the most")
