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
        self._vectors: OrderedDict[str, Vector] = OrderedDict()

    def find(self, texts: Sequence[str]) -> Vector | None:
        """The vectors of C{texts}, a row for each, or C{None} unless all are known."""
        if not all(text in self._vectors for text in texts):
            self.misses += 1
            return None
        for text in texts:
            self._vectors.move_to_end(text)
        self.hits += 1
        return np.stack([self._vectors[text] for text in texts])

    def keep(self, texts: Sequence[str], vectors: Vector) -> None:
        """Remember the vectors of those C{texts} that may be queries."""
        for text, vector in zip(texts, vectors, strict=True):
            if len(text) <= LONGEST:
                self._vectors[text] = vector.copy()
                self._vectors.move_to_end(text)
        while len(self._vectors) > self._capacity:
            self._vectors.popitem(last=False)
