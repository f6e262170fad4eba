"""Answers that differ from each other: the newer first, the older beside it. Pure."""

from collections.abc import Mapping, Sequence

from mnemo.memory.ranking import Ranked
from mnemo.store.records import Memory


def newer_first(
    ranked: Sequence[Ranked], differing: Mapping[str, Sequence[Memory]]
) -> list[Ranked]:
    """
    The answers, best first, but where two of them differ the newer one comes to the place of
    whichever was better, and the older one right behind it. None is left out.

    @param differing: for the id of an answer the memories that differ from it
    """
    by_id = {each.memory.id: each for each in ranked}
    placed: dict[str, Ranked] = {}
    for each in ranked:
        if each.memory.id in placed:
            continue
        others = (by_id.get(other.id) for other in differing.get(each.memory.id, ()))
        group = [each, *(other for other in others if other and other.memory.id not in placed)]
        for one in sorted(group, key=lambda one: _age(one.memory)):
            placed[one.memory.id] = one
    return list(placed.values())


def _age(memory: Memory) -> tuple[float, int]:
    return (-memory.updated, -memory.key)
