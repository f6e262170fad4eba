"""The drafts of handoffs, asked on the reactor thread."""

from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mnemo.store.interfaces import IDrafts
from mnemo.store.records import Draft, DraftClaim, Memory
from mnemo.store.sqlite import drafts
from mnemo.store.sqlite.database import Database


@implementer(IDrafts)
@define(eq=False)
class DraftQueue:
    """The drafts of a database."""

    _database: Database

    def claim(self, lease: str, now: float, until: float, limit: int) -> Deferred[list[DraftClaim]]:
        """Take drafts that are to be made."""
        return self._database.write(lambda db: drafts.claim(db, lease, now, until, limit))

    def material(self, claim: DraftClaim, limit: int) -> Deferred[list[Memory]]:
        """The memories that a draft is to be made of."""
        return self._database.read(lambda db: drafts.material(db, claim, limit))

    def finish(self, claim: DraftClaim, draft: Draft | None, now: float) -> Deferred[bool]:
        """Keep a draft, or that there is none."""
        return self._database.write(lambda db: drafts.finish(db, claim, draft, now))

    def give_back(self, claim: DraftClaim, due: float, failed: bool) -> Deferred[None]:
        """Let go of a claim."""
        return self._database.write(lambda db: drafts.give_back(db, claim, due, failed))

    def latest(self, project: str | None) -> Deferred[Draft | None]:
        """The draft with the newest memories."""
        return self._database.read(lambda db: drafts.latest(db, project))

    def waiting(self) -> Deferred[int]:
        """How many are to be made."""
        return self._database.read(drafts.waiting)
