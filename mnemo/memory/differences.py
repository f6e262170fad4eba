"""
Whether two memories say the same, nearly the same, or the same with another figure in it. Pure.

Nobody is told which of two that differ is right: that takes somebody who knows.
"""

from collections import Counter
from difflib import SequenceMatcher
from typing import Final, Literal

from attrs import frozen

from mnemo.memory.facts import Fact, Kind, told

LIKE: Final = 0.5
"""From which cosine on two short texts are compared: one figure takes them far apart."""

LIKE_LONG: Final = 0.75
"""From which cosine on others are."""

SHORT: Final = 300
"""Characters of a short text."""

SIMILAR: Final = 0.9
"""From which cosine on texts are called similar, however they are worded."""

SHARED: Final = 0.75
"""How much of their words two texts must share before a difference between their facts counts."""

FEW: Final = 6
"""Texts that differ in more facts than this are about different things."""

LONGEST: Final = 8_000
"""Characters of a text that are compared: beyond, two texts are about more than one thing."""

_ALIGNED: Final = 500
"""Words of a text up to which their order is looked at: that takes the square of them."""

_ENOUGH: Final = 3
"""In a text of fewer words one that is another changes all of it."""

_PLAIN: Final = frozenset(
    ("a", "an", "the", "this", "that", "these", "those", "our", "your", "my", "its", "their")
)
"""Words that may stand for each other."""

_KINDS: Final[tuple[Kind, ...]] = (
    "date",
    "time",
    "version",
    "quantity",
    "number",
    "identifier",
    "name",
)


@frozen
class Difference:
    """
    Where two texts that are alike differ.

    @ivar this: as the one says it; C{""} where it says nothing of the kind
    @ivar other: as the other does
    """

    kind: Kind
    this: str
    other: str


def relation(this: str, other: str, cosine: float) -> Literal["differs", "similar"] | None:
    """
    How two memories relate, by their words, their facts, and the cosine of their vectors.
    """
    if cosine < (LIKE if max(len(this), len(other)) <= SHORT else LIKE_LONG):
        return None
    shared = likeness(this, other)
    if shared >= SHARED and 1 <= len(differences(this, other)) <= FEW:
        return "differs"
    return "similar" if cosine >= SIMILAR else None


def likeness(this: str, other: str) -> float:
    """How much of their words, in order, two texts share, their facts aside: 0 to 1."""
    one, two = told(this[:LONGEST]).words, told(other[:LONGEST]).words
    if not one and not two:
        return 1.0
    # As bags first: it is cheap, and never less than in order.
    common = 2 * (Counter(one) & Counter(two)).total() / (len(one) + len(two))
    if common < SHARED:
        return common
    if max(len(one), len(two)) > _ALIGNED:
        # Long texts share their common words, whatever they are about.
        return max(0.0, 2 * common - 1)
    return SequenceMatcher(None, one, two, autojunk=False).ratio()


def differences(this: str, other: str) -> list[Difference]:
    """
    The facts in which two texts that are alike differ: where each says something of a kind
    that the other does not, or where one word stands for another and all else is the same.
    What only one of them adds is no difference, but for a negation.
    """
    one, two = told(this[:LONGEST]), told(other[:LONGEST])
    found = []
    for kind in _KINDS:
        mine, theirs = _only(one.facts, two.facts, kind), _only(two.facts, one.facts, kind)
        found += [Difference(kind, *pair) for pair in zip(mine, theirs, strict=False)]
    found += _across(one.facts, two.facts)
    denials = [
        [each.said for each in those.facts if each.kind == "negation"] for those in (one, two)
    ]
    if len(denials[0]) % 2 != len(denials[1]) % 2:
        found.append(Difference("negation", *(" ".join(said[:1]) for said in denials)))
    return found or _replaced(one.words, two.words)


def _only(one: tuple[Fact, ...], two: tuple[Fact, ...], kind: Kind) -> list[str]:
    """What the one says of a kind and the other does not, in order."""
    left = Counter(each.value for each in two if each.kind == kind)
    only = []
    for fact in one:
        if fact.kind == kind:
            if left[fact.value]:
                left[fact.value] -= 1
            else:
                only.append(fact.said)
    return only


def _across(one: tuple[Fact, ...], two: tuple[Fact, ...]) -> list[Difference]:
    """A figure that is plain in the one text and has a unit, or is a version, in the other."""
    figures: tuple[Kind, ...] = ("version", "quantity", "number")
    mine = {kind: _only(one, two, kind) for kind in figures}
    theirs = {kind: _only(two, one, kind) for kind in figures}
    found = []
    for kind in figures:
        for other in figures:
            apart = not theirs[kind] and not mine[other]
            if kind != other and mine[kind] and theirs[other] and apart:
                found.append(Difference(kind, mine[kind][0], theirs[other][0]))
    return found


def _replaced(one: tuple[str, ...], two: tuple[str, ...]) -> list[Difference]:
    """The word that stands for another, where nothing else was changed."""
    if len(one) != len(two) or len(one) < _ENOUGH:
        return []
    changed = [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]]
    if len(changed) != 1 or not _PLAIN.isdisjoint(changed[0]):
        return []
    return [Difference("name", *changed[0])]
