"""When a language model is in memory."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import GeneratorUnavailable
from mnemo.inference.keeping import PATIENCE, RELEASED, RETRY_AFTER, RETRY_SECONDS, Keeper


class Memory:
    """Loads and unloads when it is told to, and never twice at once."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.under_way: list[Deferred[None]] = []

    def bring(self) -> Deferred[None]:
        return self._begin("load")

    def drop(self) -> Deferred[None]:
        return self._begin("unload")

    def _begin(self, what: str) -> Deferred[None]:
        assert not self.under_way, "one at a time"
        self.did.append(what)
        self.under_way.append(Deferred())
        return self.under_way[0]

    def succeed(self) -> None:
        self.under_way.pop().callback(None)

    def fail(self, problem: Exception) -> None:
        self.under_way.pop().errback(problem)


class KeeperCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = Memory()
        self.keeper = Keeper(self.clock, self.memory.bring, self.memory.drop, 60.0)

    def loaded(self) -> None:
        self.keeper.begin(lambda: succeed(None))


class UseTests(KeeperCase):
    def test_it_is_loaded_at_its_first_use(self) -> None:
        self.assertEqual((self.keeper.state, self.memory.did), ("idle", []))
        entered = self.keeper.enter()
        self.assertEqual(self.keeper.state, "loading")
        self.assertNoResult(entered)
        self.memory.succeed()
        self.successResultOf(entered)
        self.assertEqual(self.keeper.state, "loaded")

    def test_all_who_wait_wait_for_one_load(self) -> None:
        entered = [self.keeper.enter() for _ in range(5)]
        self.memory.succeed()
        for each in entered:
            self.successResultOf(each)
        self.assertEqual(self.memory.did, ["load"])

    def test_what_is_there_is_used_at_once(self) -> None:
        self.loaded()
        self.successResultOf(self.keeper.enter())
        self.assertEqual(self.memory.did, [])

    def test_all_who_wait_are_told_why_it_cannot_be_loaded(self) -> None:
        entered = [self.keeper.enter() for _ in range(3)]
        self.memory.fail(GeneratorUnavailable("it is damaged"))
        for each in entered:
            failure = self.failureResultOf(each, GeneratorUnavailable)
            self.assertEqual(str(failure.value), "it is damaged")
        self.assertEqual(self.keeper.state, "idle")

    def test_what_could_not_be_loaded_is_not_tried_again_at_once(self) -> None:
        self.failing = self.keeper.enter()
        self.memory.fail(GeneratorUnavailable("it is damaged"))
        self.failureResultOf(self.failing, GeneratorUnavailable)
        self.failureResultOf(self.keeper.enter(), GeneratorUnavailable)
        self.assertEqual(self.memory.did, ["load"])
        self.clock.advance(RETRY_SECONDS)
        entered = self.keeper.enter()
        self.memory.succeed()
        self.successResultOf(entered)

    def test_one_who_waits_no_more_is_forgotten(self) -> None:
        entered = self.keeper.enter()
        entered.cancel()
        self.failureResultOf(entered, CancelledError)
        self.memory.succeed()
        self.clock.advance(60)
        self.assertEqual(self.memory.did, ["load", "unload"])


class BeginTests(KeeperCase):
    def test_who_comes_while_it_begins_waits_for_that(self) -> None:
        begun: Deferred[None] = Deferred()
        self.keeper.begin(lambda: begun)
        entered = self.keeper.enter()
        self.assertEqual((self.keeper.state, self.memory.did), ("loading", []))
        begun.callback(None)
        self.successResultOf(entered)

    def test_who_releases_it_while_it_begins_waits_until_it_is_gone(self) -> None:
        begun: Deferred[None] = Deferred()
        self.keeper.begin(lambda: begun)
        released = self.keeper.release()
        self.assertNoResult(released)
        begun.callback(None)
        self.assertEqual(self.memory.did, ["unload"])
        self.memory.succeed()
        self.successResultOf(released)

    def test_a_bad_beginning_is_told_as_any_other(self) -> None:
        begun: Deferred[None] = Deferred()
        self.keeper.begin(lambda: begun)
        entered = self.keeper.enter()
        begun.errback(GeneratorUnavailable("it is damaged"))
        self.failureResultOf(entered, GeneratorUnavailable)
        self.assertEqual((self.keeper.state, self.memory.did), ("idle", []))


class IdleTests(KeeperCase):
    def test_it_is_unloaded_when_nobody_has_used_it_for_so_long(self) -> None:
        self.loaded()
        self.clock.advance(59)
        self.successResultOf(self.keeper.enter())
        self.clock.advance(1000)
        self.assertEqual(self.memory.did, [])
        self.keeper.leave()
        self.clock.advance(59)
        self.assertEqual(self.memory.did, [])
        self.clock.advance(1)
        self.assertEqual(self.keeper.state, "unloading")
        self.memory.succeed()
        self.assertEqual(self.keeper.state, "idle")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_zero_keeps_it_for_good(self) -> None:
        self.keeper = Keeper(self.clock, self.memory.bring, self.memory.drop, 0.0)
        self.loaded()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_use_while_it_is_unloaded_brings_it_back(self) -> None:
        self.loaded()
        self.clock.advance(60)
        entered = self.keeper.enter()
        self.memory.succeed()
        self.assertEqual(self.memory.did, ["unload", "load"])
        self.memory.succeed()
        self.successResultOf(entered)

    def test_what_cannot_be_unloaded_in_order_is_used_no_more(self) -> None:
        self.loaded()
        self.clock.advance(60)
        self.memory.fail(RuntimeError("no"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.keeper.state, "idle")


class ReleaseTests(KeeperCase):
    def test_it_waits_for_those_who_use_it(self) -> None:
        self.loaded()
        self.successResultOf(self.keeper.enter())
        released = self.keeper.release()
        self.assertEqual(self.memory.did, [])
        self.keeper.leave()
        self.assertNoResult(released)
        self.memory.succeed()
        self.successResultOf(released)
        self.assertEqual(self.keeper.state, "released")

    def test_what_is_not_in_memory_is_released_at_once(self) -> None:
        self.successResultOf(self.keeper.release())
        self.successResultOf(self.keeper.release())
        self.assertEqual((self.keeper.state, self.memory.did), ("released", []))

    def test_calls_wait_a_while_and_are_told_when_to_come_back(self) -> None:
        self.successResultOf(self.keeper.release())
        entered = self.keeper.enter()
        self.clock.advance(PATIENCE - 0.1)
        self.assertNoResult(entered)
        self.clock.advance(0.1)
        refused = self.failureResultOf(entered, GeneratorUnavailable).value
        self.assertEqual((str(refused), refused.retry_after), (RELEASED, RETRY_AFTER))
        self.assertEqual(self.memory.did, [])

    def test_calls_that_waited_already_are_bounded_too(self) -> None:
        entered = self.keeper.enter()
        released = self.keeper.release()
        self.memory.succeed()
        self.memory.succeed()
        self.successResultOf(released)
        self.clock.advance(PATIENCE)
        self.failureResultOf(entered, GeneratorUnavailable)

    def test_load_brings_it_back_for_those_who_wait(self) -> None:
        self.successResultOf(self.keeper.release())
        entered = self.keeper.enter()
        loaded = Deferred.fromCoroutine(self.keeper.load())
        self.clock.advance(PATIENCE)
        self.memory.succeed()
        self.successResultOf(entered)
        self.successResultOf(loaded)
        self.assertEqual(self.keeper.state, "loaded")

    def test_load_says_why_it_cannot(self) -> None:
        loaded = Deferred.fromCoroutine(self.keeper.load())
        self.memory.fail(GeneratorUnavailable("it is damaged"))
        self.failureResultOf(loaded, GeneratorUnavailable)
        again = Deferred.fromCoroutine(self.keeper.load())
        self.assertEqual(self.memory.did, ["load", "load"])
        self.memory.succeed()
        self.successResultOf(again)

    def test_one_who_does_not_wait_for_a_release_has_released_all_the_same(self) -> None:
        self.loaded()
        self.successResultOf(self.keeper.enter())
        released = self.keeper.release()
        released.cancel()
        self.failureResultOf(released, CancelledError)
        self.keeper.leave()
        self.memory.succeed()
        self.assertEqual(self.keeper.state, "released")

    def test_a_load_ends_the_wait_of_a_release(self) -> None:
        self.loaded()
        self.successResultOf(self.keeper.enter())
        released = self.keeper.release()
        loaded = Deferred.fromCoroutine(self.keeper.load())
        self.successResultOf(loaded)
        self.successResultOf(released)
        self.assertEqual((self.keeper.state, self.memory.did), ("loaded", []))


class StopTests(KeeperCase):
    def test_those_who_wait_are_refused_and_no_timer_is_left(self) -> None:
        self.successResultOf(self.keeper.release())
        entered = self.keeper.enter()
        self.keeper.stop()
        self.failureResultOf(entered, GeneratorUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Life(RuleBasedStateMachine):
    """Any order of use, idleness, release, load and failure."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.memory = Memory()
        self.keeper = Keeper(self.clock, self.memory.bring, self.memory.drop, 60.0)
        self.inside = 0
        self.waiting: list[Deferred[None]] = []

    @rule()
    def enter(self) -> None:
        entered = self.keeper.enter()
        self.waiting.append(entered)
        entered.addCallbacks(self.came_in, lambda _: None)
        entered.addBoth(lambda _: self.waiting.remove(entered))

    def came_in(self, _: Any) -> None:
        assert self.keeper.state == "loaded"
        self.inside += 1

    @rule()
    def leave(self) -> None:
        if self.inside:
            self.inside -= 1
            self.keeper.leave()

    @rule(seconds=st.sampled_from([1.0, 10.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(well=st.booleans())
    def end_what_is_under_way(self, well: bool) -> None:
        if self.memory.under_way and (well or self.memory.did[-1] == "load"):
            if well:
                self.memory.succeed()
            else:
                self.memory.fail(GeneratorUnavailable("no"))

    @rule()
    def release(self) -> None:
        self.keeper.release().addErrback(lambda _: None)

    @rule()
    def load(self) -> None:
        Deferred.fromCoroutine(self.keeper.load()).addErrback(lambda _: None)

    @rule()
    def give_up(self) -> None:
        if self.waiting:
            self.waiting[0].cancel()

    @invariant()
    def nobody_uses_what_is_not_there(self) -> None:
        assert not self.inside or self.keeper.state == "loaded"

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        if self.waiting and not self.keeper.released:
            assert self.keeper.state in ("loading", "unloading")

    @invariant()
    def there_is_one_timer_for_idleness_and_one_for_each_who_is_bounded(self) -> None:
        assert len(self.clock.getDelayedCalls()) <= 1 + len(self.keeper._waiting)

    def teardown(self) -> None:
        while self.memory.under_way:
            self.memory.succeed()
        while self.inside:
            self.leave()
        self.keeper.stop()
        assert not self.waiting
        assert not self.clock.getDelayedCalls()


class LifeTests(SynchronousTestCase):
    def test_any_order_of_events_keeps_its_promises(self) -> None:
        run_state_machine_as_test(Life, settings=settings(max_examples=60, deadline=None))
