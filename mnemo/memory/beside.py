"""Answers that differ from each other: the newer first, the older beside it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from mnemo.memory.differences import differences
from mnemo.memory.ranking import Ranked
from mnemo.store.index.analyser import query_terms, terms
from mnemo.store.records import Memory

NAMES: Final = frozenset(("identifier", "name"))
"""Two memories that differ in these alone may be about two things."""


def newer_first(
    ranked: Sequence[Ranked], differing: Mapping[str, Sequence[Memory]], question: str
) -> list[Ranked]:
    """
    The answers, best first, but where two of them differ the newer one comes to the place of
    whichever was better, and the older one right behind it. None is left out.

    Where they differ in names alone, and the question has the name of the better one, that one
    stays ahead: who asks for one function is not asking for the newest that is like it.

    @param differing: for the id of an answer the memories that differ from it
    """
    by_id = {each.memory.id: each for each in ranked}
    asked = set(query_terms(question)) if differing else set()
    placed: dict[str, Ranked] = {}
    for each in ranked:
        if each.memory.id in placed:
            continue
        others = (by_id.get(other.id) for other in differing.get(each.memory.id, ()))
        group = [other for other in others if other and other.memory.id not in placed]
        group.sort(key=lambda one: _age(one.memory))
        ahead = [one for one in group if _goes_ahead(one.memory, each.memory, asked)]
        for one in (*ahead, each, *(one for one in group if one not in ahead)):
            placed[one.memory.id] = one
    return list(placed.values())


def _goes_ahead(other: Memory, better: Memory, asked: set[str]) -> bool:
    """Whether C{other} is the newer of the two, and the question does not name the older."""
    if _age(other) > _age(better):
        return False
    found = differences(better.text, other.text)
    if any(each.kind not in NAMES for each in found):
        return True
    pairs = [(set(terms(each.this)), set(terms(each.other))) for each in found]
    return not any((one - two) & asked and not (two - one) & asked for one, two in pairs)


def _age(memory: Memory) -> tuple[float, int]:
    return (-memory.updated, -memory.key)
