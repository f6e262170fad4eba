"""The filterable fields of every memory in numpy arrays: a filter costs microseconds."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mnemo.store.records import Memory
from mnemo.store.search import Filter

Slots = NDArray[np.intp]

_FIRST_CAPACITY = 1024

Row = tuple[int, str, str, str, str, float, float, float, bool, Sequence[str]]
"""Of a memory the key, project, type, source, session, salience, fades, created, archived, and
concepts."""

NOBODY = -1
"""Where there is no neighbour."""


def passes(memory: Memory, wanted: Filter) -> bool:
    """Whether a filter lets a memory through: the meaning that both search legs keep to."""
    return (
        _in_state(memory, wanted)
        and memory.salience >= wanted.min_salience
        and (wanted.project is None or memory.project == wanted.project)
        and (not wanted.types or memory.type in wanted.types)
        and (wanted.source is None or memory.source == wanted.source)
        and (wanted.session is None or memory.session == wanted.session)
        and (wanted.since is None or memory.created >= wanted.since)
        and (wanted.until is None or memory.created < wanted.until)
        and (not wanted.concepts or _carries(memory, wanted.concepts))
        and not (wanted.exclude_concepts and _carries(memory, wanted.exclude_concepts))
    )


def _carries(memory: Memory, concepts: Iterable[str]) -> bool:
    return not _folded(memory.concepts).isdisjoint(_folded(concepts))


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
        # What has changed while all are read, which is not to be undone by that.
        self._meanwhile: dict[int, Memory | None] | None = None
        self._count = 0
        self._known = 0
        # Keys come in order, so that a slot is found by halving. These did not.
        self._late: dict[int, int] = {}
        self._codes: dict[str, int] = {}
        self._carriers: dict[str, set[int]] = {}
        self._concepts: dict[int, frozenset[str]] = {}
        self._rows = _Rows(_FIRST_CAPACITY)
        self._ends: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        """The number of memories."""
        return self._known

    @property
    def keys(self) -> NDArray[np.int64]:
        """The key in each slot; longer than an earlier L{mask} where memories came since."""
        count = self._count
        return self._rows.key[:count]

    def slot(self, key: int) -> int | None:
        """The slot of a memory; C{None} where it is not known."""
        slot = self._place(key)
        return slot if slot >= 0 and self._rows.known[slot] else None

    def slots(self, keys: Sequence[int] | NDArray[np.int64]) -> Slots:
        """The slot of each of these memories, L{NOBODY} where it is not known."""
        count, rows = self._count, self._rows
        asked = np.asarray(keys, dtype=np.int64)
        if not count or not len(asked):
            return np.full(len(asked), NOBODY, dtype=np.intp)
        found = np.minimum(np.searchsorted(rows.order[:count], asked), count - 1)
        found[rows.key[found] != asked] = NOBODY
        if self._late:
            for at in np.flatnonzero(found < 0).tolist():
                found[at] = self._late.get(int(asked[at]), NOBODY)
        found[~rows.known[found]] = NOBODY
        return found

    @classmethod
    def of(cls, first: Memory, pieces: Iterable[Sequence[Row]]) -> "Columns":
        """The columns of C{first} and of all in C{pieces}, which come in order of their keys."""
        columns = cls()
        columns.put(first)
        for piece in pieces:
            columns._append(piece)
        columns._join_sessions()
        return columns

    def await_all(self) -> None:
        """Note what changes from now on, until L{adopt}."""
        self._meanwhile = {}

    def adopt(self, others: "Columns") -> None:
        """Be as C{others} are, which were read since L{await_all}, but for what changed since."""
        meanwhile = self._meanwhile or {}
        vars(self).update(vars(others))
        for key, memory in meanwhile.items():
            if memory is None:
                self.remove(key)
            else:
                self.put(memory)

    def put(self, memory: Memory) -> None:
        """Take in a new memory, or the new state of a known one."""
        if self._meanwhile is not None:
            self._meanwhile[memory.key] = memory
        slot = self._place(memory.key)
        if slot < 0:
            slot = self._make_place(memory.key)
        rows = self._rows
        in_place = self._is_in_place(slot, memory)
        if rows.known[slot] and not in_place:
            self._leave_session(slot)
        self._known += not rows.known[slot]
        rows.project[slot] = self._code(memory.project)
        rows.type[slot] = self._code(memory.type)
        rows.source[slot] = self._code(memory.source)
        rows.session[slot] = self._code(memory.session)
        rows.salience[slot] = memory.salience
        rows.fades[slot] = memory.fades
        rows.created[slot] = memory.created
        rows.archived[slot] = memory.archived
        rows.known[slot] = True
        rows.usual[slot] = not memory.archived and memory.salience >= 0.0
        self._put_concepts(slot, frozenset(_folded(memory.concepts)))
        if memory.session and not in_place:
            self._join_session(slot)
        self._count = max(self._count, slot + 1)

    def remove(self, key: int) -> None:
        """Drop a memory; an unknown key is passed over."""
        if self._meanwhile is not None:
            self._meanwhile[key] = None
        slot = self.slot(key)
        if slot is not None:
            self._known -= 1
            self._rows.known[slot] = self._rows.usual[slot] = False
            self._put_concepts(slot, frozenset())
            self._leave_session(slot)

    def around(self, keys: Sequence[int], wanted: Filter) -> NDArray[np.int64]:
        """
        For each of these memories the keys of the two before it in its session and of the two
        behind it: a row of four, in order of time.

        L{NOBODY} stands where the session begins or ends, and for one that does not pass the
        filter. Memories without a session have no neighbours.
        """
        slots = self.slots(keys)
        rows = self._rows
        before, behind = _step(rows.before, slots), _step(rows.behind, slots)
        beside = np.stack(
            (_step(rows.before, before), before, behind, _step(rows.behind, behind)), axis=1
        )
        there = beside >= 0
        there[there] = self._passing(wanted, beside[there])
        return np.where(there, rows.key[beside], NOBODY)

    def sessions(self, keys: Sequence[int]) -> NDArray[np.int64]:
        """For each memory a number that is its session's alone; L{NOBODY} where it has none."""
        slots = self.slots(keys)
        sessions = self._rows.session[slots]
        alone = (slots < 0) | (sessions == self._codes.get("", NOBODY))
        return np.where(alone, NOBODY, sessions).astype(np.int64)

    def mask(self, wanted: Filter) -> NDArray[np.bool_]:
        """For each slot, whether its memory passes the filter."""
        return self._passing(wanted, None)

    def matching(self, wanted: Filter, keys: Collection[int]) -> set[int]:
        """Those of C{keys} that are known and pass the filter."""
        asked = np.fromiter(keys, np.int64, len(keys))
        slots = self.slots(asked)
        known = slots >= 0
        return set(asked[known][self._passing(wanted, slots[known])].tolist())

    def matches(self, wanted: Filter, key: int) -> bool:
        """Whether this memory is known and passes the filter."""
        return bool(self.matching(wanted, (key,)))

    def _place(self, key: int) -> int:
        """The slot that a memory has, or had; L{NOBODY} where there is none."""
        rows = self._rows
        slot = int(rows.order[: self._count].searchsorted(key))
        if slot < self._count and rows.key[slot] == key:
            return slot
        return self._late.get(key, NOBODY)

    def _make_place(self, key: int) -> int:
        """A new slot, which is not counted yet."""
        slot = self._count
        if slot == len(self._rows.key):
            self._rows = self._rows.grown()
        rows = self._rows
        rows.key[slot] = rows.order[slot] = key
        if slot and rows.order[slot - 1] > key:
            rows.order[slot] = rows.order[slot - 1]
            self._late[key] = slot
        return slot

    def _passing(self, wanted: Filter, slots: Slots | None) -> NDArray[np.bool_]:
        """For each of C{slots}, or for all there are, whether its memory passes."""
        count = self._count
        at = slice(count) if slots is None else slots
        rows = self._rows
        is_archived = wanted.state == "archived"
        if is_archived or wanted.min_salience:
            passed: NDArray[np.bool_] = rows.known[at] & (rows.archived[at] == is_archived)
            passed &= rows.salience[at] >= wanted.min_salience
        else:
            passed = rows.usual[at].copy()
        for column, value in (
            (rows.project, wanted.project),
            (rows.source, wanted.source),
            (rows.session, wanted.session),
        ):
            if value is not None:
                passed &= column[at] == self._codes.get(value, -1)
        if wanted.types:
            passed &= np.isin(rows.type[at], [self._codes.get(name, -1) for name in wanted.types])
        if wanted.state == "active":
            passed &= rows.fades[at] > wanted.now
        elif wanted.state == "fading":
            passed &= rows.fades[at] <= wanted.now
        if wanted.since is not None:
            passed &= rows.created[at] >= wanted.since
        if wanted.until is not None:
            passed &= rows.created[at] < wanted.until
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

    def _append(self, piece: Sequence[Row]) -> None:
        """Take in new memories, but for their places in their sessions."""
        if not piece:
            return
        start, end = self._count, self._count + len(piece)
        while end > len(self._rows.key):
            self._rows = self._rows.grown()
        rows, code = self._rows, self._code
        keys, projects, types, sources, sessions, salience, fades, created, archived, concepts = (
            zip(*piece, strict=True)
        )
        here = slice(start, end)
        rows.key[here] = rows.order[here] = keys
        rows.project[here] = list(map(code, projects))
        rows.type[here] = list(map(code, types))
        rows.source[here] = list(map(code, sources))
        rows.session[here] = list(map(code, sessions))
        rows.salience[here] = salience
        rows.fades[here] = fades
        rows.created[here] = created
        rows.archived[here] = archived
        rows.known[here] = True
        rows.usual[here] = ~rows.archived[here] & (rows.salience[here] >= 0.0)
        for slot, carried in enumerate(concepts, start):
            if carried:
                self._put_concepts(slot, frozenset(_folded(carried)))
        self._count = end
        self._known += len(piece)

    def _join_sessions(self) -> None:
        """Put all into the order of their sessions."""
        rows, count = self._rows, self._count
        sessions, created, keys = rows.session[:count], rows.created[:count], rows.key[:count]
        order = np.lexsort((keys, created, sessions)).astype(np.int32)
        order = order[sessions[order] != self._code("")]
        if not len(order):
            return
        of = sessions[order]
        together = of[1:] == of[:-1]
        rows.behind[order[:-1][together]] = order[1:][together]
        rows.before[order[1:][together]] = order[:-1][together]
        firsts = order[np.concatenate(([True], ~together))].tolist()
        lasts = order[np.concatenate((~together, [True]))].tolist()
        ends = zip(firsts, lasts, strict=True)
        self._ends = dict(zip(sessions[firsts].tolist(), ends, strict=True))

    def _is_in_place(self, slot: int, memory: Memory) -> bool:
        """Whether a memory is known with the session and the time that it has now."""
        rows = self._rows
        return (
            bool(rows.known[slot])
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
        # Known, not archived, and with a salience: what passes a filter that asks for nothing else.
        self.usual = np.zeros(capacity, dtype=np.bool_)
        self.archived = np.zeros(capacity, dtype=np.bool_)
        self.key = np.zeros(capacity, dtype=np.int64)
        # The highest key so far.
        self.order = np.zeros(capacity, dtype=np.int64)
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
