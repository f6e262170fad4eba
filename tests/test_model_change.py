"""The daemon with another embedding model than the last time: two real ones, over restarts."""

import shutil
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import deferLater

from mnemo.config import Config, InferenceConfig
from mnemo.inference.checksums import note
from mnemo.inference.convert import convert
from mnemo.memory.recall import Answer, Question
from mnemo.memory.vector_work import BATCH
from mnemo.service import Daemon
from mnemo.store.interfaces import StoreError
from mnemo.store.search import Filter
from mnemo.store.sqlite.vector_store import VectorStore
from mnemo.store.vectors import Unembedded, Vector
from tests.inference import tiny
from tests.test_service import ServiceTestCase

TEXTS = [f"{letter * 3} sat on {letter * 2}mat" for letter in ascii_lowercase[: BATCH + 4]]

PUT = VectorStore.put_by


class ModelChangeTests(ServiceTestCase):
    """Models C{one} and C{two}, of random weights; all memories have a vector of C{one}."""

    model = "one"

    async def begin(self) -> None:
        """Write the models, and remember by the first of them."""
        self.models = self.home.parent / "models"
        for seed, name in enumerate(("one", "two")):
            source = tiny.write_bert_directory(self.models / name, seed=seed)
            convert(source, self.models / f"{name}.gguf")
            note(self.models / f"{name}.gguf")
        daemon = await self.start()
        for text in TEXTS:
            await daemon.core.memories.remembering.remember(
                text, type="general", source="mcp", project="p", session="s"
            )
        await self.until(lambda: not daemon.core.memories.vectoriser.backlog)
        await daemon.stopService()
        self.model = "two"

    def config(self, port: int = 0) -> Config:
        inference = InferenceConfig(model=self.model, gpu="off", threads=1)
        return evolve(super().config(port), models=self.models, inference=inference)

    async def start(self, batches: int = 99) -> Daemon:
        """
        Start a daemon.

        @param batches: how many of the next model's vectors are made, and not more
        """
        daemon, said = self.make()
        self.made: list[str] = []

        def slow(
            kept: VectorStore,
            model: str,
            dimensions: int,
            made: Sequence[tuple[Unembedded, Vector]],
        ) -> Deferred[int]:
            if len(self.made) >= batches * BATCH:
                return Deferred()
            self.made += [memory.text for memory, _ in made]
            return PUT(kept, model, dimensions, made)

        self.patch(VectorStore, "put_by", slow)
        daemon.startService()
        await said
        return daemon

    async def until(self, done: Any) -> None:
        """Wait until something is so."""
        while not done():
            await deferLater(reactor, 0.01)

    async def recalled(self, daemon: Daemon, text: str) -> Answer:
        now = reactor.seconds()
        question = Question(text, Filter(now=now, project="p"), 3)
        return await daemon.core.memories.recalling.recall(question, "s")

    async def is_found(self, daemon: Daemon, text: str) -> None:
        """By its meaning: the query's vector and that of the memory are of one model."""
        answer = await self.recalled(daemon, text)
        self.assertEqual((answer.ranked[0].memory.text, answer.degraded), (text, ()))
        (vector,) = await daemon.core.models.embedder.embed([text])
        found = await daemon.core.store.search("", vector, answer.question.wanted, 1)
        self.assertEqual(found.candidates[0].memory.text, text)
        self.assertGreater(found.candidates[0].cosine or 0.0, 0.99)

    async def test_the_earlier_model_answers_until_the_other_is_done(self) -> None:
        await self.begin()
        daemon = await self.start(batches=1)
        await self.until(lambda: daemon.core.reembedder.progress[0] == BATCH)
        health = (await self.ask("GET", "/health")).body
        self.assertTrue(health["model"]["name"].startswith("two-"))
        self.assertTrue(health["model"]["meanwhile"].startswith("one-"))
        self.assertEqual(health["vectors"], {"made": BATCH, "of": len(TEXTS)})
        self.assertEqual(health["reasons"], [])
        seen = (await self.ask("GET", "/api/v1/inference")).body["embedding"]
        self.assertEqual((seen["vectors"], seen["memories"]), (BATCH, len(TEXTS)))
        self.assertEqual(seen["meanwhile"], health["model"]["meanwhile"])
        for text in (TEXTS[0], TEXTS[-1]):
            await self.is_found(daemon, text)
        await daemon.stopService()

        daemon = await self.start()
        await self.until(lambda: not daemon.core.reembedder.meanwhile)
        self.assertEqual(self.made, TEXTS[BATCH:])
        health = (await self.ask("GET", "/health")).body
        self.assertEqual(health["model"]["meanwhile"], "")
        self.assertEqual(health["vectors"], {"made": len(TEXTS), "of": len(TEXTS)})
        self.assertEqual(daemon.core.store.model, health["model"]["name"])
        for text in (TEXTS[0], TEXTS[-1]):
            await self.is_found(daemon, text)
        await daemon.stopService()

    async def test_after_a_kill_in_the_middle_it_goes_on_where_it_was(self) -> None:
        await self.begin()
        daemon = await self.start(batches=1)
        await self.until(lambda: daemon.core.reembedder.progress[0] == BATCH)
        # What a process that is killed leaves: its files as they are in that moment.
        left = self.home.with_name("left")
        shutil.copytree(self.home, left)
        await daemon.stopService()
        self.home = left
        daemon = await self.start()
        await self.until(lambda: not daemon.core.reembedder.meanwhile)
        self.assertEqual(self.made, TEXTS[BATCH:])
        await self.is_found(daemon, TEXTS[0])
        await daemon.stopService()

    async def test_while_the_other_model_is_not_there_the_earlier_one_answers(self) -> None:
        await self.begin()
        (self.models / "two.gguf").rename(self.models / "later")
        daemon = await self.start()
        health = (await self.ask("GET", "/health")).body
        self.assertIn("two.gguf", health["reasons"][0])
        await self.is_found(daemon, TEXTS[0])
        self.assertEqual(self.made, [])
        await daemon.stopService()

    async def test_what_keeps_the_other_from_taking_over_is_a_reason(self) -> None:
        await self.begin()
        daemon, said = self.make()
        full = StoreError("the disk is full")
        self.patch(VectorStore, "put_by", lambda *_: fail(full))
        daemon.startService()
        await said
        await self.until(lambda: daemon.core.reembedder.problem)
        health = (await self.ask("GET", "/health")).body
        self.assertEqual((health["status"], health["reasons"]), ("degraded", [str(full)]))
        await self.is_found(daemon, TEXTS[0])
        await daemon.stopService()

    async def test_without_the_earlier_file_words_find_them_until_it_is_done(self) -> None:
        await self.begin()
        (self.models / "one.gguf").unlink()
        daemon = await self.start()
        self.assertEqual((await self.ask("GET", "/health")).body["model"]["meanwhile"], "")
        log = (self.home / "mnemo.log").read_text()
        self.assertIn("found by their words alone until", log)
        await self.until(lambda: not daemon.core.memories.vectoriser.backlog)
        self.assertEqual(self.made, [])
        await self.is_found(daemon, TEXTS[0])
        await daemon.stopService()
        # The self-test looks into the database, and may do so right before the index is told.
        self.flushLoggedErrors(LookupError)
