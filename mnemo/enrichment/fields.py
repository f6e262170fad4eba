"""What of a derivation is kept beside a memory, and under which names. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from attrs import frozen

from mnemo.enrichment.encoding import Encoding, Entity
from mnemo.enrichment.entities import folded
from mnemo.enrichment.extractive import MODEL
from mnemo.enrichment.generated import Derived
from mnemo.store.jobs import DerivedField
from mnemo.store.records import Memory

LINKS: Final = 5
"""How many other memories one is linked with at most."""

ASKED: Final = 8
"""How many names are looked for in other memories at most."""

SHARED: Final = 2
"""How many names two memories have in common to be linked."""

_SHORTEST: Final = 4
_COMMON: Final = frozenset({"number", "quantity", "date"})


@frozen
class Shared:
    """
    A link to another memory.

    @ivar shared: the names that both hold
    """

    id: str
    shared: tuple[str, ...]


def fields_of(
    text: str, derived: Derived, links: Sequence[Shared] = ()
) -> tuple[DerivedField, ...]:
    """What is kept of a derivation: nothing that is empty, or that only says the text again."""
    scores = dict(derived.scores) | ({"refused": derived.refused} if derived.refused else {})
    return tuple(
        DerivedField(name, _plain(value), derived.model, derived.prompt, scores)
        for name, value in _values(text, derived, links)
        if value not in ("", ())
    )


def _plain(value: object) -> object:
    """As JSON, without what is empty."""
    plain = msgspec.to_builtins(value)
    if not isinstance(plain, list | tuple):
        return plain
    return [
        {name: said for name, said in each.items() if said} if isinstance(each, dict) else each
        for each in plain
    ]


def telling(encoding: Encoding) -> tuple[str, ...]:
    """The names by which other memories of the same are found."""
    names = [each.name for each in encoding.structured_concepts.entities if _tells(each)]
    return tuple(names[:ASKED])


def shared(names: Sequence[str], memory: str, candidates: Sequence[Memory]) -> tuple[Shared, ...]:
    """Of these candidates those that hold at least L{SHARED} of the names, most first."""
    found = []
    for other in candidates:
        there = folded(other.text)
        both = tuple(name for name in names if folded(name) in there)
        if other.id != memory and len(both) >= SHARED:
            found.append(Shared(other.id, both))
    found.sort(key=lambda each: -len(each.shared))
    return tuple(found[:LINKS])


def _tells(entity: Entity) -> bool:
    return entity.type not in _COMMON and len(entity.name) >= _SHORTEST


def _values(text: str, derived: Derived, links: Sequence[Shared]) -> Iterator[tuple[str, object]]:
    encoding, structured = derived.encoding, derived.encoding.structured_concepts
    yield "type", encoding.type
    yield "salience", encoding.salience
    yield "concepts", encoding.concepts
    yield "entities", structured.entities
    yield "links", tuple(links)
    if folded(encoding.summary.strip()) != folded(text.strip()):
        yield "summary", encoding.summary
    if derived.model != MODEL:
        yield "gist", encoding.gist
        yield "narrative", encoding.narrative
        yield "topics", structured.topics
        yield "actions", structured.actions
        yield "causality", structured.causality
        yield "significance", encoding.significance
        yield "emotional_tone", encoding.emotional_tone
        yield "outcome", encoding.outcome
