"""The pool that the tests use does what a real one does, at once."""

from typing import Any

from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.sqlite.threads import Pool
from tests.store.inline import InlinePool


class PoolContract:
    """What the store relies on. Each answer is awaited by stopping the pool."""

    def make(self) -> Pool:
        raise NotImplementedError

    def run_all(self: Any, *works: Any, start_first: bool = True) -> list[tuple[bool, Any]]:
        pool = self.make()
        answers: list[tuple[bool, Any]] = []
        if start_first:
            pool.start()
        for work in works:
            pool.callInThreadWithCallback(lambda *answer: answers.append(answer), work)
        if not start_first:
            self.assertEqual(answers, [])
            pool.start()
        pool.stop()
        pool.callInThreadWithCallback(lambda *answer: answers.append(answer), lambda: "late")
        return answers

    def test_work_is_answered_in_order(self: Any) -> None:
        works = [lambda number=number: number for number in range(3)]
        self.assertEqual(self.run_all(*works), [(True, 0), (True, 1), (True, 2)])

    def test_work_that_raises_is_answered_with_its_failure(self: Any) -> None:
        ((succeeded, failure),) = self.run_all(lambda: 1 / 0)
        self.assertFalse(succeeded)
        self.assertIsInstance(failure, Failure)
        failure.trap(ZeroDivisionError)

    def test_work_that_comes_before_the_start_waits_for_it(self: Any) -> None:
        self.assertEqual(self.run_all(lambda: 1, start_first=False), [(True, 1)])

    def test_work_that_comes_after_the_end_is_never_answered(self: Any) -> None:
        self.assertEqual(self.run_all(), [])


class Inline(PoolContract, SynchronousTestCase):
    def make(self) -> Pool:
        return InlinePool()


class Real(PoolContract, SynchronousTestCase):
    def make(self) -> Pool:
        return ThreadPool(1, 1)
