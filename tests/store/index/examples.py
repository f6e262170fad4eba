"""Memories and filters to try things with."""

from collections.abc import Iterable, Sequence
from typing import TypedDict, TypeVar

from hypothesis import strategies as st

from mnemo.store.records import NEVER, Memory, State, Type
from mnemo.store.search import Filter

T = TypeVar("T")

NOW = 1_000.0

_PROJECTS = ("", "mnemo", "other")
_TYPES: tuple[Type, ...] = ("decision", "error", "general")
_NAMES = ("", "claude", "cursor")
_CONCEPTS = ("Python", "python", "STRASSE", "straße", "sqlite", "")
_TIMES = (0.0, 500.0, NOW, 1_500.0)


class MemoryFields(TypedDict, total=False):
    """What L{memory} can be told beside the key and the text."""

    type: Type
    source: str
    project: str
    session: str
    salience: float
    fades: float
    created: float
    archived: bool
    concepts: Iterable[str]


class FilterFields(TypedDict, total=False):
    """The conditions of a filter."""

    project: str | None
    types: tuple[Type, ...]
    source: str | None
    session: str | None
    state: State | None
    since: float | None
    until: float | None
    min_salience: float
    concepts: tuple[str, ...]
    exclude_concepts: tuple[str, ...]


def memory(
    key: int,
    text: str = "",
    type: Type = "general",
    source: str = "",
    project: str = "",
    session: str = "",
    salience: float = 0.5,
    fades: float = NEVER,
    created: float = 0.0,
    archived: bool = False,
    concepts: Iterable[str] = (),
) -> Memory:
    """A memory with this key, of which most is as it may be."""
    return Memory(
        key=key,
        id=f"id-{key}",
        version=1,
        text=text,
        type=type,
        source=source,
        project=project,
        session=session,
        salience=salience,
        fades=fades,
        created=created,
        updated=created,
        archived=archived,
        embedded=True,
        concepts=tuple(concepts),
    )


def memories(keys: st.SearchStrategy[int]) -> st.SearchStrategy[Memory]:
    """Memories of few different values, so that filters meet them."""
    return st.builds(
        memory,
        key=keys,
        type=st.sampled_from(_TYPES),
        source=st.sampled_from(_NAMES),
        project=st.sampled_from(_PROJECTS),
        session=st.sampled_from(_NAMES),
        salience=st.sampled_from((0.0, 0.3, 0.5, 1.0)),
        fades=st.sampled_from((*_TIMES, NEVER)),
        created=st.sampled_from(_TIMES),
        archived=st.booleans(),
        concepts=st.lists(st.sampled_from(_CONCEPTS), max_size=3),
    )


def _mostly_none(values: Sequence[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), st.none(), st.sampled_from(values))


def filters() -> st.SearchStrategy[Filter]:
    """Filters of the same values, and of some that no memory has."""
    return st.builds(
        Filter,
        now=st.just(NOW),
        project=_mostly_none((*_PROJECTS, "unknown")),
        types=st.one_of(st.just(()), st.lists(st.sampled_from((*_TYPES, "insight"))).map(tuple)),
        source=_mostly_none((*_NAMES, "unknown")),
        session=_mostly_none((*_NAMES, "unknown")),
        state=_mostly_none(("active", "fading", "archived")),
        since=_mostly_none(_TIMES),
        until=_mostly_none(_TIMES),
        min_salience=st.sampled_from((0.0, 0.0, 0.3, 0.4)),
        concepts=st.lists(st.sampled_from((*_CONCEPTS, "none")), max_size=2).map(tuple),
        exclude_concepts=st.lists(st.sampled_from((*_CONCEPTS, "none")), max_size=2).map(tuple),
    )
