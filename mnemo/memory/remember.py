"""Keeping, amending and forgetting memories."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from attrs import define, evolve, frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from mnemo.memory.aside import Aside
from mnemo.memory.changes import Changes
from mnemo.memory.courtesy import Courtesy
from mnemo.memory.ids import MEMORY, MakeId
from mnemo.memory.salience import INITIAL, fades, still_fades
from mnemo.memory.secrets import Hidden, hidden
from mnemo.store.interfaces import IStore, UnknownMemory
from mnemo.store.records import NEVER, Memory, NewMemory, Relation, Type

LONGEST_TEXT = 1 << 20
"""Bytes of UTF-8 that one memory may hold."""

SHORT = 8_000
"""Characters of a text that is looked through within some milliseconds."""

AT_ONCE = 100
"""How many memories of a project are removed by one write."""


class Unfit(ValueError):
    """What was given cannot be kept. Its text is one line that says why."""


@frozen
class Remembered:
    """
    What came of a text that was to be kept.

    @ivar hidden: the text that was kept, and what was taken out of it, its source and its concepts
    @ivar duplicate: whether that text was there already
    """

    memory: Memory
    hidden: Hidden
    duplicate: bool


@frozen
class Amended:
    """
    What came of an amendment.

    @ivar hidden: the new text, and what was taken out of it
    @ivar changed: whether there is a new version
    """

    memory: Memory
    hidden: Hidden
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
    @ivar _aside: looks through long texts
    @ivar _courtesy: told that somebody waits
    """

    _store: IStore
    _clock: IReactorTime
    _make_id: MakeId
    _written: Callable[[], None]
    _salience_lock: DeferredLock
    _changes: Changes
    _aside: Aside
    _courtesy: Courtesy

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
        supersedes: str = "",
    ) -> Remembered:
        """
        Keep C{text} word for word, but for its secrets. What the project has already in the same
        words is kept once.

        @param supersedes: the id of a memory that this one replaces, and that is forgotten
        @raise Unfit: it is blank, too long, or all of it is private
        @raise UnknownMemory: a link leads to nothing, or nothing has that id
        """
        safe = await self._safe(text)
        origin = hidden(source)
        words = [hidden(each) for each in concepts]
        now = self._clock.seconds()
        salience = INITIAL[type]
        new = NewMemory(
            id=self._make_id(MEMORY),
            text=safe.text,
            type=type,
            source=origin.text,
            project=project,
            session=session,
            salience=salience,
            fades=fades(type, salience, now),
            created=now,
            concepts=_distinct(each.text for each in words),
            links=tuple(dict.fromkeys(links)),
        )
        with self._courtesy.call():
            kept = await self._store.keep(new, supersedes)
        if not kept.duplicate:
            self._written()
        self._changes.changed([kept.memory])
        if supersedes:
            self._changes.changed(await self._store.get([supersedes]))
        return Remembered(kept.memory, safe.counting([origin, *words]), kept.duplicate)

    async def amend(self, id: str, text: str) -> Amended:
        """
        Replace a text by a new version; the earlier one is kept. The same text changes nothing.

        @raise Unfit: it is blank, too long, or all of it is private
        @raise UnknownMemory: there is none with this id
        """
        safe = await self._safe(text)
        known = await self._store.get([id])
        if known and known[0].text == safe.text:
            return Amended(known[0], safe, changed=False)
        with self._courtesy.call():
            memory = await self._store.amend(id, safe.text, self._clock.seconds())
        self._written()
        self._changes.changed([memory], listing=False)
        return Amended(await self._renewed(memory), safe, changed=True)

    async def pin(self, id: str, pinned: bool) -> Memory:
        """
        Let a memory never fade, or fade again from when it was last amended.

        @raise UnknownMemory: there is none with this id
        """
        async with self._salience_lock:
            for known in await self._store.get([id]):
                until = NEVER if pinned else fades(known.type, known.salience, known.updated)
                if until != known.fades:
                    await self._store.set_salience({id: (known.salience, until)})
                    self._changes.changed([known], listing=False)
                return evolve(known, fades=until)
        raise UnknownMemory(f"there is no memory with the id {id!r}")

    async def link(self, source: str, target: str, relation: Relation) -> None:
        """
        Relate a memory to another.

        @raise Unfit: both are the same
        @raise UnknownMemory: one of them is not there
        """
        if source == target:
            raise Unfit("a memory is not related to itself: give two ids")
        await self._store.link(source, target, relation)
        self._changes.changed(await self._store.get([source, target]), listing=False)

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

    async def _safe(self, text: str) -> Hidden:
        """C{text} as it may be stored. Raises L{Unfit}."""
        check(text)
        safe = hidden(text) if len(text) <= SHORT else await self._aside(lambda: hidden(text))
        if safe.empty:
            raise Unfit("all of the text is private: nothing is left to remember")
        return safe

    async def _archived(self, ids: Sequence[str], archived: bool) -> Forgotten:
        outcome = _outcome(ids, await self._store.archive(ids, archived, self._clock.seconds()))
        self._changes.changed(await self._store.get(outcome.done))
        return outcome

    async def _renewed(self, memory: Memory) -> Memory:
        """An amended memory is as young as its newest text: its fading begins anew."""
        async with self._salience_lock:
            for known in await self._store.get([memory.id]):
                until = still_fades(known, known.salience, known.updated)
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


def _distinct(concepts: Iterable[str]) -> tuple[str, ...]:
    trimmed = (" ".join(concept.split()) for concept in concepts)
    return tuple(dict.fromkeys(concept for concept in trimmed if concept))


def _outcome(ids: Sequence[str], done: Sequence[str]) -> Forgotten:
    existing = set(done)
    distinct = dict.fromkeys(ids)
    return Forgotten(
        done=tuple(each for each in distinct if each in existing),
        unknown=tuple(each for each in distinct if each not in existing),
    )
