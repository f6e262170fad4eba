"""Searches, as the reactor thread asks for them: the words at once, the rest with the vector."""

import sqlite3
from functools import partial

from attrs import Factory, define, evolve, frozen
from twisted.internet.defer import Deferred

from mnemo.store.search import Choose, Filter, Found
from mnemo.store.sqlite import likenesses
from mnemo.store.sqlite.as_of import search_as_of
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.indexes import Indexes
from mnemo.store.sqlite.search import Worded, read_ahead, search
from mnemo.store.sqlite.vector_leg import VectorLeg
from mnemo.store.vectors import Vector

Asking = Vector | Deferred[Vector | None] | None
"""A query's embedding, or none, or what will fire with it."""


@frozen
class Searching:
    """What finds memories by both legs."""

    _database: Database
    _indexes: Indexes

    def search(
        self, text: str, vector: Asking, wanted: Filter, limit: int, choose: Choose | None
    ) -> Deferred[Found]:
        """The best C{limit} of each leg within the filter."""
        one = _Search(self._indexes, text, wanted, limit, choose)
        one.note_problems()
        return Deferred.fromCoroutine(self._run(one, vector))

    async def _run(self, one: "_Search", vector: Asking) -> Found:
        worded: Worded | None = None
        if isinstance(vector, Deferred):
            if not vector.called and one.wanted.as_of is None:
                found = await self._run_ahead(one, vector)
                if isinstance(found, Found):
                    return one.told(found)
                worded = found
            else:
                one.take(await vector)
        else:
            one.take(vector)
        return one.told(await self._database.read(partial(one.finish, worded)))

    async def _run_ahead(self, one: "_Search", vector: Deferred[Vector | None]) -> Worded | Found:
        """Search the words while the vector is made; and go on, where it is there by then."""
        vector.addCallback(one.take)
        reading = self._database.read(one.begin)
        try:
            await vector
        except BaseException:
            reading.addErrback(lambda _: None)
            raise
        return await reading


@define(eq=False)
class _Search:
    """
    One search. L{begin} and L{finish} are called on a reader thread, everything else on the
    reactor thread.

    @ivar leg: by which vectors, from when there is one of the query; to the end the same, should
        the model be changed meanwhile
    @ivar vector: that of the query, where it can be searched
    """

    _indexes: Indexes
    text: str
    wanted: Filter
    limit: int
    choose: Choose | None
    vector: Vector | None = None
    leg: VectorLeg | None = None
    _problems: list[str] = Factory(list)

    def take(self, vector: Vector | None) -> Vector | None:
        """There is the vector, or there will be none."""
        leg = self._indexes.vectors
        dimensions = leg.model.dimensions
        if vector is None or vector.shape == (dimensions,):
            self.vector = vector
        else:
            self._problems.append(f"vectors of {dimensions} numbers are searched, not of others")
        # Last: a reader thread goes on with all of it as soon as it is set.
        self.leg = leg
        self.note_problems()
        return vector

    def begin(self, db: sqlite3.Connection) -> Worded | Found:
        """Search the words, and the rest as soon as the vector is there."""
        worded = read_ahead(
            db,
            self._indexes.columns,
            self._indexes.texts,
            self.text,
            self.wanted,
            self.limit,
            lambda: self.leg is None,
        )
        return worded if self.leg is None else self.finish(worded, db)

    def finish(self, worded: Worded | None, db: sqlite3.Connection) -> Found:
        """Search what has not been searched by now."""
        assert self.leg is not None
        columns, texts = self._indexes.columns, self._indexes.texts
        parts = (columns, texts, self.leg, self.text, self.vector, self.wanted, self.limit)
        if self.wanted.as_of is not None:
            candidates = search_as_of(db, *parts)
        else:
            candidates = search(db, *parts, worded)
        chosen = () if self.choose is None else self.choose(candidates)
        if not chosen or self.wanted.as_of is not None:
            return Found(candidates)
        return Found(candidates, differing=likenesses.differing(db, chosen))

    def note_problems(self) -> None:
        """
        Note what does not work now. Noted when it begins and when it has ended, so that what a
        leg lacked while it was searched is said even if it lacks nothing any more.
        """
        self._problems.append(self._indexes.texts.problem)
        if self.leg is not None and self.vector is not None:
            self._problems.append(self.leg.problem)

    def told(self, found: Found) -> Found:
        """What was found, and what did not work."""
        self.note_problems()
        return evolve(found, problems=tuple(dict.fromkeys(filter(None, self._problems))))
