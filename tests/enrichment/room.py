"""A real store and what derives from it, without threads, for tests that need all of it."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred

from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.extractive import extract
from mnemo.enrichment.jobs import LOOK, REST, Enricher
from mnemo.inference.generation import IGenerator
from mnemo.inference.none import NoGenerator
from mnemo.store.jobs import DerivedField, JobCounts
from tests.memory.room import MemoryTestCase

T = TypeVar("T")

LEASES = count(1)


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """The caller's own thread."""
    return maybeDeferred(work)


def faithful(text: str, **changes: Any) -> str:
    """What a good model says of C{text}, as JSON."""
    said = as_json(extract(text)) | {"narrative": "", "outcome": "unknown"} | changes
    return msgspec.json.encode(msgspec.convert(said, Encoding)).decode()


class EnrichmentTestCase(MemoryTestCase):
    """Memories, and a way to derive from them."""

    def enricher(
        self, generator: IGenerator | None = None, language_model: str = "", start: bool = True
    ) -> Enricher:
        enricher = Enricher(
            self.store,
            self.embedder,
            generator or NoGenerator(),
            self.clock,
            at_once,
            lambda: f"lease {next(LEASES)}",
            language_model,
        )
        if start:
            enricher.start()
            self.addCleanup(lambda: self.done(enricher.stop()))
        return enricher

    def look(self) -> None:
        """Let it look once, and do all that is due."""
        self.clock.advance(LOOK)
        for _ in range(30):
            self.clock.advance(REST)

    def derived(self, id: str) -> dict[str, DerivedField]:
        found: dict[str, tuple[DerivedField, ...]] = self.done(self.store.jobs.derived([id]))
        return {each.name: each for each in found.get(id, ())}

    def counts(self) -> JobCounts:
        counts: JobCounts = self.done(self.store.jobs.counts())
        return counts
