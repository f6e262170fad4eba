"""Filters over all memories at once."""

import threading

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.columns import NOBODY, Columns, Row, passes
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from tests.store.index.examples import NOW, FilterFields, MemoryFields, filters, memories, memory


class PassesTests(SynchronousTestCase):
    """What each condition of a filter means."""

    def assertPasses(
        self, kept: MemoryFields, conditions: FilterFields, expected: bool = True
    ) -> None:
        self.assertEqual(passes(memory(1, **kept), Filter(now=NOW, **conditions)), expected)

    def assertHeldBack(self, kept: MemoryFields, conditions: FilterFields) -> None:
        self.assertPasses(kept, conditions, False)

    def test_no_condition_lets_all_through_that_is_not_archived(self) -> None:
        self.assertPasses({}, {})
        self.assertPasses({"fades": NOW - 1}, {})
        self.assertHeldBack({"archived": True}, {})

    def test_the_empty_project_is_for_memories_without_one(self) -> None:
        self.assertPasses({"project": ""}, {"project": ""})
        self.assertHeldBack({"project": "mnemo"}, {"project": ""})
        self.assertPasses({"project": "mnemo"}, {"project": "mnemo"})

    def test_any_of_the_types_will_do(self) -> None:
        self.assertPasses({"type": "error"}, {"types": ("error", "decision")})
        self.assertHeldBack({"type": "general"}, {"types": ("error", "decision")})

    def test_source_and_session_must_be_the_same(self) -> None:
        self.assertPasses({"source": "a"}, {"source": "a"})
        self.assertHeldBack({"source": "a"}, {"source": "A"})
        self.assertPasses({"session": "a"}, {"session": "a"})
        self.assertHeldBack({"session": "a"}, {"session": "A"})

    def test_a_memory_fades_at_the_second_it_was_to(self) -> None:
        self.assertPasses({"fades": NOW}, {"state": "fading"})
        self.assertHeldBack({"fades": NOW}, {"state": "active"})
        self.assertPasses({"fades": NOW + 1}, {"state": "active"})
        self.assertHeldBack({"fades": NOW, "archived": True}, {"state": "fading"})
        self.assertPasses({"fades": NOW, "archived": True}, {"state": "archived"})
        self.assertHeldBack({}, {"state": "archived"})

    def test_a_span_of_time_has_its_begin_and_not_its_end(self) -> None:
        span: FilterFields = {"since": 10.0, "until": 20.0}
        self.assertPasses({"created": 10.0}, span)
        self.assertHeldBack({"created": 20.0}, span)
        self.assertHeldBack({"created": 9.9}, span)

    def test_the_least_salience_passes(self) -> None:
        self.assertPasses({"salience": 0.3}, {"min_salience": 0.3})
        self.assertHeldBack({"salience": 0.29}, {"min_salience": 0.3})
        self.assertHeldBack({"salience": -1.0}, {})

    def test_one_of_the_concepts_is_enough_and_one_excluded_too_many(self) -> None:
        kept: MemoryFields = {"concepts": ("Python", "Straße")}
        self.assertPasses(kept, {"concepts": ("sqlite", "STRASSE")})
        self.assertHeldBack(kept, {"concepts": ("sqlite",)})
        self.assertHeldBack(kept, {"exclude_concepts": ("sqlite", "python")})
        self.assertHeldBack(kept, {"concepts": ("python",), "exclude_concepts": ("strasse",)})


PUTS = st.lists(
    st.tuples(
        st.integers(1, 12),  # its key
        st.sampled_from(["", "a", "b"]),  # its session
        st.sampled_from([0.0, 1.0, 2.0, 3.0]),  # when it was made
        st.sampled_from(["put", "put", "put", "archive", "remove"]),
    )
)


class OrderTests(SynchronousTestCase):
    """The order of a session."""

    @given(PUTS)
    def test_it_is_that_of_time_whatever_came_and_went(
        self, puts: list[tuple[int, str, float, str]]
    ) -> None:
        columns = Columns()
        known: dict[int, Memory] = {}
        for key, session, created, deed in puts:
            columns.remove(key) if deed == "remove" else columns.put(
                memory(key, session=session, created=created, archived=deed == "archive")
            )
            known.pop(key, None)
            if deed != "remove":
                known[key] = memory(
                    key, session=session, created=created, archived=deed == "archive"
                )
        everything = Filter(now=NOW)
        keys = [*known, 99]
        around = columns.around(keys, everything).tolist()
        self.assertEqual(around, [neighbours(known, key) for key in keys])
        sessions = dict(zip(keys, columns.sessions(keys), strict=True))
        for key, kept in known.items():
            self.assertEqual(sessions[key] == NOBODY, kept.session == "")
            for other, its in known.items():
                same = sessions[key] == sessions[other]
                self.assertEqual(same, kept.session == its.session)

    @given(PUTS)
    def test_it_is_the_same_where_all_are_read_at_once(
        self, puts: list[tuple[int, str, float, str]]
    ) -> None:
        kept = {
            key: memory(key, session=session, created=created, archived=deed == "archive")
            for key, session, created, deed in puts
        }
        pieces = [[row(kept[key])] for key in sorted(kept)]
        columns = Columns.of(memory(0), pieces)
        self.assertEqual(len(columns), len(kept) + 1)
        around = columns.around(list(kept), Filter(now=NOW)).tolist()
        self.assertEqual(around, [neighbours(kept, key) for key in kept])
        # What comes later finds its place among them.
        for key, each in kept.items():
            kept[key] = memory(key, session=each.session, created=-each.created)
            columns.put(kept[key])
        around = columns.around(list(kept), Filter(now=NOW)).tolist()
        self.assertEqual(around, [neighbours(kept, key) for key in kept])

    def test_a_past_that_is_read_backwards_is_in_order_too(self) -> None:
        columns = Columns()
        for key in range(1, 3_000):
            columns.put(memory(key, session="a", created=-float(key)))
        self.assertEqual(columns.around([7], Filter(now=NOW)).tolist(), [[9, 8, 6, 5]])


class ReadingTests(SynchronousTestCase):
    """All memories are read while some change."""

    def test_what_changes_meanwhile_is_not_undone(self) -> None:
        columns = Columns()
        columns.put(memory(0))
        columns.await_all()
        columns.put(memory(5, project="new"))
        columns.put(memory(2, project="changed", concepts=("b",)))
        columns.remove(3)
        read = [row(memory(key, project="read", concepts=("a",))) for key in (1, 2, 3)]
        columns.adopt(Columns.of(memory(0), [read]))
        self.assertEqual(len(columns), 4)
        self.assertIsNone(columns.slot(3))
        for project, keys in (("read", {1}), ("changed", {2}), ("new", {5})):
            wanted = Filter(now=NOW, project=project)
            self.assertEqual(columns.matching(wanted, range(9)), keys)
        self.assertEqual(columns.matching(Filter(now=NOW, concepts=("a",)), range(9)), {1})
        self.assertEqual(columns.matching(Filter(now=NOW, concepts=("b",)), range(9)), {2})


def row(memory: Memory) -> Row:
    """A memory as it is read."""
    return (
        memory.key,
        memory.project,
        memory.type,
        memory.source,
        memory.session,
        memory.salience,
        memory.fades,
        memory.created,
        memory.archived,
        memory.concepts,
    )


def neighbours(known: dict[int, Memory], key: int) -> list[int]:
    """The two before and the two behind, said plainly."""
    if key not in known or not known[key].session:
        return [NOBODY] * 4
    order = sorted(
        (each for each in known.values() if each.session == known[key].session),
        key=lambda each: (each.created, each.key),
    )
    at = [each.key for each in order].index(key)
    places = (at - 2, at - 1, at + 1, at + 2)
    return [
        order[place].key if 0 <= place < len(order) and not order[place].archived else NOBODY
        for place in places
    ]


class ColumnsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.columns = Columns()
        self.everything = Filter(now=NOW)

    def test_an_unknown_memory_matches_nothing(self) -> None:
        self.assertFalse(self.columns.matches(self.everything, 7))
        self.columns.remove(7)
        self.assertEqual(len(self.columns), 0)
        self.assertEqual(self.columns.matching(self.everything, (7, 8)), set())

    def test_a_removed_memory_matches_no_more_and_its_slot_stays_empty(self) -> None:
        self.columns.put(memory(1, concepts=("a",)))
        self.columns.put(memory(2))
        self.columns.remove(1)
        self.assertEqual(self.columns.mask(self.everything).tolist(), [False, True])
        self.columns.put(memory(3))
        self.assertEqual(self.columns.slot(3), 2)
        self.assertEqual(self.columns.keys.tolist()[1:], [2, 3])
        self.assertFalse(self.columns.mask(Filter(now=NOW, concepts=("a",))).any())

    def test_a_changed_memory_keeps_its_slot(self) -> None:
        self.columns.put(memory(1, project="a", concepts=("x", "y")))
        self.columns.put(memory(2))
        self.columns.put(memory(1, project="b", concepts=("y",)))
        self.assertEqual(self.columns.slot(1), 0)
        self.assertEqual(len(self.columns), 2)
        self.assertTrue(self.columns.matches(Filter(now=NOW, project="b", concepts=("Y",)), 1))
        self.assertFalse(self.columns.matches(Filter(now=NOW, concepts=("x",)), 1))

    def test_the_slots_of_many_keys_are_found_at_once(self) -> None:
        self.assertEqual(self.columns.slots(np.array([4])).tolist(), [-1])
        for key in (30, 10, 20):
            self.columns.put(memory(key))
        self.columns.remove(10)
        self.assertEqual(
            self.columns.slots(np.array([20, 10, 99, 30, 0])).tolist(), [2, -1, -1, 0, -1]
        )

    def test_it_holds_more_memories_than_there_was_room_for_at_first(self) -> None:
        for key in range(1, 3_001):
            self.columns.put(memory(key, created=float(key)))
        late = self.columns.mask(Filter(now=NOW, since=2_999.0))
        self.assertEqual(self.columns.keys[late].tolist(), [2_999, 3_000])

    def test_threads_may_ask_while_it_grows(self) -> None:
        wanted = Filter(now=NOW, concepts=("even",), exclude_concepts=("odd",))
        wrong: list[NDArray[np.int64]] = []
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                mask = self.columns.mask(wanted)
                keys = self.columns.keys[: len(mask)][mask]
                if (keys % 2).any() or len(set(keys.tolist())) != len(keys):
                    wrong.append(keys)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for key in range(1, 5_001):
            self.columns.put(memory(key, concepts=("odd",) if key % 2 else ("even",)))
            if key % 10 == 0:
                self.columns.remove(key - 1)
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(int(self.columns.mask(wanted).sum()), 2_500)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(memories(st.integers(1, 20)), max_size=30), filters())
    def test_a_mask_is_what_each_memory_says_by_itself(
        self, kept: list[Memory], wanted: Filter
    ) -> None:
        columns = Columns()
        for each in kept:
            columns.put(each)
        latest = {each.key: each for each in kept}
        expected = {key for key, each in latest.items() if passes(each, wanted)}
        self.assertEqual(set(columns.keys[columns.mask(wanted)].tolist()), expected)
        self.assertEqual(columns.matching(wanted, [*latest, 99]), expected)


class Machine(RuleBasedStateMachine):
    """Columns against a dict of memories."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = Columns()
        self.model: dict[int, Memory] = {}
        self.wanted = Filter(now=NOW)

    @rule(new=memories(st.integers(1, 8)))
    def put(self, new: Memory) -> None:
        self.columns.put(new)
        self.model[new.key] = new

    @rule(key=st.integers(1, 8))
    def archive(self, key: int) -> None:
        if key in self.model:
            self.put(evolve(self.model[key], archived=not self.model[key].archived))

    @rule(key=st.integers(1, 8))
    def remove(self, key: int) -> None:
        self.columns.remove(key)
        self.model.pop(key, None)

    @rule(wanted=filters())
    def ask(self, wanted: Filter) -> None:
        self.wanted = wanted

    @invariant()
    def the_same_pass(self) -> None:
        mask = self.columns.mask(self.wanted)
        found = self.columns.keys[mask].tolist()
        assert sorted(found) == sorted(
            key for key, each in self.model.items() if passes(each, self.wanted)
        )
        assert len(self.columns) == len(self.model)


class MachineTests(SynchronousTestCase):
    def test_columns_do_what_a_dict_of_memories_does(self) -> None:
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=50, stateful_step_count=20, deadline=None)
        )
