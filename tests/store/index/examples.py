"""Memories and filters to try things with."""

from hypothesis import strategies as st

from mnemo.store.records import NEVER, Filter, Memory

NOW = 1_000.0

_PROJECTS = ("", "mnemo", "other")
_TYPES = ("decision", "error", "general")
_NAMES = ("", "claude", "cursor")
_CONCEPTS = ("Python", "python", "STRASSE", "straße", "sqlite", "")
_TIMES = (0.0, 500.0, NOW, 1_500.0)


def memory(
    key,
    text="",
    type="general",
    source="",
    project="",
    session="",
    salience=0.5,
    fades=NEVER,
    created=0.0,
    archived=False,
    concepts=(),
):
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


def memories(keys):
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


def _mostly_none(values):
    return st.one_of(st.none(), st.none(), st.sampled_from(values))


def filters():
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
