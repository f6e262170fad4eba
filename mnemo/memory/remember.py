"""Keeping, amending and forgetting memories."""

from collections.abc import AsyncIterator, Callable, Sequence

from attrs import define, evolve, frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from mnemo.memory.changes import Changes
from mnemo.memory.ids import MEMORY, MakeId
from mnemo.memory.salience import INITIAL, fades
from mnemo.store.interfaces import IStore, UnknownMemory
from mnemo.store.records import Memory, NewMemory, Relation, Type

LONGEST_TEXT = 1 << 20
"""Bytes of UTF-8 that one memory may hold."""

AT_ONCE = 100
"""How many memories of a project are removed by one write."""


class Unfit(ValueError):
    """What was given cannot be kept. Its text is one line that says why."""


@frozen
class Amended:
    """
    What came of an amendment.

    @ivar changed: whether there is a new version
    """

    memory: Memory
    changed: bool


@frozen
class Forgotten:
    """
    What became of the memories that were to be forgotten, restored or removed.

    @ivar done: the ids of those that exist
    @ivar unknown: the ids that no memory has
    """

    done: tuple[str, ...]
    unknown: tuple[str, ...]


@define(eq=False)
class Remembering:
    """
    Writes memories. What a method has answered is durable and found by the next recall.

    @ivar _written: called when a text waits for its vector
    @ivar _salience_lock: held by whoever reads a salience in order to change it
    @ivar _changes: told what has changed
    """

    _store: IStore
    _clock: IReactorTime
    _make_id: MakeId
    _written: Callable[[], None]
    _salience_lock: DeferredLock
    _changes: Changes

    async def remember(
        self,
        text: str,
        *,
        type: Type,
        source: str,
        project: str,
        session: str,
        concepts: Sequence[str] = (),
        links: Sequence[tuple[str, Relation]] = (),
    ) -> Memory:
        """
        Keep C{text} word for word.

        @raise Unfit: it is blank or too long
        @raise UnknownMemory: a link leads to nothing
        """
        check(text)
        now = self._clock.seconds()
        salience = INITIAL[type]
        memory = await self._store.add(
            NewMemory(
                id=self._make_id(MEMORY),
                text=text,
                type=type,
                source=source,
                project=project,
                session=session,
                salience=salience,
                fades=fades(type, salience, now),
                created=now,
                concepts=_distinct(concepts),
                links=tuple(dict.fromkeys(links)),
            )
        )
        self._written()
        self._changes.changed([memory])
        return memory

    async def amend(self, id: str, text: str) -> Amended:
        """
        Replace a text by a new version; the earlier one is kept. The same text changes nothing.

        @raise Unfit: it is blank or too long
        @raise UnknownMemory: there is none with this id
        """
        check(text)
        known = await self._store.get([id])
        if known and known[0].text == text:
            return Amended(known[0], changed=False)
        memory = await self._store.amend(id, text, self._clock.seconds())
        self._written()
        self._changes.changed([memory], listing=False)
        return Amended(await self._renewed(memory), changed=True)

    async def forget(self, ids: Sequence[str]) -> Forgotten:
        """Make memories unsearchable. L{restore} undoes it."""
        return await self._archived(ids, True)

    async def restore(self, ids: Sequence[str]) -> Forgotten:
        """Make forgotten memories searchable again."""
        return await self._archived(ids, False)

    async def purge(self, ids: Sequence[str]) -> Forgotten:
        """Remove memories and all that was made of them, for good."""
        gone = await self._store.get(ids)
        outcome = _outcome(ids, await self._store.purge(ids))
        self._changes.changed(gone)
        return outcome

    async def purge_project(self, project: str) -> AsyncIterator[int]:
        """
        Remove all memories of a project for good, forgotten ones too, and what was asked of it.

        Goes on as far as it is asked to: each number is how many have gone so far. What is
        remembered meanwhile stays.
        """
        ids = await self._store.memory_ids(project)
        await self._store.forget_queries(project)
        for at in range(0, len(ids), AT_ONCE):
            await self.purge(ids[at : at + AT_ONCE])
            yield min(at + AT_ONCE, len(ids))
        self._changes.project_gone(project)

    async def _archived(self, ids: Sequence[str], archived: bool) -> Forgotten:
        outcome = _outcome(ids, await self._store.archive(ids, archived, self._clock.seconds()))
        self._changes.changed(await self._store.get(outcome.done))
        return outcome

    async def _renewed(self, memory: Memory) -> Memory:
        """An amended memory is as young as its newest text: its fading begins anew."""
        async with self._salience_lock:
            for known in await self._store.get([memory.id]):
                until = fades(known.type, known.salience, known.updated)
                if until == known.fades:
                    return known
                await self._store.set_salience({known.id: (known.salience, until)})
                return evolve(known, fades=until)
        raise UnknownMemory(f"memory {memory.id} was removed meanwhile")


def check(text: str) -> None:
    """Raise L{Unfit} for a text that is blank, longer than L{LONGEST_TEXT}, or not text."""
    if not text.strip():
        raise Unfit("the text is blank: there is nothing to remember")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Unfit("the text holds half a surrogate pair, which is no character") from None
    if size > LONGEST_TEXT:
        raise Unfit(
            f"the text has {size:,} bytes; at most {LONGEST_TEXT:,} are accepted: "
            "remember its parts one by one"
        )


def _distinct(concepts: Sequence[str]) -> tuple[str, ...]:
    trimmed = (" ".join(concept.split()) for concept in concepts)
    return tuple(dict.fromkeys(concept for concept in trimmed if concept))


def _outcome(ids: Sequence[str], done: Sequence[str]) -> Forgotten:
    existing = set(done)
    distinct = dict.fromkeys(ids)
    return Forgotten(
        done=tuple(each for each in distinct if each in existing),
        unknown=tuple(each for each in distinct if each not in existing),
    )
