"""
What is forgotten for good is gone from the whole home of a daemon: a real store, real threads,
the chattiest log, vectors with a graph on disk.
"""

import sqlite3
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from mnemo import core, models
from mnemo.config import Config, LogConfig
from mnemo.enrichment import jobs
from mnemo.service import Daemon
from mnemo.sessions.interfaces import Opening, Session
from mnemo.store.index.analyser import terms
from mnemo.store.sqlite.store import SqliteStore
from mnemo.tools.interfaces import CallContext
from tests.inference.fakes import ScriptedBackend
from tests.test_service import ServiceTestCase
from tests.tools.room import AskedClient

WORDS = ("zweibrücken", "saarbrücken", "völklingen", "xylophon", "quagmire")
TEXTS = (
    "The zweibrücken daemon of Zebulon Quagmire listens on port 4711 and never on 4712.",
    "The saarbrücken daemon of Zebulon Quagmire listens on port 4713.",
    "völklingen " * 400 + "has the xylophon in /vault/xylophon.md since v77.31.",
)


def _content(path: Path) -> bytes:
    """What a file holds; nothing where it has gone meanwhile."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


class Removal(ServiceTestCase):
    timeout = 60

    def setUp(self) -> None:
        super().setUp()
        self.patch(models, "load_model", lambda *_: ScriptedBackend())
        self.patch(core, "SqliteStore", partial(SqliteStore, exact_limit=4))
        self.patch(jobs, "LOOK", 0.05)

    def config(self, port: int = 0) -> Config:
        return evolve(super().config(port), log=LogConfig(level="debug"))

    async def call(self, daemon: Daemon, name: str, **arguments: Any) -> Mapping[str, Any]:
        """The structured content of a call by somebody who agrees to everything."""
        (tool,) = (each for each in daemon.core.tools if each.description.name == name)
        opening = Opening("2025-11-25", "agent", "1", "local", "pond")
        session = Session("s1", "mcp", opening, "pond", 0.0, 0.0)
        context = CallContext(session, client=AskedClient({"remove": True}))
        result = await tool.call(arguments, context)
        self.assertFalse(result.is_error, result.content)
        assert result.structured is not None
        return result.structured

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until C{what} says so; the test has a time limit."""
        while not what():
            await deferLater(reactor, 0.05, lambda: None)

    async def settled(self, daemon: Daemon) -> None:
        """Wait until all that is made in the background is made."""
        store = daemon.core.store
        while (await store.statistics(0.0)).unembedded or (await store.jobs.counts()).waiting:
            await deferLater(reactor, 0.05, lambda: None)

    def vectors(self, ids: list[str]) -> list[bytes]:
        """The vectors of memories as they lie in the database, in both widths."""
        with sqlite3.connect(self.home / "memory.sqlite3") as db:
            rows = db.execute(
                "SELECT vector FROM vectors JOIN memories ON key = memory"
                f" WHERE id IN ({','.join('?' for _ in ids)})",
                ids,
            ).fetchall()
        db.close()
        self.assertEqual(len(rows), len(ids))
        half = [np.frombuffer(row[0], np.float16) for row in rows]
        return [row[0] for row in rows] + [each.astype(np.float32).tobytes() for each in half]

    def holding(self, traces: list[bytes]) -> list[str]:
        """The files of the home that hold one of these."""
        return [
            str(path.relative_to(self.home))
            for path in sorted(self.home.rglob("*"))
            if path.is_file() and any(each in _content(path) for each in traces)
        ]

    def indexed(self) -> set[bytes]:
        """What the files of both indexes hold of memories."""
        paths = [*self.home.glob("index/text/*.term"), *self.home.glob("index/vectors/*.usearch")]
        return {_content(path) for path in paths}

    async def test_no_byte_of_it_is_left_in_any_file_of_the_home(self) -> None:
        daemon = await self.start()
        ready: Deferred[None] = Deferred()
        daemon.core.models.engine.on_ready(lambda: ready.callback(None))
        await ready
        others = [
            (await self.call(daemon, "remember", text=f"the heron number {each} " * (each + 1)))[
                "id"
            ]
            for each in range(20)
        ]
        ids = [
            (await self.call(daemon, "remember", text=text, concepts=["xylophon"]))["id"]
            for text in TEXTS
        ]
        await self.settled(daemon)
        found = await self.call(daemon, "recall", query="zweibrücken daemon port", explain=True)
        self.assertIn(ids[0], [each["id"] for each in found["memories"]])
        await self.call(daemon, "feedback", query_id=found["query_id"], quality="helpful")
        await self.call(
            daemon,
            "feedback",
            query=TEXTS[0],
            quality="irrelevant",
            memory_ids=[*ids[:1], others[0]],
        )
        await self.call(daemon, "amend", memory_id=ids[0], corrected_content=TEXTS[0] + " Quagmire")
        await self.call(daemon, "forget", memory_id=ids[1])
        await self.call(daemon, "train_model")
        await self.settled(daemon)
        traces = self.vectors(ids)
        traces += [each.encode() for word in WORDS for each in (word, word.title(), *terms(word))]
        self.assertIn("memory.sqlite3-wal", self.holding(traces))
        await self.until(lambda: bool(list(self.home.glob("index/vectors/*.usearch"))))
        await self.until(lambda: bool(list(self.home.glob("index/text/*.term"))))
        before = self.indexed()

        await self.call(daemon, "forget", memory_ids=ids, hard=True)
        # The indexes do not hold words as such: of what they were no file is left.
        await self.until(lambda: not self.holding(traces) and not before & self.indexed())
        await daemon.stopService()
        self.assertEqual(self.holding(traces), [])
        # And it would have been found: what was not removed is.
        self.assertIn("memory.sqlite3", self.holding([b"heron"]))
