"""Taking in what other systems, or another mnemo, have kept."""

from collections.abc import Iterable, Iterator, Sequence, Set
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import DeferredLock

from mnemo.memory.ids import MEMORY
from mnemo.memory.memories import Memories
from mnemo.memory.projects import LONGEST, project_of
from mnemo.memory.remember import Unfit, check
from mnemo.memory.salience import INITIAL, fades
from mnemo.memory.secrets import Hidden, hidden
from mnemo.store.exchange import Imported, ImportedLink, LinkLine, MemoryLine
from mnemo.store.records import Link, Memory, NewMemory, QueryRow
from mnemo.transfer import kinds, lines
from mnemo.transfer.kinds import Found, System
from mnemo.transfer.systems.records import Asked, Bad, Foreign, Record, Unreadable
from mnemo.transfer.thread import InThread, Told

T = TypeVar("T")

AT_ONCE = 100
"""How many records are kept by one write."""


@define
class Outcome:
    """
    What came of an import.

    @ivar added: memories that are new
    @ivar known: memories that were here already
    @ivar links: links that lead from one memory that is here to another
    @ivar recalls: what was asked of memories that are here
    @ivar hidden: secrets and private passages in whose place a mark is kept
    @ivar bad: records that were left out, and why
    """

    system: System
    added: int = 0
    known: int = 0
    links: int = 0
    recalls: int = 0
    hidden: int = 0
    bad: list[Bad] = field(factory=list)


@frozen
class _Prepared:
    """Records made ready on a thread."""

    memories: tuple[Imported, ...]
    links: tuple[ImportedLink, ...]
    recalls: tuple[Asked, ...]
    bad: tuple[Bad, ...]
    hidden: int


@define(eq=False)
class Importing:
    """
    Imports files, one at a time. What was imported once is never imported again, so that what
    was broken off can be begun again.
    """

    _memories: Memories
    _in_thread: InThread
    _lock: DeferredLock = field(factory=DeferredLock, init=False)

    async def take(
        self, path: str, system: System | None, project: str, dry_run: bool, told: Told
    ) -> Outcome:
        """
        Import a file or a folder.

        @param system: where it is from, if that is known
        @param project: of the memories that name none
        @raise Unreadable: there is nothing to import
        """
        place = Path(path).expanduser()
        if not place.is_absolute():
            raise Unreadable(f"{path[:200]!r} is no absolute path")
        async with self._lock:
            found = await self._in_thread(partial(kinds.find, place, system))
            outcome = Outcome(found.system)
            take = self._own if found.system == "mnemo" else self._foreign
            await take(found, project, dry_run, told, outcome)
            return outcome

    # -- other systems

    async def _foreign(
        self, found: Found, project: str, dry_run: bool, told: Told, outcome: Outcome
    ) -> None:
        done = 0
        keys: set[str] = set()
        links: list[ImportedLink] = []
        recalls: list[Asked] = []
        while batch := await self._in_thread(partial(_some, found.records)):
            foreign = [each for each in batch if not isinstance(each, lines.Numbered)]
            prepare = partial(self._prepared, foreign, found.system, project)
            prepared = await self._in_thread(prepare)
            outcome.bad += prepared.bad
            outcome.hidden += prepared.hidden
            keys.update(each.key for each in prepared.memories)
            links += prepared.links
            recalls += prepared.recalls
            await self._keep(prepared.memories, dry_run, outcome)
            done += len(batch)
            told(done, max(found.total, done + 1), f"{outcome.added:,} memories imported")
        # A link may lead to a memory that came later.
        await self._link(list(dict.fromkeys(links)), keys, dry_run, outcome)
        for recall in recalls:
            await self._ask(recall, dry_run, outcome)

    async def _keep(self, batch: Sequence[Imported], dry_run: bool, outcome: Outcome) -> None:
        exchange = self._memories.store.exchange
        if dry_run:
            known = await exchange.imported([each.key for each in batch])
            outcome.known += len(known)
            outcome.added += len(batch) - len(known)
            return
        added = await exchange.add_imports(batch)
        outcome.added += len(added)
        outcome.known += len(batch) - len(added)
        self._announce(added)

    async def _link(
        self, links: Sequence[ImportedLink], keys: Set[str], dry_run: bool, outcome: Outcome
    ) -> None:
        """
        Keep links.

        @param keys: of the memories that come with them
        """
        for at in range(0, len(links), AT_ONCE):
            some = links[at : at + AT_ONCE]
            if dry_run:
                loose = await self._loose(some, keys)
            else:
                loose = await self._memories.store.exchange.link_imports(some)
            outcome.links += len(some) - len(loose)
            outcome.bad += [
                Bad(f"link of {each.source} to {each.target}", "one of them is not there")
                for each in loose
            ]

    async def _loose(self, links: Sequence[ImportedLink], keys: Set[str]) -> list[ImportedLink]:
        """The links of which an end would not be there."""
        ends = {end for each in links for end in (each.source, each.target)}
        there = keys | (await self._memories.store.exchange.imported(list(ends - keys))).keys()
        return [each for each in links if not {each.source, each.target} <= there]

    async def _ask(self, recall: Asked, dry_run: bool, outcome: Outcome) -> None:
        """Keep a recall and how it was judged; its effect on salience came with the memories."""
        store = self._memories.store
        ids = await store.exchange.imported(recall.returned)
        if not ids:
            return
        outcome.recalls += 1
        if dry_run:
            return
        returned = tuple(ids.values())
        store.record_query(
            QueryRow(recall.key, recall.text, "", recall.project, returned, recall.at)
        )
        if recall.quality is not None:
            await store.record_feedback(recall.key, returned, recall.quality, recall.at)

    def _prepared(self, batch: Iterable[Record], system: str, project: str) -> _Prepared:
        memories: list[Imported] = []
        links: list[ImportedLink] = []
        recalls: list[Asked] = []
        bad: list[Bad] = []
        marks = 0
        for record in batch:
            if isinstance(record, ImportedLink):
                links.append(record)
            elif isinstance(record, Bad):
                bad.append(record)
            else:
                try:
                    if isinstance(record, Asked):
                        text, secrets = _fit(record.text)
                        recalls.append(evolve(record, text=text))
                    else:
                        made, secrets = self._imported(record, system, project)
                        memories.append(made)
                    marks += secrets
                except Unfit as unfit:
                    bad.append(Bad(record.key, str(unfit)))
        return _Prepared(tuple(memories), tuple(links), tuple(recalls), tuple(bad), marks)

    def _imported(self, record: Foreign, system: str, project: str) -> tuple[Imported, int]:
        """A memory as it is kept, and how many marks stand in it. Raises L{Unfit}."""
        text, marks = _fit(record.text)
        source, *concepts = (hidden(each) for each in (record.source, *record.concepts))
        marks += sum(map(_marks, (source, *concepts)))
        updated = record.created if record.updated is None else record.updated
        salience = INITIAL[record.type] if record.salience is None else record.salience
        memory = NewMemory(
            id=self._memories.make_id(MEMORY),
            text=text,
            type=record.type,
            source=source.text or system,
            project=_project(record.project) or project,
            session=record.session,
            salience=salience,
            fades=fades(record.type, salience, updated),
            created=record.created,
            concepts=tuple(dict.fromkeys(each.text for each in concepts)),
        )
        for each in (record.key, record.source, record.project, record.session, *record.concepts):
            _check_text(each)
        earlier = []
        for version in record.earlier:
            earlier_text, more = _fit(version.text)
            marks += more
            earlier.append(evolve(version, text=earlier_text))
        return Imported(record.key, memory, updated, record.archived, tuple(earlier)), marks

    # -- mnemo's own

    async def _own(
        self, found: Found, project: str, dry_run: bool, told: Told, outcome: Outcome
    ) -> None:
        done = 0
        while batch := await self._in_thread(partial(_some, found.records)):
            outcome.bad += [each for each in batch if isinstance(each, Bad)]
            numbered = [each for each in batch if isinstance(each, lines.Numbered)]
            memories = [each.line for each in numbered if isinstance(each.line, MemoryLine)]
            if dry_run:
                known = await self._memories.store.get([each.id for each in memories])
                outcome.known += len(known)
                outcome.added += len(memories) - len(known)
                outcome.links += await self._new_links(numbered)
            else:
                carried = await self._memories.store.exchange.carry_in(
                    [each.line for each in numbered]
                )
                outcome.added += len(carried.memories)
                outcome.known += len(memories) - len(carried.memories)
                outcome.links += carried.links
                outcome.bad += [
                    Bad(f"line {numbered[position].number}", why)
                    for position, why in carried.problems.items()
                ]
                self._announce(carried.memories)
            done += len(batch)
            told(done, max(found.total, done + 1), f"{outcome.added:,} memories imported")

    async def _new_links(self, numbered: Sequence[lines.Numbered]) -> int:
        """How many of the links among lines are not there yet."""
        links = [each.line for each in numbered if isinstance(each.line, LinkLine)]
        there = await self._memories.store.links(list({each.source for each in links}))
        return sum(
            Link(each.target, each.relation, True) not in there.get(each.source, ())
            for each in links
        )

    def _announce(self, added: Sequence[Memory]) -> None:
        for _ in added:
            self._memories.vectoriser.written()
        self._memories.changes.changed(added)


def _some(records: Iterator[T]) -> list[T]:
    return list(islice(records, AT_ONCE))


def _fit(text: str) -> tuple[str, int]:
    """A text without its secrets, and how many marks stand for them. Raises L{Unfit}."""
    check(text)
    found = hidden(text)
    if found.empty:
        raise Unfit("it is private as a whole")
    return found.text, _marks(found)


def _marks(found: Hidden) -> int:
    return sum(found.kinds.values()) + found.private


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("it holds bytes that are no UTF-8") from None


def _project(name: str) -> str:
    """The name of a project as mnemo has it. No path of another system is looked up here."""
    return project_of(name.rstrip("/").rpartition("/")[2])[:LONGEST]
