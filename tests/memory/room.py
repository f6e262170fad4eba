"""A memory with a real store and no threads, for tests that need all of it."""

from collections.abc import Coroutine
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.memories import Memories
from mnemo.memory.recall import Answer, Question
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from tests.inference.fakes import FakeEmbedder
from tests.store.inline import open_store

NOW = 1_700_000_000.0


class MemoryTestCase(SynchronousTestCase):
    """
    @ivar memories: started, with ids C{m1}, C{m2}, … and C{q1}, C{q2}, …
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.directory = self.mktemp()
        self.store = open_store(self.directory, self.clock)
        self.addCleanup(lambda: self.successResultOf(self.store.stop()))
        self.embedder = FakeEmbedder()
        numbers = {"m": count(1), "q": count(1)}
        self.memories = Memories(
            self.store, self.embedder, self.clock, lambda kind: f"{kind}{next(numbers[kind])}"
        )
        self.successResultOf(self.memories.start())
        self.addCleanup(self.memories.stop)

    def done(self, work: Coroutine[Deferred[Any], Any, Any] | Deferred[Any]) -> Any:
        """What C{work} came to, which it has already."""
        deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        return self.successResultOf(deferred)

    def refused(self, kind: type[Exception], work: Coroutine[Deferred[Any], Any, Any]) -> str:
        """The words with which C{work} was refused."""
        return str(self.failureResultOf(Deferred.fromCoroutine(work), kind).value)

    def remember(self, text: str, **changes: Any) -> Memory:
        kept: Memory = self.done(
            self.memories.remembering.remember(
                text,
                **{"type": "general", "source": "mcp", "project": "p", "session": "s1"} | changes,
            )
        ).memory
        return kept

    def recall(self, text: str, limit: int = 5, **wanted: Any) -> Answer:
        question = Question(text, Filter(now=self.clock.seconds(), **wanted), limit)
        answer: Answer = self.done(self.memories.recalling.recall(question, "s1"))
        return answer

    def recalled(self, text: str, limit: int = 5, **wanted: Any) -> list[str]:
        """The ids of what a recall finds, best first."""
        return [each.memory.id for each in self.recall(text, limit, **wanted).ranked]

    def known(self, id: str) -> Memory:
        """A memory as it is kept now."""
        memory: Memory
        (memory,) = self.done(self.store.get([id]))
        return memory
