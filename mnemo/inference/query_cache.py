"""The vectors of the texts that were asked for last, so that a repeated query costs no step."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LONGEST: Final = 512
"""Longer texts are no queries, in characters."""

CAPACITY: Final = 512

Vector = NDArray[np.float32]


class QueryCache:
    """
    Vectors of one model by text, the most recently used ones.

    @ivar hits: how often vectors were found
    @ivar misses: how often not
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.hits = self.misses = 0
        self._capacity = capacity
        self._known: OrderedDict[str, tuple[Vector, int]] = OrderedDict()

    def find(self, texts: Sequence[str]) -> tuple[Vector, int] | None:
        """
        The vectors of C{texts}, a row for each, and how many tokens they have; C{None} unless all
        are known.
        """
        if not all(text in self._known for text in texts):
            self.misses += 1
            return None
        for text in texts:
            self._known.move_to_end(text)
        self.hits += 1
        vectors, counts = zip(*(self._known[text] for text in texts), strict=True)
        return np.stack(vectors), sum(counts)

    def keep(self, texts: Sequence[str], vectors: Vector, counts: Sequence[int]) -> None:
        """Remember the vectors of those C{texts} that may be queries, and of how many tokens."""
        for text, vector, count in zip(texts, vectors, counts, strict=True):
            if len(text) <= LONGEST:
                self._known[text] = vector.copy(), count
                self._known.move_to_end(text)
        while len(self._known) > self._capacity:
            self._known.popitem(last=False)
