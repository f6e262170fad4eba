"""The vectors of all memories: exact search in a small scope, an HNSW graph in a large one."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnemo.store.index.columns import Columns
from mnemo.store.index.graph import GraphNotBuilt, Making, SavedGraph
from mnemo.store.index.rows import Half, products, unit
from mnemo.store.index.space import Space
from mnemo.store.search import Filter

Vector = NDArray[np.float32]


class VectorIndex:
    """
    Nearest neighbours by cosine.

    Where fewer than C{exact_limit} vectors are in scope, each is compared: 50,000 take about
    2 ms. Above that a graph proposes, and the vectors that came or changed after it was made
    are compared one by one. Where the graph has no C{limit} within the filter, all in scope are
    compared. So a filter never costs a result.

    C{reset}, C{put}, C{remove}, C{wants_build} and C{close} are for the reactor thread and take
    microseconds. C{search} and C{cosines} may run on any thread. C{build} is for one thread
    beside these and may take minutes, in which searches and changes go on.
    """

    def __init__(self, directory: Path, columns: Columns, exact_limit: int) -> None:
        self._directory = directory
        self._columns = columns
        self._exact_limit = exact_limit
        self._space = Space(SavedGraph(directory, "", 0))
        self._making: Making | None = None
        self._closed = False

    def __len__(self) -> int:
        """The number of vectors."""
        return self._space.count

    def reset(self, dimensions: int, model: str) -> None:
        """Forget all vectors; those to come are this long and made by this model."""
        self._space = Space(SavedGraph(self._directory, model, dimensions))

    def put(self, key: int, vector: Vector) -> None:
        """
        Take in the vector of a memory that the columns know, replacing an earlier one.

        @raise ValueError: for a vector of another length, or with elements that are not finite
        """
        slot = self._columns.slot(key)
        if slot is not None:
            self._space.put(slot, self._checked(self._space, vector))

    def put_all(self, keys: NDArray[np.int64], rows: Half, but: Collection[int]) -> None:
        """Take in unit vectors of memories that have none yet, but for those of C{but}."""
        slots = self._columns.slots(keys)
        wanted = slots >= 0
        if but:
            wanted &= ~np.isin(keys, list(but))
        slots, rows = slots[wanted], rows[wanted]
        order = np.argsort(slots)
        self._space.put_all(slots[order], rows[order])

    def remove(self, key: int) -> None:
        """Drop a vector; an unknown key is passed over. Call it before L{Columns.remove}."""
        slot = self._columns.slot(key)
        if slot is not None:
            self._space.remove(slot, key)

    def search(self, vector: Vector, wanted: Filter, limit: int) -> list[tuple[int, float]]:
        """
        The best C{limit} keys within the filter with their cosines, best first.

        @raise ValueError: for a vector of another length, or with elements that are not finite
        """
        space = self._space
        query = self._checked(space, vector)
        if not query.any():
            return []
        mask = self._columns.mask(wanted)
        present = space.rows.present[: len(mask)]
        scope = mask[: len(present)] & present
        found = None
        coverage = space.coverage
        if coverage is not None and np.count_nonzero(scope) >= self._exact_limit:
            found = coverage.search(space.rows, query, scope, limit)
        slots, cosines = found or space.rows.cosines(query, scope)
        if len(slots) > limit:
            best = np.argpartition(cosines, -limit)[-limit:]
            slots, cosines = slots[best], cosines[best]
        order = np.argsort(-cosines, kind="stable")
        keys = self._columns.keys[slots[order]]
        return list(zip(keys.tolist(), cosines[order].tolist(), strict=True))

    def cosines(self, vector: Vector, keys: Sequence[int]) -> dict[int, float]:
        """
        The cosine of each of these keys that has a vector.

        @raise ValueError: for a vector of another length, or with elements that are not finite
        """
        space = self._space
        query = self._checked(space, vector)
        asked = np.asarray(keys, dtype=np.int64)
        slots = self._columns.slots(asked)
        present = space.rows.present
        there = (slots >= 0) & (slots < len(present))
        there[there] = present[slots[there]]
        made = products(query, space.rows.at(slots[there]))
        return dict(zip(asked[there].tolist(), made.tolist(), strict=True))

    @property
    def wants_build(self) -> bool:
        """Whether L{build} has something to do."""
        return bool(self._space.removed) or self._space.wants_graph(self._exact_limit)

    def build(self) -> None:
        """
        Load, make or bring up to date the graph where the size calls for one, and save it.

        A saved graph that holds the vector of a memory that is gone is deleted at once; until
        the next is made, it is searched without a file.

        @raise GraphNotBuilt: where it could not be made; searches are exact then
        """
        space = self._space
        space.delete_traces(self._columns)
        if space.wants_graph(self._exact_limit):
            graph = space.coverage.graph if space.coverage else space.saved.load()
            if graph is not None:
                space.adopt(graph, self._columns)
        if space.wants_graph(self._exact_limit):
            self._make(space)

    def _make(self, space: Space) -> None:
        keys = self._columns.keys
        lacking = space.rows.present[: len(keys)].copy()
        base = space.base()
        if base is not None:
            size = min(len(lacking), len(base.covered))
            lacking[:size] &= ~base.covered[:size]
        self._making = space.saved.start(
            ((keys[slots], rows) for slots, rows in space.rows.chosen(lacking)),
            None if base is None else base.graph,
        )
        if self._closed:
            self._making.stop()
        try:
            self._making.finish()
        except Exception:
            if not self._closed:
                raise
            return
        finally:
            self._making = None
        graph = space.saved.load()
        if graph is None:
            raise GraphNotBuilt("the vector graph was saved and could not be read again")
        space.adopt(graph, self._columns)

    def close(self) -> None:
        """End a running L{build} soon; nothing half done is saved."""
        self._closed = True
        making = self._making
        if making is not None:
            making.stop()

    @staticmethod
    def _checked(space: Space, vector: Vector) -> Half:
        if len(vector) != space.saved.dimensions:
            raise ValueError(
                f"a vector of {len(vector)} dimensions, where {space.saved.dimensions} are in use"
            )
        return unit(vector)
