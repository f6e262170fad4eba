"""Working through what waits in the store, while nobody waits for it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

T = TypeVar("T")


@define(eq=False)
class Background(ABC):
    """
    Looks for what there is to do, and does it: one look at a time, until it is stopped.

    @cvar every: seconds from the end of a look to the next; C{None} where it has to be woken
    @cvar in_vain: what is logged of a look that failed
    """

    every: ClassVar[float | None] = None
    in_vain: ClassVar[str]
    log: ClassVar = Logger()

    _clock: IReactorTime
    _started: bool = field(default=False, init=False)
    _woken: bool = field(default=False, init=False)
    _running: Deferred[None] | None = field(default=None, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def stop(self) -> Deferred[None] | None:
        """Stop at once, in the middle of a look too. What is left waits in the store."""
        self._started = False
        self._cancel_timer()
        if self._running is not None:
            self._running.cancel()
        return None

    @abstractmethod
    async def _look(self) -> None:
        """Do what there is to do. Raises where it has to be tried again."""

    def _failed(self, error: Exception) -> None:
        """A look has raised C{error}, which is being handled."""
        self.log.failure("{what}; it will be tried again", what=self.in_vain)

    def _wake(self) -> None:
        """Look now, and again after a look that is under way."""
        self._woken = True
        if self._started and self._running is None:
            self._cancel_timer()
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addBoth(self._rest)

    def _look_in(self, seconds: float | None) -> None:
        if self._started and self._timer is None and seconds is not None:
            self._timer = self._clock.callLater(seconds, self._due)

    async def _run(self) -> None:
        """Look until nobody wakes it meanwhile, or it is to look later. Raises nothing."""
        while self._woken and self._started and self._timer is None:
            self._woken = False
            try:
                await self._look()
            except Exception as error:
                # What fails because it was stopped has not failed.
                if self._started:
                    self._failed(error)

    def _rest(self, _: object) -> None:
        self._running = None
        self._look_in(self.every)

    def _due(self) -> None:
        self._timer = None
        self._wake()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Claimed(Protocol):
    """What was taken from a queue."""

    @property
    def tries(self) -> int:
        """How often it was, this time included."""


Taken = TypeVar("Taken", bound=Claimed)


@define(eq=False)
class Leased(Background, Generic[Taken]):
    """
    Claims with a lease what it works on.

    What is not finished is done later, by this process or the next.

    @cvar first_pause: seconds until what has failed is tried again; doubled each time
    @ivar _held: what is given back where it is stopped
    """

    first_pause: ClassVar[float]

    _held: tuple[Taken, ...] = field(default=(), init=False)

    @abstractmethod
    async def _give_back(
        self, claims: Sequence[Taken], problem: str, due: float, failed: bool
    ) -> None:
        """Let go of claims until C{due}."""

    def start(self) -> None:
        """Look from now on, the first time after a while."""
        self._started = True
        self._look_in(self.every)

    def stop(self) -> Deferred[None]:
        """Stop at once, and give back what is not finished."""
        super().stop()
        held, self._held = self._held, ()
        if not held:
            return succeed(None)
        return Deferred.fromCoroutine(self._give_back(held, "", 0.0, False))

    async def _attempt(self, claims: Sequence[Taken], work: Awaitable[T], in_vain: str) -> T | None:
        """What comes of C{work}; C{None} where it failed, and its claims were given back."""
        try:
            return await work
        except Exception as error:
            if not self._started:
                raise
            # Of the texts themselves nothing may stand in a log.
            self.log.warn("{what}: {kind}", what=in_vain, kind=type(error).__name__)
            due = self._clock.seconds() + self._pause_after(claims[0])
            await self._give_back(claims, self._reason(error), due, True)
            return None

    def _pause_after(self, claim: Taken) -> float:
        pause: float = self.first_pause * 2 ** (claim.tries - 1)
        return pause

    def _reason(self, error: Exception) -> str:
        """Why work failed, for whoever asks why it waits."""
        return type(error).__name__
