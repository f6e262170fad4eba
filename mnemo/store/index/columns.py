"""The filterable fields of every memory in numpy arrays: a filter costs microseconds."""

from collections.abc import Collection, Iterable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from mnemo.store.records import Filter, Memory

Slots = NDArray[np.intp]

_FIRST_CAPACITY = 1024

NOBODY = -1
"""Where there is no neighbour."""


def passes(memory: Memory, wanted: Filter) -> bool:
    """Whether a filter lets a memory through: the meaning that both search legs keep to."""
    concepts = {concept.casefold() for concept in memory.concepts}
    return (
        (wanted.project is None or memory.project == wanted.project)
        and (not wanted.types or memory.type in wanted.types)
        and (wanted.source is None or memory.source == wanted.source)
        and (wanted.session is None or memory.session == wanted.session)
        and _in_state(memory, wanted)
        and (wanted.since is None or memory.created >= wanted.since)
        and (wanted.until is None or memory.created < wanted.until)
        and memory.salience >= wanted.min_salience
        and (not wanted.concepts or not concepts.isdisjoint(_folded(wanted.concepts)))
        and concepts.isdisjoint(_folded(wanted.exclude_concepts))
    )


def _in_state(memory: Memory, wanted: Filter) -> bool:
    if wanted.state is None:
        return not memory.archived
    return memory.state(wanted.now) == wanted.state


def _folded(concepts: Iterable[str]) -> set[str]:
    return {concept.casefold() for concept in concepts}


class Columns:
    """
    The filterable fields, a slot for each memory.

    C{put} and C{remove} are called on the reactor thread, the rest on any thread, without a
    lock: a slot is filled before it is counted and never used for another memory, arrays grow
    by being replaced, and single elements are written at once. So a reader may see a memory
    that changes right now half changed, but never another one's fields.
    """

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._count = 0
        self._codes: dict[str, int] = {}
        self._carriers: dict[str, set[int]] = {}
        self._concepts: dict[int, frozenset[str]] = {}
        self._rows = _Rows(_FIRST_CAPACITY)
        self._ends: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        """The number of memories."""
        return len(self._slots)

    @property
    def keys(self) -> NDArray[np.int64]:
        """The key in each slot; longer than an earlier L{mask} where memories came since."""
        count = self._count
        return self._rows.key[:count]

    def slot(self, key: int) -> int | None:
        """The slot of a memory; C{None} where it is not known."""
        return self._slots.get(key)

    def slots(self, keys: NDArray[np.int64]) -> Slots:
        """The slot of each of these memories, -1 where it is not known; for very many keys."""
        count = self._count
        known = np.flatnonzero(self._rows.known[:count])
        known = known[np.argsort(self._rows.key[known])]
        if not len(known):
            return np.full(len(keys), -1, dtype=np.intp)
        held = self._rows.key[known]
        at = np.minimum(np.searchsorted(held, keys), len(held) - 1)
        return np.where(held[at] == keys, known[at], -1)

    def put(self, memory: Memory) -> None:
        """Take in a new memory, or the new state of a known one."""
        slot = self._slots.get(memory.key, self._count)
        if slot == len(self._rows.key):
            self._rows = self._rows.grown()
        rows = self._rows
        in_place = self._is_in_place(slot, memory)
        if memory.key in self._slots and not in_place:
            self._leave_session(slot)
        rows.key[slot] = memory.key
        rows.project[slot] = self._code(memory.project)
        rows.type[slot] = self._code(memory.type)
        rows.source[slot] = self._code(memory.source)
        rows.session[slot] = self._code(memory.session)
        rows.salience[slot] = memory.salience
        rows.fades[slot] = memory.fades
        rows.created[slot] = memory.created
        rows.archived[slot] = memory.archived
        rows.known[slot] = True
        self._put_concepts(slot, frozenset(_folded(memory.concepts)))
        if memory.session and not in_place:
            self._join_session(slot)
        self._slots[memory.key] = slot
        self._count = max(self._count, slot + 1)

    def remove(self, key: int) -> None:
        """Drop a memory; an unknown key is passed over."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._rows.known[slot] = False
            self._put_concepts(slot, frozenset())
            self._leave_session(slot)

    def around(self, keys: Sequence[int], wanted: Filter) -> NDArray[np.int64]:
        """
        For each of these memories the keys of the two before it in its session and of the two
        behind it: a row of four, in order of time.

        L{NOBODY} stands where the session begins or ends, and for one that does not pass the
        filter. Memories without a session have no neighbours.
        """
        slots = self._slots_of(keys)
        rows = self._rows
        before, behind = _step(rows.before, slots), _step(rows.behind, slots)
        beside = np.stack(
            (_step(rows.before, before), before, behind, _step(rows.behind, behind)), axis=1
        )
        there = beside >= 0
        there[there] = self._passing(wanted, beside[there])
        return np.where(there, rows.key[beside], NOBODY)

    def sessions(self, keys: Sequence[int]) -> list[int]:
        """For each memory a number that is its session's alone; L{NOBODY} where it has none."""
        slots = self._slots_of(keys)
        sessions = self._rows.session[slots]
        alone = (slots < 0) | (sessions == self._codes.get("", NOBODY))
        found: list[int] = np.where(alone, NOBODY, sessions).tolist()
        return found

    def mask(self, wanted: Filter) -> NDArray[np.bool_]:
        """For each slot, whether its memory passes the filter."""
        return self._passing(wanted, None)

    def matching(self, wanted: Filter, keys: Collection[int]) -> set[int]:
        """Those of C{keys} that are known and pass the filter."""
        slots = [(key, slot) for key in keys if (slot := self._slots.get(key)) is not None]
        passing = self._passing(wanted, np.array([slot for _, slot in slots], dtype=np.intp))
        return {key for (key, _), passed in zip(slots, passing, strict=True) if passed}

    def matches(self, wanted: Filter, key: int) -> bool:
        """Whether this memory is known and passes the filter."""
        return bool(self.matching(wanted, (key,)))

    def _slots_of(self, keys: Sequence[int]) -> Slots:
        """The slot of each of a few memories, L{NOBODY} where it is not known."""
        return np.fromiter(map(self._slots.get, keys, repeat(NOBODY)), np.intp, len(keys))

    def _passing(self, wanted: Filter, slots: Slots | None) -> NDArray[np.bool_]:
        """For each of C{slots}, or for all there are, whether its memory passes."""
        count = self._count
        at = slice(count) if slots is None else slots
        rows = self._rows
        passed = rows.known[at].copy()
        for column, value in (
            (rows.project, wanted.project),
            (rows.source, wanted.source),
            (rows.session, wanted.session),
        ):
            if value is not None:
                passed &= column[at] == self._codes.get(value, -1)
        if wanted.types:
            passed &= np.isin(rows.type[at], [self._codes.get(name, -1) for name in wanted.types])
        if wanted.state == "archived":
            passed &= rows.archived[at]
        else:
            passed &= ~rows.archived[at]
        if wanted.state == "active":
            passed &= rows.fades[at] > wanted.now
        elif wanted.state == "fading":
            passed &= rows.fades[at] <= wanted.now
        if wanted.since is not None:
            passed &= rows.created[at] >= wanted.since
        if wanted.until is not None:
            passed &= rows.created[at] < wanted.until
        passed &= rows.salience[at] >= wanted.min_salience
        if wanted.concepts:
            passed &= self._carrying(wanted.concepts, len(rows.key))[at]
        if wanted.exclude_concepts:
            passed &= ~self._carrying(wanted.exclude_concepts, len(rows.key))[at]
        return passed

    def _carrying(self, concepts: Iterable[str], count: int) -> NDArray[np.bool_]:
        """For each slot, whether its memory carries any of the concepts."""
        carrying = np.zeros(count, dtype=np.bool_)
        for concept in _folded(concepts):
            # A copy of a set of integers is made at once, whatever other threads do.
            carriers = self._carriers.get(concept, set()).copy()
            slots = np.fromiter(carriers, dtype=np.intp, count=len(carriers))
            carrying[slots[slots < count]] = True
        return carrying

    def _is_in_place(self, slot: int, memory: Memory) -> bool:
        """Whether a memory is known with the session and the time that it has now."""
        rows = self._rows
        return (
            memory.key in self._slots
            and rows.session[slot] == self._code(memory.session)
            and rows.created[slot] == memory.created
        )

    def _join_session(self, slot: int) -> None:
        """
        Put a slot into the order of its session: by time, and what came later behind.

        Most come last, or first where a past is read backwards, and are placed at once.
        """
        rows = self._rows
        session = int(rows.session[slot])
        first, last = self._ends.get(session, (NOBODY, NOBODY))
        before, behind = last, NOBODY
        if first >= 0 and self._is_earlier(slot, first):
            before, behind = NOBODY, first
        while before >= 0 and self._is_earlier(slot, before):
            before, behind = int(rows.before[before]), before
        rows.before[slot], rows.behind[slot] = before, behind
        self._link(session, before, slot)
        self._link(session, slot, behind)

    def _leave_session(self, slot: int) -> None:
        rows = self._rows
        before, behind = int(rows.before[slot]), int(rows.behind[slot])
        session = int(rows.session[slot])
        if before >= 0 or behind >= 0:
            self._link(session, before, behind)
        elif self._ends.get(session) == (slot, slot):
            del self._ends[session]
        rows.before[slot] = rows.behind[slot] = NOBODY

    def _link(self, session: int, before: int, behind: int) -> None:
        """Make two slots of a session follow each other; L{NOBODY} stands for either end."""
        rows = self._rows
        first, last = self._ends.get(session, (NOBODY, NOBODY))
        if before >= 0:
            rows.behind[before] = behind
        else:
            first = behind
        if behind >= 0:
            rows.before[behind] = before
        else:
            last = before
        self._ends[session] = (first, last)

    def _is_earlier(self, slot: int, other: int) -> bool:
        rows = self._rows
        return bool((rows.created[slot], rows.key[slot]) < (rows.created[other], rows.key[other]))

    def _put_concepts(self, slot: int, concepts: frozenset[str]) -> None:
        before = self._concepts.pop(slot, frozenset())
        for concept in before - concepts:
            self._carriers[concept].discard(slot)
            if not self._carriers[concept]:
                del self._carriers[concept]
        for concept in concepts - before:
            self._carriers.setdefault(concept, set()).add(slot)
        if concepts:
            self._concepts[slot] = concepts

    def _code(self, value: str) -> int:
        """The number that stands for a string."""
        return self._codes.setdefault(value, len(self._codes))


def _step(beside: NDArray[np.int32], slots: Slots) -> Slots:
    """The slots beside these, on one side; L{NOBODY} beside nobody."""
    return np.where(slots >= 0, beside[slots], NOBODY).astype(np.intp)


class _Rows:
    """The columns themselves, all of one length."""

    def __init__(self, capacity: int) -> None:
        self.known = np.zeros(capacity, dtype=np.bool_)
        self.archived = np.zeros(capacity, dtype=np.bool_)
        self.key = np.zeros(capacity, dtype=np.int64)
        self.project = np.zeros(capacity, dtype=np.int32)
        self.type = np.zeros(capacity, dtype=np.int32)
        self.source = np.zeros(capacity, dtype=np.int32)
        self.session = np.zeros(capacity, dtype=np.int32)
        self.salience = np.zeros(capacity, dtype=np.float64)
        self.fades = np.zeros(capacity, dtype=np.float64)
        self.created = np.zeros(capacity, dtype=np.float64)
        # The slots beside each in its session.
        self.before = np.full(capacity, NOBODY, dtype=np.int32)
        self.behind = np.full(capacity, NOBODY, dtype=np.int32)

    def grown(self) -> "_Rows":
        """The same rows in arrays of twice the length."""
        larger = _Rows(2 * len(self.key))
        for name, column in vars(self).items():
            getattr(larger, name)[: len(column)] = column
        return larger
