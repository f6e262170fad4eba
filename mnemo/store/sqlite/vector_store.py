"""The vectors of memories, asked on the reactor thread."""

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.sqlite import succession, vectors
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.indexes import Indexes
from mnemo.store.sqlite.vectors import Model
from mnemo.store.vectors import IVectors, Unembedded, Vector


@implementer(IVectors)
@frozen
class VectorStore:
    """The vectors of a database, by the model in use and by the one that follows."""

    _database: Database
    _indexes: Indexes

    def use_model(self, model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched."""
        wanted = Model(model, dimensions)

        def used(_: object) -> None:
            leg = self._indexes.vectors
            if wanted != leg.model:
                leg.load(wanted)

        return self._database.write(lambda db: succession.use_model(db, wanted), used)

    def unembedded(self, limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use."""
        return self._database.read(lambda db: vectors.unembedded(db, limit))

    def backlog(self) -> Deferred[int]:
        """How many memories have no vector of the model in use."""
        return self._database.read(vectors.backlog)

    def put(self, made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors."""

        def kept(those: list[tuple[int, Vector]]) -> None:
            leg = self._indexes.vectors
            for key, vector in those:
                leg.put(key, vector)
            leg.build()

        return self._database.write(lambda db: vectors.put(db, made), kept).addCallback(
            lambda _: None
        )

    # -- by the model that follows

    def unembedded_by(self, model: str, behind: int, limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of another model than the one in use."""
        return self._database.read(lambda db: succession.missing(db, model, behind, limit))

    def embedded_by(self, model: str) -> Deferred[int]:
        """How many memories have a vector of another model."""
        return self._database.read(lambda db: succession.made(db, model))

    def put_by(
        self, model: str, dimensions: int, made: Sequence[tuple[Unembedded, Vector]]
    ) -> Deferred[int]:
        """Keep vectors of another model than the one in use."""
        following = Model(model, dimensions)
        return self._database.write(lambda db: succession.put(db, following, made))

    def change_over(self, model: str, dimensions: int) -> Deferred[None]:
        """Search the vectors of another model from now on."""
        changed: Deferred[None] = Deferred()
        # Whoever waits no longer does not undo half of it.
        changing = Deferred.fromCoroutine(self._indexes.change_over(Model(model, dimensions)))
        changing.addCallbacks(changed.callback, changed.errback)
        return changed
