"""
What a query asks for, and how far a memory, its neighbours and its session have it. Pure.

For some hundred candidates at once, and so in arrays.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from mnemo.store.index.text import Words

Numbers = NDArray[np.float64]
Keys = NDArray[np.int64]

_TERMS = 24
"""Of a longer query the terms that tell the most are looked at."""

_BEST = 3
"""By how many of its memories a session is judged."""

_ENOUGH = 3.0
"""With so many memories that hold a term a session holds half of it."""


@frozen(eq=False)
class Asked:
    """
    What a query asks for.

    @ivar words: its terms, then the pairs of terms that are neighbours in it
    @ivar shares: of each term its share in the idf of all
    """

    words: Sequence[Words]
    shares: Numbers

    def held(self, bits: NDArray[np.int64]) -> Numbers:
        """
        Which words are held: a row of ones and zeros for each number.

        @param bits: as L{mnemo.store.index.text.TextIndex.holding} has them
        """
        return ((bits[:, None] >> np.arange(len(self.words))) & 1).astype(np.float64)

    def coverage(self, held: Numbers) -> Numbers:
        """The share of the terms that is held, by idf, 0 to 1 for each row."""
        found: Numbers = held[:, : len(self.shares)] @ self.shares
        return found

    def pairs(self, held: Numbers) -> Numbers:
        """The share of the pairs that is held, 0 to 1 for each row."""
        found: Numbers = held[:, len(self.shares) :].sum(axis=1)
        return found / max(1, len(self.words) - len(self.shares))


def asked_of(terms: Sequence[str], rarities: Mapping[str, float]) -> Asked:
    """
    What these terms of a query, in its order, ask for.

    @param rarities: the idf of each; one that is not among them is not looked at
    """
    telling = set(sorted(rarities, key=lambda term: -rarities[term])[:_TERMS])
    known = [term for term in terms if term in telling]
    idf = np.array([rarities[term] for term in known], np.float64)
    return Asked([*known, *pairwise(known)], idf / max(idf.sum(), 1e-9))


def looked_up(table: Mapping[int, float], keys: Collection[int] | Keys) -> Numbers:
    """The value of each key, of any shape; 0 where there is none."""
    wanted = np.asarray(keys, np.int64)
    if not table:
        return np.zeros(wanted.shape)
    known = np.fromiter(table, np.int64, len(table))
    values = np.fromiter(table.values(), np.float64, len(table))
    order = np.argsort(known)
    known, values = known[order], values[order]
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, values[at], 0.0)


def session_texts(sessions: Keys, scores: Sequence[float]) -> dict[int, float]:
    """
    For each session the mean of its best BM25 scores.

    @param sessions: of each memory
    @param scores: of each memory, best first
    """
    names, firsts, members = np.unique(np.sort(sessions), return_index=True, return_inverse=True)
    order = np.argsort(sessions, kind="stable")
    best = np.arange(len(order)) - firsts[members] < _BEST
    sums = np.bincount(members[best], np.array(scores)[order[best]], len(names))
    return dict(zip(names.tolist(), (sums / _BEST).tolist(), strict=True))


def session_coverages(asked: Asked, sessions: Keys, held: Numbers) -> dict[int, float]:
    """
    For each session how much of the query it holds, 0 to 1: of a term the more, the more of its
    memories hold it.

    @param sessions: of each memory
    @param held: what each holds, as L{Asked.held} has it
    """
    names, members = np.unique(sessions, return_inverse=True)
    counts = np.zeros((len(names), len(asked.shares)))
    np.add.at(counts, members, held[:, : len(asked.shares)])
    coverages = (counts / (counts + _ENOUGH)) @ asked.shares
    return dict(zip(names.tolist(), coverages.tolist(), strict=True))
