"""When a language model is in memory: from its first use until nobody has used it for a while."""

from collections.abc import Callable
from typing import Final, Literal

from attrs import define, field
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.inference.generation import GeneratorUnavailable

PATIENCE: Final = 10.0
"""How many seconds a call waits for a model that was released."""

RETRY_AFTER: Final = 30.0
"""After how many seconds a call that was not served so is told to try again."""

RETRY_SECONDS: Final = 5.0
"""How soon after a model could not be loaded that is tried again, if somebody asks."""

RELEASED: Final = (
    "the language model was released, so that its memory is free for others; "
    "mnemo model load brings it back"
)

State = Literal["idle", "loading", "loaded", "unloading", "released"]


@define(eq=False)
class Keeper:
    """
    Decides when a model is loaded and unloaded. Used on the reactor thread.

    It is loaded at its first use, once for all who wait, and unloaded when it was not used for
    L{keep_alive}; never while somebody uses it. What was released stays away until L{load}.

    @ivar bring: loads the model
    @ivar drop: takes it out of memory
    @ivar keep_alive: in seconds; 0 keeps it for good
    @ivar released: whether it has been released
    """

    clock: IReactorTime
    bring: Callable[[], Deferred[None]]
    drop: Callable[[], Deferred[None]]
    keep_alive: float
    released: bool = field(default=False, init=False)
    _loaded: bool = field(default=False, init=False)
    _changing: Literal["", "loading", "unloading"] = field(default="", init=False)
    _users: int = field(default=0, init=False)
    _waiting: dict[Deferred[None], IDelayedCall | None] = field(factory=dict, init=False)
    _releases: list[Deferred[None]] = field(factory=list, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _expired: bool = field(default=False, init=False)
    _stopped: bool = field(default=False, init=False)
    _failed: tuple[float, Failure] | None = field(default=None, init=False)

    log = Logger()

    @property
    def state(self) -> State:
        """How it is with the model now."""
        if self._changing:
            return self._changing
        if self._loaded:
            return "loaded"
        return "released" if self.released else "idle"

    def begin(self, start: Callable[[], Deferred[None]]) -> None:
        """
        Load the model for the first time, before anything else is asked of this.

        @param start: does it, in place of L{bring}
        """
        self._change("loading", start)

    def enter(self) -> Deferred[None]:
        """
        Wait until the model is there, and keep it there until L{leave}.

        Cancelling the answer waits no more. It fails with L{GeneratorUnavailable} where the
        model is released and is not brought back within L{PATIENCE}, and with what L{bring}
        fails with.
        """
        if self._failed and self.clock.seconds() - self._failed[0] < RETRY_SECONDS:
            return fail(self._failed[1])
        ready: Deferred[None] = Deferred(self._forget)
        self._waiting[ready] = None
        if self.released:
            self._bound(ready)
        self._settle()
        return ready

    def leave(self) -> None:
        """One who has entered uses it no more."""
        self._users -= 1
        self._settle()

    def release(self) -> Deferred[None]:
        """
        Give its memory back as soon as nobody uses it, and let nobody use it until L{load}.

        @return: fires when the memory is free, or L{load} was called
        """
        gone: Deferred[None] = Deferred(self._releases.remove)
        self._releases.append(gone)
        if not self.released:
            self.released = True
            for ready in self._waiting:
                self._bound(ready)
        self._settle()
        return gone

    async def load(self) -> None:
        """Bring it back now. Fails with what L{bring} fails with."""
        self.released = False
        self._failed = None
        for ready in self._waiting:
            self._unbound(ready)
        self._tell_released()
        await self.enter()
        self.leave()

    def stop(self) -> None:
        """Refuse those who wait, and load and unload no more."""
        self._stopped = True
        self._quiet()
        self._fail(Failure(GeneratorUnavailable("mnemo is stopping")))

    # -- inside

    def _settle(self) -> None:
        """Do what is due, if nothing is under way."""
        self._quiet()
        self._admit()
        if self._changing or self._stopped:
            return
        if not self._loaded:
            if self.released:
                self._tell_released()
            elif self._waiting:
                self._change("loading", self.bring)
        elif not self._users:
            if self.released or self._expired:
                self._change("unloading", self.drop)
            elif self.keep_alive:
                # Whoever was let in may have settled already, and set it.
                self._quiet()
                self._timer = self.clock.callLater(self.keep_alive, self._expire)

    def _admit(self) -> None:
        """Let those who wait use it, one after the other: each may change how things are."""
        while self._waiting and self.state == "loaded" and not self.released:
            self._expired = False
            ready = next(iter(self._waiting))
            self._forget(ready)
            self._users += 1
            ready.callback(None)

    def _change(
        self, what: Literal["loading", "unloading"], do: Callable[[], Deferred[None]]
    ) -> None:
        self._changing = what
        self._expired = False
        do().addCallbacks(self._changed, self._not_changed)

    def _changed(self, _: None) -> None:
        self._loaded = self._changing == "loading"
        self._changing = ""
        self._failed = None
        self._settle()

    def _not_changed(self, failure: Failure) -> None:
        what, self._changing = self._changing, ""
        if what == "loading":
            self._failed = self.clock.seconds(), failure
            self._fail(failure)
        else:
            # What could not be freed in order is used no more.
            self.log.failure("the language model could not be unloaded", failure)
            self._loaded = False
        self._settle()

    def _fail(self, failure: Failure) -> None:
        for ready in list(self._waiting):
            self._forget(ready)
            ready.errback(failure)

    def _refuse(self, ready: Deferred[None]) -> None:
        self._forget(ready)
        ready.errback(GeneratorUnavailable(RELEASED, RETRY_AFTER))

    def _forget(self, ready: Deferred[None]) -> None:
        self._unbound(ready)
        del self._waiting[ready]

    def _bound(self, ready: Deferred[None]) -> None:
        """Let a call wait no longer than L{PATIENCE}."""
        self._waiting[ready] = self.clock.callLater(PATIENCE, self._refuse, ready)

    def _unbound(self, ready: Deferred[None]) -> None:
        timer = self._waiting[ready]
        self._waiting[ready] = None
        if timer is not None and timer.active():
            timer.cancel()

    def _tell_released(self) -> None:
        releases, self._releases = self._releases, []
        for gone in releases:
            gone.callback(None)

    def _expire(self) -> None:
        self._timer = None
        self._expired = True
        self._settle()

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
