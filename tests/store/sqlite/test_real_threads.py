"""The same store on real threads: nothing here depends on who comes first."""

import threading
from pathlib import Path
from typing import Any, cast

from numpy.random import default_rng
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.store import SqliteStore
from mnemo.store.vectors import Unembedded, Vector
from tests.store.sqlite.samples import ALL, DIMENSIONS, NOW, direction, new, word


class RealThreads(TestCase):
    def setUp(self) -> None:
        self.before = set(threading.enumerate())
        self.directory = Path(self.mktemp())
        self.store = SqliteStore(self.directory, cast(Any, reactor))

        self.addCleanup(lambda: self.store.stop())

    def threads(self) -> set[threading.Thread]:
        return set(threading.enumerate()) - self.before

    async def found(self, text: str, vector: Vector | None = None) -> set[str]:
        answer = await self.store.search(text, vector, ALL, 10)
        self.assertEqual(answer.problems, ())
        return {each.memory.id for each in answer.candidates}

    def test_a_store_that_was_not_started_has_no_threads(self) -> None:
        self.assertEqual(self.threads(), set())

    async def test_its_threads_end_with_it(self) -> None:
        await self.store.start()
        await self.store.add(new("a"))
        self.assertTrue(self.threads())
        await self.store.stop()
        self.assertEqual(self.threads(), set())

    async def test_a_start_that_fails_leaves_no_thread(self) -> None:
        self.directory.mkdir()
        (self.directory / "memory.sqlite3").write_bytes(b"nonsense" * 1_000)
        with self.assertRaises(StoreError):
            await self.store.start()
        self.assertEqual(self.threads(), set())

    async def test_many_who_write_at_once_each_find_what_they_wrote(self) -> None:
        await self.store.start()
        await self.store.vectors.use_model("m", DIMENSIONS)

        async def remember(number: int) -> None:
            one, said = f"m{number}", word(number)
            kept = await self.store.add(new(one, f"the {said} of many"))
            self.assertEqual(await self.found(said), {one})
            vector = direction(*default_rng(number).normal(size=DIMENSIONS - 1))
            await self.store.vectors.put([(Unembedded(kept.key, 1, kept.text), vector)])
            self.assertIn(one, await self.found("", vector))
            if number % 3 == 0:
                await self.store.amend(one, f"now {word(100 + number)}", NOW)
                self.assertEqual(await self.found(said), set())
            if number % 3 == 1:
                await self.store.purge([one])
                self.assertEqual(await self.found(said), set())

        await gatherResults(Deferred.fromCoroutine(remember(number)) for number in range(60))
        await self.store.stop()
        self.store = SqliteStore(self.directory, cast(Any, reactor))
        await self.store.start()
        counts = await self.store.statistics(NOW)
        self.assertEqual((counts.active, counts.unembedded), (40, 20))
        self.assertEqual(await self.found(word(103)), {"m3"})
        self.assertEqual(await self.found(word(4)), set())
        self.assertEqual(await self.store.self_test(NOW), {"text": "", "vector": ""})

    async def test_it_stops_while_much_is_asked_of_it(self) -> None:
        await self.store.start()
        asked: list[Deferred[Any]] = [
            self.store.add(new(f"m{number}", "walrus")) for number in range(50)
        ]
        asked += [self.store.search("walrus", None, ALL, 5) for _ in range(20)]
        await self.store.stop()
        self.assertEqual(self.threads(), set())
        for each in asked:
            self.successResultOf(each)
