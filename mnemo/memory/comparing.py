"""Comparing what was remembered with what is like it, in the background."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mnemo.memory.aside import Aside
from mnemo.memory.courtesy import Turn, at_once
from mnemo.memory.differences import relation
from mnemo.store.background import Background
from mnemo.store.interfaces import IStore
from mnemo.store.records import Likeness, Memory, Relation, Uncompared

BATCH = 4
"""Memories compared by one step."""

NEIGHBOURS = 5
"""How many of the nearest each is compared with."""


@define(eq=False)
class Comparing(Background):
    """
    Links each memory that has its vector with those that say nearly the same.

    What has to be compared is noted in the database, so that it is done after a restart too,
    and again after an amendment; doing it twice comes to the same.
    """

    in_vain: ClassVar = "Memories could not be compared"
    log: ClassVar = Logger()

    _store: IStore
    _clock: IReactorTime
    _aside: Aside
    _turn: Turn = at_once

    def start(self) -> None:
        """Begin with what was left."""
        self._started = True
        self.embedded()

    def embedded(self) -> None:
        """Some memories have their vectors now."""
        self._wake()

    async def _look(self) -> None:
        """Compare until nothing is left. Where that fails, the next vector is the next try."""
        while self._started and (batch := await self._next()):
            await self._compare(batch)

    async def _next(self) -> list[Uncompared]:
        await self._turn()
        return await self._store.uncompared(BATCH, NEIGHBOURS, self._clock.seconds())

    async def _compare(self, batch: Sequence[Uncompared]) -> None:
        made = []
        for each in batch:
            await self._turn()
            made.append(await self._aside(partial(likeness, each)))
        await self._store.settle(made)


def likeness(uncompared: Uncompared) -> Likeness:
    """How a memory relates to those near it. Pure."""
    memory = uncompared.memory
    links: list[tuple[int, Relation, bool]] = []
    for other, cosine in uncompared.near:
        how = relation(memory.text, other.text, cosine)
        if how is not None:
            links.append((other.key, how, newer(memory, other)))
    return Likeness(memory.key, memory.version, tuple(links))


def newer(this: Memory, other: Memory) -> bool:
    """Whether the words of one memory are newer than those of another."""
    return (this.updated, this.key) > (other.updated, other.key)
