"""Letting background work wait while somebody waits for an answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mnemo.memory.aside import Aside

T = TypeVar("T")

QUIET: Final = 0.05
"""Seconds without a call after which background work goes on: agents ask several in a row."""

PATIENCE: Final = 0.5
"""Seconds after which a step of it is done all the same, so that it gets somewhere."""


Turn = Callable[[], Deferred[None]]
"""Asks for the turn of a step: see L{Courtesy.turn}."""


def at_once() -> Deferred[None]:
    """A turn for those who are in nobody's way."""
    return succeed(None)


@define(eq=False)
class Courtesy:
    """
    Who answers calls says so; who works in the background asks for its turn before each step,
    which takes some milliseconds at most.

    Two threads that both want the interpreter get half of it each, so that a step that runs
    beside a call costs it more than the step itself takes.

    @ivar quiet: seconds that pass after a call before anything else has its turn
    """

    _clock: IReactorTime
    quiet: float = 0.0
    _under_way: int = field(default=0, init=False)
    _calming: IDelayedCall | None = field(default=None, init=False)
    _waiting: dict[Deferred[None], IDelayedCall] = field(factory=dict, init=False)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Somebody waits for what is done inside."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._calm_down()

    def turn(self) -> Deferred[None]:
        """Fires as soon as a step in the background is in nobody's way, or has waited enough."""
        if not self._under_way and self._calming is None:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._forget)
        self._waiting[waiter] = self._clock.callLater(PATIENCE, self._go_on, waiter)
        return waiter

    def before(self, aside: Aside) -> Aside:
        """C{aside}, but for work in the background: each piece of it waits for its turn."""

        def courteous(work: Callable[[], T]) -> Deferred[T]:
            return self.turn().addCallback(lambda _: aside(work))

        return courteous

    def stop(self) -> None:
        """Let go of the clock. Who waits for a turn is to be cancelled."""
        if self._calming is not None:
            self._calming.cancel()
            self._calming = None

    def _calm_down(self) -> None:
        if not self.quiet:
            self._is_calm()
        elif self._calming is None:
            self._calming = self._clock.callLater(self.quiet, self._is_calm)
        else:
            self._calming.reset(self.quiet)

    def _is_calm(self) -> None:
        self._calming = None
        if not self._under_way:
            for waiter in list(self._waiting):
                self._go_on(waiter)

    def _go_on(self, waiter: Deferred[None]) -> None:
        self._forget(waiter)
        waiter.callback(None)

    def _forget(self, waiter: Deferred[None]) -> None:
        patience = self._waiting.pop(waiter, None)
        if patience is not None and patience.active():
            patience.cancel()
