"""The vector leg of a search, and how its index gets the vectors that the database has."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.store.index.columns import Columns
from mnemo.store.index.rows import Half, units
from mnemo.store.index.vectors import VectorIndex
from mnemo.store.search import Filter
from mnemo.store.sqlite import sentinel, vectors
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.threads import Reactor, Threads
from mnemo.store.sqlite.vectors import Model
from mnemo.store.vectors import Vector

_PIECE = 1_000
"""How many vectors are read at once."""

_SAMPLE = 5
"""By how many memories the index is tested, where it has as many."""

_SAME = 0.99
"""From which cosine a vector counts as found."""

_RETRY_SECONDS = 30.0
"""When a graph that could not be built, or vectors that could not be read, are tried again."""

Piece = tuple[NDArray[np.int64], Half]
"""Keys, and a vector for each."""

Source = Callable[[sqlite3.Connection, Model, int, int], list[tuple[int, Vector]]]
"""Reads vectors by a model, so many behind a key."""


class VectorLeg:
    """
    The vectors of the model in use.

    L{search}, L{cosines} and L{test} are called on any thread, everything else on the reactor
    thread.

    @ivar problem: empty, or one line that says why a memory may not be found by its meaning
    @ivar model: whose vectors these are
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        columns: Columns,
        exact_limit: int,
        database: Database,
        threads: Threads,
        reactor: Reactor,
        *,
        waits: bool = False,
    ) -> None:
        """
        @param waits: whether it leaves the files to another until L{begin}
        """
        self._waits = waits
        self.problem = ""
        self.model = Model()
        self._directory = directory
        self._database = database
        self._threads = threads
        self._reactor = reactor
        self._index = VectorIndex(directory, columns, exact_limit)
        # What came or went while the others are read must not be undone by them.
        self._loading: set[int] | None = None
        self._building: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._stopping = False

    # -- its life

    def load(self, model: Model, source: Source = vectors.after) -> Deferred[None]:
        """
        Forget the vectors there are, and take those of C{model} from the database.

        @param source: where they lie
        @return: fires when they are there, or when that has failed and is to be tried again.
        """
        self.model = model
        self._index.reset(model.dimensions, model.name)
        if model.dimensions:
            self._index.put(sentinel.KEY, sentinel.vector(model.dimensions))
        self._loading = set()
        return Deferred.fromCoroutine(self._load(model, self._loading, source))

    def await_all(self, model: Model) -> None:
        """Say whose vectors will be searched, once the memories have been read."""
        self.model = model
        self.problem = "the memories are being read after the start: words alone are searched"
        self._index.reset(model.dimensions, model.name)

    async def _load(self, model: Model, newer: set[int], source: Source) -> None:
        at = 0
        try:
            while (piece := await self._read(model, at, source)) and newer is self._loading:
                keys, rows = piece
                self._index.put_all(keys, rows, newer)
                at = int(keys[-1])
                self.problem = "the vectors are being loaded"
        except Exception as error:
            if newer is self._loading:
                self._log.failure("the vectors could not be loaded")
                self.problem = f"vector search is down: {error}"
                self._later(_RETRY_SECONDS, lambda: self.load(self.model))
            return
        if newer is self._loading:
            self._loading = None
            self.problem = ""
            self.build()

    def _read(self, model: Model, at: int, source: Source) -> Deferred[Piece | None]:
        """The keys and the unit vectors of the next memories."""

        def read(db: sqlite3.Connection) -> Piece | None:
            found = source(db, model, at, _PIECE)
            if not found:
                return None
            keys, rows = zip(*found, strict=True)
            return np.array(keys, np.int64), units(np.array(rows))

        return self._database.read(read)

    def begin(self) -> None:
        """The files are its own from now on."""
        self._waits = False
        self.build()

    async def stop(self) -> None:
        """End what it does and close the index."""
        self._stopping = True
        self._loading = None
        self._cancel_timer()
        self._index.close()
        if self._building is not None:
            await self._building

    # -- what the database has now

    def put(self, key: int, vector: Vector) -> None:
        """A memory has this vector now."""
        if self._loading is not None:
            self._loading.add(key)
        self._index.put(key, vector)

    def remove(self, key: int) -> None:
        """A memory has no vector now. To be called before the columns forget it."""
        if self._loading is not None:
            self._loading.add(key)
        self._index.remove(key)

    def build(self) -> None:
        """Let the index take in what came and went, where it wants to."""
        if not (self._index.wants_build and self._building is None and self._timer is None):
            return
        if not (self._stopping or self._waits):
            self._building = self._threads.run(self._threads.pools.graph, self._index.build)
            self._building.addCallbacks(self._built, self._not_built)

    # -- searching

    def search(self, vector: Vector, wanted: Filter, limit: int) -> dict[int, float]:
        """The best C{limit} keys within the filter with their cosines, best first."""
        try:
            found = dict(self._index.search(vector, wanted, limit))
        except Exception as error:
            self._reactor.callFromThread(self._failed, error)
            return {}
        # Among them only where a salience like the sentinel's is asked for.
        found.pop(sentinel.KEY, None)
        return found

    def cosines(self, vector: Vector, keys: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these keys that has a vector."""
        try:
            return self._index.cosines(vector, keys)
        except Exception as error:
            self._reactor.callFromThread(self._failed, error)
            return {}

    def test(self, db: sqlite3.Connection, now: float) -> str:
        """
        Look for the sentinel. Empty where it was found, else one line.

        A graph finds nearly every vector that is like the others, and the sentinel is not:
        it is compared. So some memories are looked for as well, by their own vectors.
        """
        model = self.model
        if not model.dimensions:
            return "there are no vectors yet: no model has been used"
        if self.problem:
            return self.problem
        try:
            planted = sentinel.vector(model.dimensions)
            if not self._index.search(planted, sentinel.alone(now), 1):
                raise LookupError("the vector index does not find its sentinel")
            sample = vectors.sample(db, model, _SAMPLE)
            if sample and not any(self._is_found(vector, now) for vector in sample):
                raise LookupError("the vector index does not find any memory by its own vector")
        except Exception as error:
            self._reactor.callFromThread(self._failed, error)
            return str(error)
        return ""

    def _is_found(self, vector: Vector, now: float) -> bool:
        found = self._index.search(vector, Filter(now=now), 1)
        return any(cosine > _SAME for _, cosine in found)

    # -- keeping in order

    def _built(self, _: None) -> None:
        self._building = None
        self.build()

    def _not_built(self, failure: Failure) -> None:
        self._building = None
        self._log.failure("the vector graph could not be built", failure)
        self._later(_RETRY_SECONDS, self.build)

    def _failed(self, error: Exception) -> None:
        """A search met an error: begin again from the database."""
        if not self.problem and not self._stopping:
            self._log.failure("the vectors are loaded anew", Failure(error))
            self.problem = f"vector search is down: {error}"
            self._later(0, self._begin_again)

    def _begin_again(self) -> None:
        wiped = self._threads.run(
            self._threads.pools.graph, lambda: shutil.rmtree(self._directory, ignore_errors=True)
        )
        wiped.addCallback(lambda _: self.load(self.model))

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        def due() -> None:
            self._timer = None
            work()

        self._cancel_timer()
        if not self._stopping:
            self._timer = self._reactor.callLater(seconds, due)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
