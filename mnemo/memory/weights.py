"""What each signal counts, read from C{weights.json} beside this file."""

from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files

import msgspec
import numpy as np
from attrs import frozen

from mnemo.memory.features import SIGNALS, Numbers


@frozen
class Weight:
    """
    What a signal counts.

    @ivar long: in a long text
    @ivar short: in one of a few words
    @ivar means: what the signal says
    """

    long: float
    short: float
    means: str


@frozen
class Floor:
    """
    What is relevant, by L{mnemo.memory.ranking.evidence}.

    @ivar coverage: what coverage counts beside the cosine
    @ivar words: what coverage counts alone
    @ivar answer: the evidence that one memory of an answer needs, or there is no answer
    @ivar memory: the evidence that every memory needs
    """

    coverage: float
    words: float
    answer: float
    memory: float


@frozen(slots=False)
class Weights:
    """
    The weights of the ranking.

    @ivar signals: of each of L{mnemo.memory.features.SIGNALS}
    """

    signals: Mapping[str, Weight]
    floor: Floor

    @cached_property
    def long(self) -> Numbers:
        """For long texts, in the order of L{SIGNALS}; see L{scale}."""
        return np.array([self.signals[name].long for name in SIGNALS]) / self.scale

    @cached_property
    def short(self) -> Numbers:
        """For short texts, likewise."""
        return np.array([self.signals[name].short for name in SIGNALS]) / self.scale

    @cached_property
    def scale(self) -> float:
        """What the weights are divided by, so that no score exceeds 1."""
        weights = self.signals.values()
        return max(sum(each.long for each in weights), sum(each.short for each in weights))


def read(data: bytes) -> Weights:
    """
    The weights in a file.

    @raise ValueError: they are not those of the signals there are, or one is negative
    """
    weights = msgspec.json.decode(data, type=Weights)
    if tuple(weights.signals) != SIGNALS:
        raise ValueError(f"weights.json must weigh these, in this order: {', '.join(SIGNALS)}")
    for name, weight in weights.signals.items():
        if min(weight.long, weight.short) < 0:
            raise ValueError(f"weights.json: the weight of {name} is negative")
    return weights


WEIGHTS = read(files("mnemo.memory").joinpath("weights.json").read_bytes())
"""The weights that are shipped."""
