"""A store of its own for each test."""

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.records import Memory, NewMemory
from tests.store.inline import InlinePools, open_store, result_of


class StoreTestCase(SynchronousTestCase):
    """A store in a directory of its own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = Path(self.mktemp())
        self.pools = InlinePools()
        self.store = open_store(self.directory, self.clock, pools=self.pools)
        self.addCleanup(self.stop)

    def stop(self) -> None:
        result_of(self.store.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def reopen(self, exact_limit: int = 50_000) -> None:
        self.stop()
        self.pools = InlinePools()
        self.store = open_store(
            self.directory, self.clock, pools=self.pools, exact_limit=exact_limit
        )

    def add(self, *memories: NewMemory) -> list[Memory]:
        """Add memories, all in one commit."""
        self.pools.writer.hold()
        added = [self.store.add(memory) for memory in memories]
        self.pools.writer.release()
        return [result_of(each) for each in added]

    def one(self, id: str) -> Memory:
        return result_of(self.store.get([id]))[0]

    def ids(self, memories: list[Memory]) -> list[str]:
        return [memory.id for memory in memories]
