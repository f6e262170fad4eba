"""What is said in a year: sentences from a seed, whose names occur nowhere else."""

from random import Random
from typing import Final

import numpy as np
from attrs import define, field

from tests.inference.fakes import bag_of_words
from tests.lifecycle.house import DIMENSIONS, telling

ASPECTS: Final = (
    "retry policy", "cache size", "log format", "lock order", "batch window", "error code",
    "thread count", "file layout", "token lifetime", "schema version", "queue length",
    "wire format", "page size", "clock source", "memory budget", "upload limit", "sort order",
    "hash function", "time zone", "backup plan",
)  # fmt: skip
REASONS: Final = (
    "the old one stalled under load",
    "the customers asked for it twice",
    "it halves the bill of the cluster",
    "nobody could explain the other way",
    "the benchmark was clear",
)
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"


@define
class Words:
    """
    @ivar random: where all chance comes from
    """

    random: Random
    _used: set[str] = field(factory=set, init=False)

    def name(self) -> str:
        """A word that was never said before."""
        while True:
            syllables = (
                self.random.choice(_CONSONANTS) + self.random.choice(_VOWELS) for _ in range(4)
            )
            name = "".join(syllables) + "x"
            if name not in self._used:
                self._used.add(name)
                return name

    def as_far_from(self, question: str) -> str:
        """Six words that have as little to do with a question as any others."""
        asked = bag_of_words(telling(question), DIMENSIONS)
        alone = float(np.sum(asked != 0))
        while True:
            names = " ".join(self.name() for _ in range(6))
            both = bag_of_words(telling(f"{question} {names}"), DIMENSIONS)
            if np.sum(both != 0) == alone + 6 and np.sum((both != 0) & (asked != 0)) == alone:
                return names

    def decision(self, component: str, aspect: str) -> str:
        """A decision on an aspect of a component."""
        reason = self.random.choice(REASONS)
        return f"We decided on the {aspect} of {component}: {self.name()}, because {reason}."

    def error(self, component: str) -> str:
        """An error and its cure."""
        aspect = self.random.choice(ASPECTS)
        return (
            f"{self.name().title()}Error in {component}: the {aspect} was wrong after the "
            f"upgrade. Cured by {self.name()}."
        )

    def insight(self, component: str) -> str:
        """Something found out."""
        return f"{component} waits for {self.name()} whenever the {self.aspect()} changes."

    def chatter(self, component: str) -> str:
        """Words about nothing much, in the words of what matters."""
        kinds = (
            f"Looked at the {self.aspect()} of {component} again, nothing new.",
            f"Somebody asked about the {self.aspect()} of {component}; see {self.name()}.",
            f"Ran the tests of {component}, {self.random.randrange(20, 900)} passed.",
            f"Renamed a variable near the {self.aspect()} of {component} to {self.name()}.",
        )
        return self.random.choice(kinds)

    def aspect(self) -> str:
        """Something that a component has."""
        return self.random.choice(ASPECTS)
