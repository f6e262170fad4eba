"""Drafting the handoffs that sessions did not leave, in the background."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mnemo.enrichment.generated import InThread
from mnemo.enrichment.handoff_draft import draft_of
from mnemo.store.background import Leased
from mnemo.store.drafts import DraftClaim
from mnemo.store.interfaces import IStore

LOOK: Final = 15.0
"""Seconds between two looks at what waits, for what has changed since its session ended."""

LEASE: Final = 30.0
"""Seconds for which a draft is claimed. It takes milliseconds to make one."""

PAUSE: Final = 60.0
"""Seconds until one that failed is tried again; doubled each time."""

BATCH: Final = 8
"""How many are claimed at once."""

MEMORIES: Final = 200
"""Of how many memories a draft is made at most, the newest."""


@define(eq=False)
class Drafter(Leased[DraftClaim]):
    """
    Makes a draft for each session that has ended without a handoff.

    What is to be drafted lies in the store, from the transaction on that ends the session: it is
    done by this process or the next, and again when one of the memories changes. Made of the same
    memories, a draft is the same.

    @ivar _made: told the project of which a draft was made
    """

    every: ClassVar = LOOK
    first_pause: ClassVar = PAUSE
    in_vain: ClassVar = "No handoff could be drafted"
    log: ClassVar = Logger()

    _store: IStore
    _clock: IReactorTime
    _in_thread: InThread
    _make_lease: Callable[[], str]
    _made: Callable[[str], None]

    def start(self) -> None:
        """Begin with what was left."""
        self._started = True
        self._wake()

    def session_ended(self) -> None:
        """A session has ended: look now."""
        self._wake()

    async def _look(self) -> None:
        """Draft until nothing is due."""
        while self._started and await self._batch():
            pass

    async def _batch(self) -> bool:
        """Make some drafts. Answers whether there were any to make."""
        drafts = self._store.drafts
        if not await drafts.waiting():
            return False
        now = self._clock.seconds()
        claims = await drafts.claim(self._make_lease(), now, now + LEASE, BATCH)
        self._held = tuple(claims)
        for claim in claims:
            in_vain = f"No handoff of session {claim.session} could be drafted"
            await self._attempt([claim], self._draft(claim), in_vain)
            self._held = tuple(each for each in self._held if each is not claim)
        return bool(claims)

    async def _draft(self, claim: DraftClaim) -> None:
        drafts = self._store.drafts
        memories = await drafts.material(claim, MEMORIES)
        draft = await self._in_thread(lambda: draft_of(claim.session, claim.project, memories))
        if await drafts.finish(claim, draft, self._clock.seconds()) and draft is not None:
            self._made(claim.project)

    async def _give_back(
        self, claims: Sequence[DraftClaim], problem: str, due: float, failed: bool
    ) -> None:
        for claim in claims:
            await self._store.drafts.give_back(claim, due, failed)
