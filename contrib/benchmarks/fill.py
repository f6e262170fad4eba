"""
Fill a home with memories and vectors, quickly: C{fill.py HOME COUNT}.

The texts go through the store as any other. Their vectors are real ones for the first 300;
the rest are mixtures of two of those with noise, since real ones take the CPU a quarter of an
hour for 100,000 and the search does not care.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import corpus
import numpy as np
from twisted.internet import reactor, task
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from mnemo import config_sources, core
from mnemo.inference.interfaces import Priority
from mnemo.store.interfaces import IStore
from mnemo.store.records import NEVER, NewMemory
from mnemo.store.vectors import Vector

REAL = 300
BATCH = 1_000
SESSION = 20
"""Memories of one session."""


def fill(home: Path, size: int) -> None:
    """Fill C{home} in a process of its own."""
    subprocess.run([sys.executable, __file__, str(home), str(size)], check=True)


def _new(number: int, text: str) -> NewMemory:
    return NewMemory(
        id=f"filled{number}",
        text=text,
        type="general",
        source="bench",
        project="",
        session=f"session{number // SESSION}",
        salience=0.7,
        fades=NEVER,
        created=1.7e9 + number,
    )


def _vectors(real: Vector) -> Iterator[Vector]:
    """The real vectors, then mixtures of them for ever."""
    yield from real
    random = np.random.default_rng(3)
    while True:
        pair = real[random.integers(len(real), size=2)]
        mixed = pair[0] + 0.5 * pair[1] + random.normal(scale=0.02, size=real.shape[1])
        yield (mixed / np.linalg.norm(mixed)).astype(np.float32)


async def _fill(store: IStore, vectors: Iterator[Vector], size: int) -> None:
    texts = enumerate(corpus.memories(size))
    while batch := [_new(number, text) for number, text in islice(texts, BATCH)]:
        await gatherResults([store.add(new) for new in batch])
        waiting = await store.vectors.unembedded(len(batch))
        await store.vectors.put(list(zip(waiting, islice(vectors, len(waiting)), strict=True)))


async def main(clock: object, home: str, count: str) -> None:
    size = int(count)
    settings = config_sources.load({}, {"home": Path(home)}).config
    daemon = core.Core(settings, reactor)
    parts = (daemon.store, daemon.models.thread, daemon.models.engine)
    try:
        for part in parts:
            await maybeDeferred(part.start)
        model = daemon.models.engine.model
        if model is None:
            raise SystemExit(daemon.models.engine.problem)
        await daemon.store.vectors.use_model(model.name, model.dimensions)
        texts = list(corpus.memories(min(size, REAL)))
        real = await daemon.models.engine.embed(texts, Priority.BACKGROUND)
        await _fill(daemon.store, _vectors(real), size)
    finally:
        # Their threads would keep the process.
        for part in reversed(parts):
            await maybeDeferred(part.stop)


if __name__ == "__main__":
    task.react(lambda *given: Deferred.fromCoroutine(main(*given)), sys.argv[1:])
