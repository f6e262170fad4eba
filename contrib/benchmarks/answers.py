"""A question of a labelled set, and what came of it."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen
from house import Case

from mnemo.memory.weights import Weights

SHOWN: Final = 10
"""How many results of an answer are looked at, except for recall@20."""


@frozen(eq=False)
class Asked:
    """
    A question of a store, and what came of it.

    @ivar stranger: whether it is of another store
    @ivar weights: those it was asked with
    @ivar answer: ids by the recall tool, best first
    @ivar seconds: what the tool took
    """

    case: Case
    stranger: bool
    weights: Weights
    answer: Sequence[str]
    seconds: float
