"""The vectors of one model: their rows, the graph over some of them, and what changed since."""

import math
from threading import Lock

import numpy as np

from mnemo.store.index.columns import Columns
from mnemo.store.index.graph import Fingerprints, Graph, SavedGraph, fingerprints
from mnemo.store.index.rows import Cosines, Half, Mask, Rows, Slots, products

_MOST_ASKED = 4096
"""Asking a graph for more rows than this costs more than an exact search of its scope."""

_CHUNK = 8192

_LACKING = 50
"""A graph is added to when one vector of so many lacks: comparing them one by one costs time."""

_FEWEST = 10
"""And not before this part of the number with which the first graph is made lacks."""

_OUTDATED = 4
"""A graph is made from nothing when one vector of so many in it is outdated."""


class Coverage:
    """
    What a graph says of the rows as they are now.

    @ivar slots: for each row of the graph the slot that has this very vector now, or -1
    @ivar covered: for each slot, whether the graph has its vector
    @ivar count: how many slots are covered
    """

    def __init__(self, graph: Graph, slots: Slots) -> None:
        self.graph = graph
        self.slots = slots
        self.covered: Mask = np.zeros(int(slots.max(initial=-1)) + 1, dtype=np.bool_)
        self.covered[slots[slots >= 0]] = True
        self.count = int(np.count_nonzero(self.covered))

    def uncover(self, slot: int) -> None:
        """A slot has another vector now, or none."""
        if slot < len(self.covered) and self.covered[slot]:
            self.covered[slot] = False
            self.count -= 1

    def search(
        self, rows: Rows, query: Half, scope: Mask, limit: int
    ) -> tuple[Slots, Cosines] | None:
        """
        About the best C{limit} of the covered slots in scope, and all others in scope.

        C{None} where the graph does not find C{limit}: few of its rows are in scope, or few of
        those near the query.
        """
        size = min(len(self.covered), len(scope))
        others = scope.copy()
        # In scope, and not covered.
        np.greater(scope[:size], self.covered[:size], out=others[:size])
        share = (np.count_nonzero(scope) - np.count_nonzero(others)) / len(self.slots)
        if not share or 1.5 * limit / share > _MOST_ASKED:
            return None
        near = self.slots[self.graph.nearest(query, math.ceil(1.5 * limit / share))]
        near = near[(near >= 0) & (near < size)]
        near = near[scope[near] & self.covered[near]][:limit]
        if len(near) < limit:
            return None
        slots, cosines = rows.cosines(query, others)
        return (
            np.concatenate((near, slots)),
            np.concatenate((products(query, rows.at(near)), cosines)),
        )


class Space:
    """
    The vectors of one model.

    L{put} and L{remove} are called on one thread, L{adopt} and L{delete_traces} on another; what
    they share is guarded by a lock that is held for microseconds. Searches take C{coverage} and
    C{rows} as they find them.

    @ivar count: the number of vectors
    @ivar coverage: the graph and what it covers, or C{None} before there is one
    @ivar removed: keys that had a vector removed since the last L{delete_traces}
    """

    def __init__(self, saved: SavedGraph) -> None:
        self.saved = saved
        self.rows = Rows(saved.dimensions)
        self.count = 0
        self.coverage: Coverage | None = None
        self.removed: set[int] = set()
        self._changed: set[int] | None = None
        self._lock = Lock()

    def put(self, slot: int, row: Half) -> None:
        """Set the vector of a slot."""
        with self._lock:
            self.count += not self.rows.has(slot)
            self.rows.put(slot, row)
            self._uncover(slot)

    def put_all(self, slots: Slots, rows: Half) -> None:
        """Set the vectors of slots that have none, and ascend."""
        with self._lock:
            self.rows.put_all(slots, rows)
            self.count += len(slots)

    def remove(self, slot: int, key: int) -> None:
        """Remove the vector of a slot, that of the memory C{key}."""
        with self._lock:
            self.removed.add(key)
            if self.rows.has(slot):
                self.rows.remove(slot)
                self.count -= 1
                self._uncover(slot)

    def _uncover(self, slot: int) -> None:
        if self._changed is not None:
            self._changed.add(slot)
        if self.coverage is not None:
            self.coverage.uncover(slot)

    def wants_graph(self, exact_limit: int) -> bool:
        """
        Whether a graph is to be made: with C{exact_limit} vectors the first, and another as
        soon as so many lack that making it is not done too often.
        """
        if self.coverage is None:
            return self.count >= exact_limit
        covered = self.coverage.count
        return self.count - covered > exact_limit // _FEWEST + covered // _LACKING

    def base(self) -> Coverage | None:
        """What a graph can be added to: the saved one, where few of its vectors are outdated."""
        coverage = self.coverage
        if coverage is None or not self.saved.is_there:
            return None
        outdated = len(coverage.slots) - coverage.count
        return coverage if outdated * _OUTDATED <= len(coverage.slots) else None

    def delete_traces(self, columns: Columns) -> None:
        """Delete the saved graph where it may hold the vector of a memory that is gone."""
        with self._lock:
            removed, self.removed = self.removed, set()
        if any(columns.slot(key) is None for key in removed):
            self.saved.delete()

    def adopt(self, graph: Graph, columns: Columns) -> None:
        """Search by this graph, as far as its vectors are still those of its memories."""
        with self._lock:
            self._changed = set()
        slots = columns.slots(graph.keys)
        if (slots < 0).any():
            self.saved.delete()
        slots[(slots >= 0) & ~self._same(slots, graph.fingerprints)] = -1
        with self._lock:
            coverage = Coverage(graph, slots)
            # What changed while the rest was compared.
            for slot in self._changed or ():
                coverage.uncover(slot)
            self.coverage, self._changed = coverage, None

    def _same(self, slots: Slots, prints: Fingerprints) -> Mask:
        """For each slot that is not negative, whether its vector has this fingerprint."""
        same = np.zeros(len(slots), dtype=np.bool_)
        present = self.rows.present
        possible = np.flatnonzero((slots >= 0) & (slots < len(present)))
        possible = possible[present[slots[possible]]]
        for start in range(0, len(possible), _CHUNK):
            some = possible[start : start + _CHUNK]
            same[some] = fingerprints(self.rows.at(slots[some])) == prints[some]
        return same
