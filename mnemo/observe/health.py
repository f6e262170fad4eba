"""What the daemon says of its own condition, and the test it puts itself to."""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from attrs import define, field, frozen
from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

INTERVAL: Final = 60.0
"""Seconds between two self-tests while all is well."""

RETRY: Final = 5.0
"""Seconds between two self-tests while a leg is down, so that it is not said for longer."""

PATIENCE: Final = 10.0
"""Seconds after which a self-test that has not answered counts as failed."""

Status = Literal["ok", "degraded", "starting", "stopping"]


@frozen
class SelfTest:
    """
    The outcome of a self-test.

    @ivar at: seconds since the epoch
    @ivar legs: the problem of each search leg by its name; empty where it is well
    """

    at: float
    legs: Mapping[str, str]


@define(eq=False)
class Health:
    """
    The condition of the daemon.

    @ivar facts: what the parts say of themselves now, by the name it has in the report
    @ivar problems: one line for each part that is down, with what mends it
    @ivar test: puts each search leg to the test at a time; answers their problems
    @ivar boot: tells one life of the process from another
    """

    clock: IReactorTime
    version: str
    facts: Callable[[], Mapping[str, object]]
    problems: Callable[[], Sequence[str]]
    test: Callable[[float], Deferred[dict[str, str]]]
    boot: str = field(factory=lambda: secrets.token_hex(8))
    stage: Literal["starting", "serving", "stopping"] = "starting"
    last: SelfTest | None = None
    _since: float = field(init=False)
    _loop: LoopingCall = field(init=False)
    _examining: Deferred[None] = field(init=False, factory=lambda: succeed(None))

    log = Logger()

    def __attrs_post_init__(self) -> None:
        self._since = self.clock.seconds()
        self._loop = LoopingCall(self._examine)
        self._loop.clock = self.clock

    def start(self) -> Deferred[None]:
        """Examine at once, and from time to time. Fires when the first outcome is known."""
        known: Deferred[None] = Deferred()
        self._loop.start(RETRY)
        self._examining.addBoth(lambda _: known.callback(None))
        return known

    def stop(self) -> None:
        """Examine no more."""
        if self._loop.running:
            self._loop.stop()
        self._examining.cancel()

    def _examine(self) -> Deferred[None] | None:
        last = self.last
        if last and not any(last.legs.values()) and self.clock.seconds() < last.at + INTERVAL:
            return None
        self._examining = Deferred.fromCoroutine(self._put_to_the_test())
        return self._examining

    @property
    def serving(self) -> bool:
        """Whether calls are taken."""
        return self.stage == "serving"

    @property
    def status(self) -> Status:
        """The condition in a word."""
        if self.stage != "serving":
            return self.stage
        return "degraded" if self.reasons() else "ok"

    def reasons(self) -> list[str]:
        """Why it is degraded, each reason once."""
        legs = self.last.legs.values() if self.last is not None else ()
        return list(dict.fromkeys(filter(None, (*self.problems(), *legs))))

    def report(self) -> dict[str, object]:
        """Everything there is to say, ready for JSON."""
        return {
            "status": self.status,
            "reasons": self.reasons(),
            "version": self.version,
            "pid": os.getpid(),
            "boot": self.boot,
            "uptime": round(self.clock.seconds() - self._since, 3),
            **self.facts(),
            "self_test": self._last_test(),
        }

    def _last_test(self) -> dict[str, object] | None:
        if self.last is None:
            return None
        legs = {leg: problem or "ok" for leg, problem in self.last.legs.items()}
        return {"at": self.last.at, **legs}

    async def _put_to_the_test(self) -> None:
        now = self.clock.seconds()
        try:
            legs: Mapping[str, str] = await self.test(now).addTimeout(PATIENCE, self.clock)
        except CancelledError:
            return
        except defer.TimeoutError:
            legs = {"every": f"the self-test did not answer within {PATIENCE:g} s"}
        except Exception:
            self.log.failure("The self-test failed.")
            legs = {"every": "the self-test failed; the log says how"}
        self._tell_changes(legs)
        self.last = SelfTest(now, legs)

    def _tell_changes(self, legs: Mapping[str, str]) -> None:
        before: Mapping[str, Any] = self.last.legs if self.last is not None else {}
        for leg, problem in legs.items():
            if problem and problem != before.get(leg):
                self.log.warn("The {leg} search is down: {problem}", leg=leg, problem=problem)
            elif not problem and before.get(leg):
                self.log.info("The {leg} search is well again.", leg=leg)
