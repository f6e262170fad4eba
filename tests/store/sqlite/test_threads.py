"""Work on the store's threads, and its end."""

import threading
from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.threads import Threads
from tests.store.inline import ClockReactor, InlinePools


class Running(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pools = InlinePools()
        self.threads = Threads(ClockReactor(self.clock), self.pools)
        self.threads.start()

    def test_it_answers_what_the_work_returns(self) -> None:
        answer = self.threads.run(self.pools.text, lambda: 42)
        self.assertEqual(self.successResultOf(answer), 42)

    def test_it_fails_with_what_the_work_raises(self) -> None:
        self.failureResultOf(self.threads.run(self.pools.text, lambda: 1 / 0), ZeroDivisionError)

    def test_before_the_start_and_after_the_end_it_fails_at_once(self) -> None:
        threads = Threads(ClockReactor(self.clock), self.pools)
        self.failureResultOf(threads.run(self.pools.text, lambda: 42), StoreError)
        self.successResultOf(Deferred.fromCoroutine(self.threads.stop()))
        self.failureResultOf(self.threads.run(self.pools.text, lambda: 42), StoreError)

    def test_the_end_waits_for_work_that_runs_even_where_its_answer_was_let_go(self) -> None:
        self.pools.text.hold()
        answer = self.threads.run(self.pools.text, lambda: 42)
        answer.cancel()
        self.failureResultOf(answer)
        stopped = Deferred.fromCoroutine(self.threads.stop())
        self.assertNoResult(stopped)
        self.pools.text.release()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_end_does_not_wait_for_ever(self) -> None:
        self.pools.text.hold()
        self.threads.run(self.pools.text, lambda: 42)
        stopped = Deferred.fromCoroutine(self.threads.stop())
        self.clock.advance(60)
        self.successResultOf(stopped)


class RealThreads(TestCase):
    async def test_work_runs_on_threads_that_are_gone_after_the_end(self) -> None:
        before = set(threading.enumerate())
        threads = Threads(cast(Any, reactor))
        threads.start()
        names = await gatherResults(
            threads.run(pool, lambda: threading.current_thread().name)
            for pool in (threads.pools.writer, threads.pools.readers, threads.pools.text)
        )
        for name, part in zip(names, ("writer", "reader", "text"), strict=True):
            self.assertIn(f"mnemo-{part}", name)
        await threads.stop()
        self.assertEqual(set(threading.enumerate()) - before, set())
