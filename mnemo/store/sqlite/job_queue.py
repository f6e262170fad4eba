"""The queue of jobs, asked on the reactor thread."""

from collections.abc import Sequence

from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.interfaces import IJobs
from mnemo.store.records import Claim, DerivedField, Filter, Finished, JobCounts, Memory
from mnemo.store.sqlite import jobs, memories
from mnemo.store.sqlite.database import Database


@implementer(IJobs)
@define(eq=False)
class JobQueue:
    """The jobs of a database."""

    _database: Database

    def claim(
        self, lease: str, now: float, until: float, limit: int, fresh: bool = False
    ) -> Deferred[list[Claim]]:
        """Take jobs that are due."""
        return self._database.write(lambda db: jobs.claim(db, lease, now, until, limit, fresh))

    def renew(self, claims: Sequence[Claim], until: float) -> Deferred[int]:
        """Keep what is still held for longer."""
        return self._database.write(lambda db: jobs.renew(db, claims, until))

    def finish(self, results: Sequence[Finished], now: float) -> Deferred[int]:
        """Keep what was derived."""
        return self._database.write(lambda db: jobs.finish(db, results, now))

    def give_back(
        self, claims: Sequence[Claim], problem: str, due: float, failed: bool
    ) -> Deferred[None]:
        """Let go of jobs."""
        return self._database.write(lambda db: jobs.give_back(db, claims, problem, due, failed))

    def counts(self) -> Deferred[JobCounts]:
        """How many wait, and how many were given up."""
        return self._database.read(jobs.counts)

    def recipe(self) -> Deferred[str]:
        """What L{use_recipe} was told last."""
        return self._database.read(jobs.recipe)

    def use_recipe(self, recipe: str) -> Deferred[None]:
        """Note that every memory that needs it waits for a recipe."""
        return self._database.write(lambda db: jobs.use_recipe(db, recipe))

    def requeue(
        self, recipe: str, replaced: str, after: int, limit: int, now: float
    ) -> Deferred[int | None]:
        """Let wait what was not made by a recipe."""
        return self._database.write(
            lambda db: jobs.requeue(db, recipe, replaced, after, limit, now)
        )

    def derived(self, ids: Sequence[str]) -> Deferred[dict[str, tuple[DerivedField, ...]]]:
        """What was derived from memories."""
        return self._database.read(lambda db: jobs.derived(db, ids))

    def oldest(self, wanted: Filter, limit: int) -> Deferred[list[Memory]]:
        """The oldest memories from which something was derived."""
        return self._database.read(lambda db: memories.oldest_derived(db, wanted, limit))

    def coaching(self) -> Deferred[str]:
        """What a language model is to be told beside the rules."""
        return self._database.read(jobs.coaching)

    def use_coaching(self, document: str) -> Deferred[None]:
        """Keep what a language model is to be told."""
        return self._database.write(lambda db: jobs.use_coaching(db, document))
