"""What has happened lately, wherever it was seen."""

from collections.abc import Sequence
from itertools import chain
from typing import Protocol

from attrs import frozen

from mnemo.store.interfaces import IStore
from mnemo.store.search import Filter


@frozen
class Event:
    """
    Something that happened.

    @ivar at: when, seconds since the epoch
    @ivar text: words that tell what it was about
    @ivar concepts: what it was about, where somebody has said or derived that; empty else
    """

    at: float
    text: str
    concepts: tuple[str, ...] = ()


class IActivity(Protocol):
    """Something that sees what happens: memories come, questions are asked, files are saved."""

    async def since(self, moment: float, project: str | None, limit: int) -> Sequence[Event]:
        """
        The newest events at or after C{moment}, newest first.

        @param project: only of this project; C{None} for all
        """


@frozen
class Remembered:
    """What was remembered."""

    _store: IStore

    async def since(self, moment: float, project: str | None, limit: int) -> Sequence[Event]:
        """The newest memories."""
        store = self._store
        wanted = Filter(now=moment, project=project, since=moment)
        memories = await store.newest(wanted, limit)
        derived = await store.jobs.derived([each.id for each in memories])
        concepts = {
            memory: tuple(map(str, each.value))
            for memory, fields in derived.items()
            for each in fields
            if each.name == "concepts" and isinstance(each.value, list)
        }
        return [
            Event(each.created, each.text, each.concepts or concepts.get(each.id, ()))
            for each in memories
        ]


@frozen
class Asked:
    """What was asked of the memory."""

    _store: IStore

    async def since(self, moment: float, project: str | None, limit: int) -> Sequence[Event]:
        """The newest questions."""
        asked = await self._store.queries_since(moment, limit, project)
        return [Event(each.at, each.text) for each in asked]


async def events_since(
    sources: Sequence[IActivity], moment: float, project: str | None, limit: int
) -> list[Event]:
    """The newest events of all who see some, newest first."""
    seen = [await each.since(moment, project, limit) for each in sources]
    return sorted(chain.from_iterable(seen), key=lambda each: -each.at)[:limit]
