"""
Gists: one memory for many that say nearly the same, or that are old and were of little weight.

A gist is copied from its originals and points to them. They stay as they are, and are found as
before. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Final

from mnemo.memory.moments import iso
from mnemo.store.records import NEVER, Memory, NewMemory
from mnemo.store.understanding import GIST_SOURCE, Around, FoundGist, Node
from mnemo.understanding.clusters import clusters
from mnemo.understanding.wording import central

VERSION: Final = "1"
"""Raised whenever what is gathered changes, so that all is looked at anew."""

NEARLY_THE_SAME: Final = 0.9
"""The cosine from which memories say nearly the same."""

LEAST: Final = 3
"""How many of these have a gist."""

OLD_ALIKE: Final = 0.7
"""The cosine from which fading memories are gathered."""

OLD_LEAST: Final = 4
"""How many of these have a gist."""

SENTENCES: Final = 8
"""How many sentences a gist has at most. Two that differ in a figure are two."""

MOST: Final = 30
"""How many memories one gist is of at most."""


def groups(around: Around, now: float) -> list[tuple[Node, ...]]:
    """The memories that are to have a gist: none that has one, lasts for ever or is pinned."""
    free = [n for n in around.nodes.values() if n.key not in around.holds and n.fades < NEVER]
    found = [each.nodes[:MOST] for each in clusters(free, NEARLY_THE_SAME, LEAST)]
    taken = {node.key for nodes in found for node in nodes}
    old = [node for node in free if node.key not in taken and node.fades <= now]
    return [*found, *(each.nodes[:MOST] for each in clusters(old, OLD_ALIKE, OLD_LEAST))]


def gist(memories: Sequence[Memory]) -> FoundGist:
    """
    The gist of some memories.

    It is as old as the newest of them and fades with the last, so that noise is not made new.
    """
    ordered = sorted(memories, key=lambda each: (each.created, each.key))
    ((kind, _),) = Counter(each.type for each in ordered).most_common(1)
    new = NewMemory(
        id=_id(ordered),
        text="\n".join(_lines(ordered)),
        type=kind,
        source=GIST_SOURCE,
        project=ordered[0].project,
        session="",
        salience=max(each.salience for each in ordered),
        fades=max(each.fades for each in ordered),
        created=ordered[-1].created,
    )
    return FoundGist(new, tuple((each.key, each.version) for each in ordered))


def _id(memories: Sequence[Memory]) -> str:
    named = "\n".join(f"{each.id} {each.version}" for each in memories)
    return f"g{blake2b(named.encode(), digest_size=10).hexdigest()}"


def _lines(memories: Sequence[Memory]) -> Iterator[str]:
    first, last = (iso(memories[at].created)[:10] for at in (0, -1))
    # No memory that somebody keeps begins so: the gist is never taken for the same text.
    yield f"Gist of {len(memories)} memories, {first} to {last}:"
    said = central([each.text for each in memories], SENTENCES)
    yield from (each.text for each in said)
    if not said:
        yield memories[-1].text[:200]
