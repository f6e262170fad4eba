"""A model's way into memory and out of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.interfaces import Priority
from mnemo.inference.loader import ILoaded, Loader, NotLoaded
from mnemo.inference.thread import InferenceThread
from tests.inference.fakes import SteppedPool, ThreadlessReactor

FILE = Path("/models/x.gguf")


@implementer(ILoaded)
@define(eq=False)
class Idle:
    """A model that has nothing to do, and counts how often it is asked whether it has."""

    closed: int = 0
    asked: int = field(default=0, init=False)

    def urgency(self) -> Priority | None:
        self.asked += 1
        return None

    def begin(self) -> Callable[[], Any]:
        raise AssertionError("it has no step")

    def following(self) -> Callable[[], Any] | None:
        return None

    def hurry(self) -> None:
        pass

    def done(self, result: Any) -> None:
        pass

    def failed(self, problem: Exception) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


class LoaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.pool = ThreadlessReactor(), SteppedPool()
        self.thread = InferenceThread(self.reactor, pool=self.pool)
        self.thread.start()
        self.failure: Exception | None = None
        self.made: list[Idle] = []
        self.taken: list[Idle] = []
        self.loader = self.new()

    def new(self, check: Callable[[], object] | None = None) -> Loader[Idle]:
        return Loader(self.reactor, self.thread, "language", self.make, self.taken.append, check)

    def make(self) -> Idle:
        if self.failure is not None:
            raise self.failure
        self.made.append(Idle())
        return self.made[-1]

    def free(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.loader.free())

    def work(self) -> None:
        while self.pool.busy:
            self.pool.work()

    def test_all_wait_for_one_load(self) -> None:
        self.pool.holding = True
        waiting = [self.loader.load() for _ in range(5)]
        self.assertNoResult(waiting[0])
        self.work()
        for waiter in [*waiting, self.loader.load()]:
            self.successResultOf(waiter)
        self.assertEqual((self.loader.loads, self.taken), (1, self.made))

    def test_one_who_waits_no_more_stops_no_load(self) -> None:
        self.pool.holding = True
        first, second = self.loader.load(), self.loader.load()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.work()
        self.successResultOf(second)

    def test_why_it_could_not_be_loaded_is_one_line_that_knows_the_file(self) -> None:
        self.failure = ModelBroken(FILE, "is damaged")
        known = self.failureResultOf(self.loader.load(), NotLoaded).value
        self.assertEqual((str(known), known.path), (str(self.failure), FILE))
        self.failure = RuntimeError("the GPU is\nbusy")
        other = self.failureResultOf(self.loader.load(), NotLoaded).value
        self.assertEqual(other.path, None)
        self.assertEqual(
            str(other), "the language model fails to load: RuntimeError: the GPU is busy"
        )
        self.failure = None
        self.successResultOf(self.loader.load())

    def test_what_does_not_pass_the_check_is_not_loaded(self) -> None:
        self.loader = self.new(check=lambda: 1 // 0)
        self.failureResultOf(self.loader.load(), NotLoaded)
        self.assertEqual(self.made, [])

    def test_it_has_steps_on_the_thread_from_when_it_is_loaded_until_it_is_freed(self) -> None:
        self.successResultOf(self.loader.load())
        (model,) = self.made
        before = model.asked
        self.thread.wake()
        self.assertEqual(model.asked, before + 1)
        self.successResultOf(self.free())
        self.assertEqual((model.closed, self.loader.model), (1, None))
        before = model.asked
        self.thread.wake()
        self.assertEqual(model.asked, before)

    def test_what_is_being_loaded_is_freed_after_that(self) -> None:
        self.pool.holding = True
        loaded, freed = self.loader.load(), self.free()
        self.work()
        self.successResultOf(loaded)
        self.successResultOf(freed)
        self.assertEqual((self.made[0].closed, self.loader.model), (1, None))

    def test_a_load_that_is_asked_for_meanwhile_comes_after_it(self) -> None:
        self.successResultOf(self.loader.load())
        self.pool.holding = True
        freed, loaded = self.free(), self.loader.load()
        self.work()
        self.successResultOf(freed)
        self.successResultOf(loaded)
        self.assertEqual([model.closed for model in self.made], [1, 0])
        self.assertIs(self.loader.model, self.made[1])

    def test_freed_by_two_at_once_it_is_gone_once(self) -> None:
        self.successResultOf(self.loader.load())
        self.pool.holding = True
        freed = [self.free(), self.free()]
        self.work()
        for each in freed:
            self.successResultOf(each)
        self.assertIsNone(self.loader.model)

    def test_what_cannot_be_freed_is_logged(self) -> None:
        self.successResultOf(self.loader.load())
        self.patch(Idle, "close", lambda model: 1 // 0)
        self.successResultOf(self.free())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_without_a_thread_nothing_is_loaded_and_freeing_ends(self) -> None:
        self.successResultOf(self.loader.load())
        self.successResultOf(self.thread.stop())
        self.successResultOf(self.free())
        failure = self.failureResultOf(self.loader.load(), NotLoaded)
        self.assertIn("does not run", str(failure.value))
