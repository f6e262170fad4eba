"""Drafting the handoffs that sessions did not leave, in the background."""

from collections.abc import Callable
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.enrichment.generated import InThread
from mnemo.enrichment.handoff_draft import draft_of
from mnemo.store.interfaces import IStore
from mnemo.store.records import DraftClaim

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
class Drafter:
    """
    Makes a draft for each session that has ended without a handoff.

    What is to be drafted lies in the store, from the transaction on that ends the session: it is
    done by this process or the next, and again when one of the memories changes. Made of the same
    memories, a draft is the same.

    @ivar _made: told the project of which a draft was made
    """

    _store: IStore
    _clock: IReactorTime
    _in_thread: InThread
    _make_lease: Callable[[], str]
    _made: Callable[[str], None]
    _started: bool = field(default=False, init=False)
    _wanted: bool = field(default=False, init=False)
    _held: tuple[DraftClaim, ...] = field(default=(), init=False)
    _running: Deferred[None] | None = field(default=None, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    log: ClassVar = Logger()

    def start(self) -> None:
        """Begin with what was left."""
        self._started = True
        self.session_ended()

    async def stop(self) -> None:
        """Stop at once, and give back what is not made."""
        self._started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is not None:
            self._running.cancel()
        held, self._held = self._held, ()
        for claim in held:
            await self._store.drafts.give_back(claim, 0.0, False)

    def session_ended(self) -> None:
        """A session has ended: look now."""
        self._wanted = True
        if self._started and self._running is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addBoth(self._rest)

    def _rest(self, _: object) -> None:
        self._running = None
        if self._started and self._timer is None:
            self._timer = self._clock.callLater(LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        self.session_ended()

    async def _run(self) -> None:
        """Draft until nothing is due. Raises nothing."""
        try:
            while self._wanted and self._started:
                self._wanted = False
                while self._started and await self._batch():
                    pass
        except CancelledError:
            return
        except Exception:
            self.log.failure("No handoff could be drafted; it will be tried again")

    async def _batch(self) -> bool:
        """Make some drafts. Answers whether there were any to make."""
        drafts = self._store.drafts
        if not await drafts.waiting():
            return False
        now = self._clock.seconds()
        claims = await drafts.claim(self._make_lease(), now, now + LEASE, BATCH)
        self._held = tuple(claims)
        for claim in claims:
            await self._draft(claim)
            self._held = tuple(each for each in self._held if each is not claim)
        return bool(claims)

    async def _draft(self, claim: DraftClaim) -> None:
        drafts = self._store.drafts
        try:
            memories = await drafts.material(claim, MEMORIES)
            draft = await self._in_thread(lambda: draft_of(claim.session, claim.project, memories))
            if await drafts.finish(claim, draft, self._clock.seconds()) and draft is not None:
                self._made(claim.project)
        except CancelledError:
            raise
        except Exception as error:
            # Of the memories themselves nothing may stand in a log.
            self.log.warn(
                "No handoff of session {id} could be drafted: {kind}",
                id=claim.session,
                kind=type(error).__name__,
            )
            pause = PAUSE * 2 ** (claim.tries - 1)
            await drafts.give_back(claim, self._clock.seconds() + pause, True)
