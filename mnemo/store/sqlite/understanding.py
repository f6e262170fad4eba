"""What is understood of many memories together, asked on the reactor thread."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.store.records import Memory
from mnemo.store.sqlite import abstractions, gists, likenesses, patterns
from mnemo.store.sqlite.database import Database
from mnemo.store.sqlite.indexes import Indexes
from mnemo.store.sqlite.memories import Noted
from mnemo.store.studies import Study
from mnemo.store.understanding import (
    Abstraction,
    Around,
    FoundAbstraction,
    FoundGist,
    FoundPattern,
    IUnderstanding,
    Kin,
    Pattern,
)

T = TypeVar("T")


class _Outdated(Exception):
    """What was made is not of what is there: the transaction is undone."""


@implementer(IUnderstanding)
@define(eq=False)
class Understanding:
    """
    The patterns, abstractions and gists of a database.

    @ivar _indexes: searched for neighbours, and told of what is written
    """

    _database: Database
    _indexes: Indexes

    def around(self, taken: Sequence[Study], near: int, now: float) -> Deferred[Around]:
        """The memories of jobs and what is near them."""
        leg = self._indexes.vectors
        return self._database.read(lambda db: patterns.around(db, leg, taken, near, now))

    def settle(
        self, taken: Sequence[Study], found: Sequence[FoundPattern], now: float
    ) -> Deferred[bool]:
        """Keep patterns and end the jobs."""
        return self._all_or_nothing(lambda db: patterns.keep(db, taken, found, now))

    def patterns(
        self, project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Pattern]]:
        """Patterns with evidence."""
        return self._database.read(
            lambda db: _with_evidence(db, patterns.patterns(db, project, ids, dismissed))
        )

    def about(self, memories: Sequence[str]) -> Deferred[list[Pattern]]:
        """The patterns that memories are evidence of."""
        return self._database.read(lambda db: _with_evidence(db, patterns.about(db, memories)))

    def dismiss_pattern(self, id: str, now: float) -> Deferred[bool]:
        """Show a pattern no more."""
        return self._database.write(lambda db: patterns.dismiss(db, "patterns", id, now))

    def kin(self, study: Study, alike: float, limit: int) -> Deferred[Kin | None]:
        """A pattern and those like it."""
        return self._database.read(lambda db: abstractions.kin(db, study, alike, limit))

    def state(self, study: Study, found: FoundAbstraction | None, now: float) -> Deferred[bool]:
        """Keep an abstraction, if there is one, and end the job."""
        return self._all_or_nothing(lambda db: abstractions.state(db, study, found, now))

    def abstractions(
        self, project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Abstraction]]:
        """Abstractions."""
        return self._database.read(
            lambda db: abstractions.abstractions(db, project, ids, dismissed)
        )

    def stated(self, of: Sequence[str]) -> Deferred[list[Abstraction]]:
        """The abstractions of patterns."""
        return self._database.read(lambda db: abstractions.stated(db, of))

    def dismiss_abstraction(self, id: str, now: float) -> Deferred[bool]:
        """Show an abstraction no more."""
        return self._database.write(lambda db: patterns.dismiss(db, "abstractions", id, now))

    def gather(
        self, taken: Sequence[Study], found: Sequence[FoundGist], now: float
    ) -> Deferred[list[Memory] | None]:
        """Keep gists and end the jobs."""

        def kept(db: sqlite3.Connection) -> list[Noted]:
            notes = gists.keep(db, taken, found, now)
            if notes is None:
                raise _Outdated
            return notes

        def answer(notes: list[Noted]) -> list[Memory] | None:
            return [each.memory for each in notes]

        done: Deferred[list[Memory] | None] = self._indexes.change(kept).addCallback(answer)
        return done.addErrback(_outdated, None)

    def unresolved(self) -> Deferred[int]:
        """How many pairs of memories differ without a word on which is right."""
        return self._database.read(likenesses.unresolved)

    def _all_or_nothing(self, work: Callable[[sqlite3.Connection], bool]) -> Deferred[bool]:
        def attempt(db: sqlite3.Connection) -> bool:
            if not work(db):
                raise _Outdated
            return True

        return self._database.write(attempt).addErrback(_outdated, False)


def _outdated(failure: Failure, instead: T) -> T:
    failure.trap(_Outdated)
    return instead


def _with_evidence(db: sqlite3.Connection, found: Sequence[Pattern]) -> list[Pattern]:
    return [
        evolve(each, evidence=tuple(patterns.evidence(db, [each.key], patterns.EVIDENCE)))
        for each in found
    ]
