from collections.abc import Sequence
from typing import ClassVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.background import Background, Leased

EVERY = 10.0
FIRST_PAUSE = 30.0


@define(eq=False)
class Looking(Background):
    """Looks when it is woken; each look lasts until it is told."""

    in_vain: ClassVar = "Nothing was seen"

    _clock: IReactorTime
    looks: list[Deferred[None]] = field(factory=list)

    def start(self) -> None:
        self._started = True
        self._wake()

    wake = Background._wake

    async def _look(self) -> None:
        self.looks.append(Deferred())
        await self.looks[-1]


class LookingNowAndThen(Looking):
    every: ClassVar = EVERY


class BackgroundTestCase(SynchronousTestCase):
    kind: type[Looking] = Looking

    def setUp(self) -> None:
        self.clock = Clock()
        self.work = self.kind(self.clock)
        self.addCleanup(self.work.stop)

    def looked(self) -> int:
        return len(self.work.looks)


class Waking(BackgroundTestCase):
    def test_it_does_nothing_before_it_is_started(self) -> None:
        self.work.wake()
        self.assertEqual(self.looked(), 0)

    def test_it_looks_when_it_is_woken_and_else_never(self) -> None:
        self.work.start()
        self.work.looks[0].callback(None)
        self.assertEqual((self.looked(), self.clock.getDelayedCalls()), (1, []))
        self.work.wake()
        self.assertEqual(self.looked(), 2)

    def test_it_looks_once_more_where_it_is_woken_meanwhile_and_never_twice_at_once(self) -> None:
        self.work.start()
        for _ in range(3):
            self.work.wake()
        self.assertEqual(self.looked(), 1)
        self.work.looks[0].callback(None)
        self.assertEqual(self.looked(), 2)
        self.work.looks[1].callback(None)
        self.assertEqual(self.looked(), 2)

    def test_a_look_that_fails_is_told_and_the_next_is_made_all_the_same(self) -> None:
        self.work.start()
        self.work.looks[0].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.work.wake()
        self.assertEqual(self.looked(), 2)

    def test_stopping_ends_a_look_in_the_middle_and_tells_nothing(self) -> None:
        self.work.start()
        self.work.wake()
        self.work.stop()
        self.assertTrue(self.work.looks[0].called)
        self.work.wake()
        self.assertEqual(self.looked(), 1)


class LookingAgain(BackgroundTestCase):
    kind = LookingNowAndThen

    def setUp(self) -> None:
        super().setUp()
        self.work.start()

    def test_it_looks_some_time_after_a_look_has_ended_however_long_that_took(self) -> None:
        self.clock.advance(3 * EVERY)
        self.work.looks[0].callback(None)
        self.clock.advance(EVERY - 1)
        self.assertEqual(self.looked(), 1)
        self.clock.advance(1)
        self.assertEqual(self.looked(), 2)

    def test_after_one_that_failed_too(self) -> None:
        self.work.looks[0].errback(ZeroDivisionError())
        self.flushLoggedErrors(ZeroDivisionError)
        self.clock.advance(EVERY)
        self.assertEqual(self.looked(), 2)

    def test_whoever_is_woken_before_looks_at_once_and_only_then(self) -> None:
        self.work.looks[0].callback(None)
        self.work.wake()
        self.assertEqual((self.looked(), self.clock.getDelayedCalls()), (2, []))

    def test_stopping_leaves_no_timer(self) -> None:
        self.work.looks[0].callback(None)
        self.work.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


@frozen
class Egg:
    """What is to be worked on."""

    name: str
    tries: int = 1


@define(eq=False)
class Hatching(Leased[Egg]):
    """Works on all that is in the nest, together."""

    every: ClassVar = EVERY
    first_pause: ClassVar = FIRST_PAUSE
    in_vain: ClassVar = "Nothing hatched"

    _clock: IReactorTime
    nest: list[Egg] = field(factory=list)
    hatched: list[object] = field(factory=list)
    back: list[object] = field(factory=list)
    brooding: Deferred[str] = field(factory=Deferred)

    async def _look(self) -> None:
        self._held = tuple(self.nest)
        self.hatched.append(await self._attempt(self.nest, self.brooding, "The nest"))
        self._held = ()

    async def _give_back(
        self, claims: Sequence[Egg], problem: str, due: float, failed: bool
    ) -> None:
        self.back.append(([each.name for each in claims], problem, due, failed))


class Leases(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.work = Hatching(self.clock, [Egg("one", tries=3), Egg("two")])
        self.work.start()
        self.clock.advance(EVERY)

    def stop(self) -> None:
        self.successResultOf(self.work.stop())

    def test_the_first_look_is_made_after_a_while(self) -> None:
        late = Hatching(self.clock)
        late.start()
        late.brooding.callback("chick")
        self.clock.advance(EVERY - 1)
        self.assertEqual(late.hatched, [])
        self.clock.advance(1)
        self.assertEqual(late.hatched, ["chick"])

    def test_what_is_done_is_not_given_back(self) -> None:
        self.work.brooding.callback("chick")
        self.stop()
        self.assertEqual((self.work.hatched, self.work.back), (["chick"], []))

    def test_what_fails_is_given_back_for_longer_each_time(self) -> None:
        self.work.brooding.errback(ZeroDivisionError("secret"))
        due = EVERY + 4 * FIRST_PAUSE
        self.assertEqual(self.work.hatched, [None])
        self.assertEqual(self.work.back, [(["one", "two"], "ZeroDivisionError", due, True)])

    def test_stopping_gives_back_what_was_begun_as_if_it_had_not_been_tried(self) -> None:
        self.stop()
        self.assertEqual(self.work.hatched, [])
        self.assertEqual(self.work.back, [(["one", "two"], "", 0.0, False)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
