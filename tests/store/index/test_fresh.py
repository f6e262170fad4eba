"""Rows that the text index does not have yet."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.columns import Columns, passes
from mnemo.store.index.fresh import Fresh, FreshRows, Said
from mnemo.store.index.text import Document, TextIndex, Weights
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from tests.store.index.examples import NOW, MemoryFields, filters, memories, memory

EVERYTHING = Filter(now=NOW)
NO_WEIGHTS = Weights(documents=0, average_length=0.0, frequencies={})


class FreshRowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.columns = Columns()
        self.fresh = FreshRows()

    def put(self, key: int, words: str, change: int = 1, **fields: Unpack[MemoryFields]) -> None:
        self.columns.put(memory(key, **fields))
        self.fresh.put(key, Said.of(words.split()), change)

    def search(
        self,
        words: str,
        wanted: Filter = EVERYTHING,
        limit: int = 10,
        weights: Weights = NO_WEIGHTS,
    ) -> Fresh:
        return self.fresh.search(words.split(), self.columns, wanted, limit, weights)

    def keys(self, words: str, wanted: Filter = EVERYTHING, limit: int = 10) -> list[int]:
        return [key for key, _ in self.search(words, wanted, limit).hits]

    def test_a_row_is_found_at_once_by_any_of_its_terms(self) -> None:
        self.put(1, "red fox")
        self.put(2, "red dog")
        self.assertEqual(self.keys("fox dog cat red fox")[0], 1)
        self.assertEqual(set(self.keys("red")), {1, 2})
        self.assertEqual(self.keys("cat"), [])
        self.assertEqual(self.keys(""), [])

    def test_a_changed_row_is_found_by_its_new_terms_alone(self) -> None:
        self.put(1, "red fox", change=1)
        self.put(1, "blue fox", change=2)
        self.assertEqual((self.keys("red"), self.keys("blue")), ([], [1]))
        self.assertEqual(len(self.fresh), 1)

    def test_changed_and_removed_rows_are_hidden_from_the_index(self) -> None:
        self.put(1, "red", change=1)
        self.fresh.remove(2, 2)
        self.assertEqual(self.search("blue").hidden, {1, 2})
        self.assertEqual(len(self.fresh), 2)

    def test_a_removed_row_is_not_found(self) -> None:
        self.put(1, "red", change=1)
        self.fresh.remove(1, 2)
        self.assertEqual(self.keys("red"), [])

    def test_what_the_index_has_now_is_dropped(self) -> None:
        self.put(1, "red", change=1)
        self.fresh.remove(2, 2)
        self.put(3, "red", change=3)
        self.fresh.settled(2)
        self.assertEqual((self.keys("red"), self.search("red").hidden), ([3], {3}))

    def test_a_row_that_changed_again_is_not(self) -> None:
        self.put(1, "red", change=1)
        self.put(1, "blue", change=3)
        self.fresh.settled(2)
        self.assertEqual((self.keys("blue"), self.search("blue").hidden), ([1], {1}))

    def test_the_filter_holds_and_what_it_holds_back_makes_room(self) -> None:
        for key in range(1, 11):
            self.put(key, "word " * 3, project="a")
        self.put(11, "word and more", project="b")
        self.assertEqual(self.keys("word", Filter(now=NOW, project="b"), limit=1), [11])

    def test_a_row_that_the_columns_do_not_know_any_more_is_not_found(self) -> None:
        self.put(1, "red")
        self.columns.remove(1)
        self.assertEqual(self.keys("red"), [])

    def test_rare_terms_and_short_rows_count_more(self) -> None:
        for key in range(1, 9):
            self.put(key, "common filler")
        self.put(20, "common rare")
        self.put(21, "common " + "long " * 50 + "rare")
        self.assertEqual(self.keys("common rare")[:2], [20, 21])

    def test_scores_are_those_the_index_will_give(self) -> None:
        rows = {key: [f"w{key % number}" for number in range(1, 12)] for key in range(1, 121)}
        index = TextIndex(Path(self.mktemp()))
        index.open()
        self.addCleanup(index.close)
        documents = [Document(memory(key), words) for key, words in rows.items()]
        index.commit(documents[:100], [], 1)
        asked = ["w0", "w3", "w5"]
        for key in range(101, 121):
            self.put(key, " ".join(rows[key]))
        weights = index.weights(asked)
        fresh = dict(self.search(" ".join(asked), limit=100, weights=weights).hits)
        index.commit(documents[100:], [], 2)
        indexed = dict(index.search(asked, EVERYTHING, 1_000))
        self.assertEqual(len(fresh), 20)
        for key, score in fresh.items():
            self.assertTrue(abs(score - indexed[key]) < 0.05 * indexed[key] + 0.05, key)

    def test_deleted_documents_that_the_index_still_counts_do_no_harm(self) -> None:
        self.put(1, "red")
        weights = Weights(documents=3, average_length=2.0, frequencies={"red": 500})
        [(key, score)] = self.search("red", weights=weights).hits
        self.assertEqual(key, 1)
        self.assertGreater(score, 0.0)

    def test_threads_may_search_while_it_changes(self) -> None:
        self.put(1, "steady", change=1_000_000)
        wrong: list[int] = []
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                if self.keys("steady") != [1]:
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for change in range(1, 2_000):
            self.put(2 + change % 50, f"other w{change}", change)
            if change % 20 == 0:
                self.fresh.settled(change)
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    @settings(max_examples=100, deadline=None)
    @given(st.lists(memories(st.integers(1, 20)), max_size=20), filters())
    def test_exactly_what_passes_is_found(self, kept: list[Memory], wanted: Filter) -> None:
        columns, fresh = Columns(), FreshRows()
        for change, each in enumerate(kept):
            columns.put(each)
            fresh.put(each.key, Said.of(["all"]), change)
        latest = {each.key: each for each in kept}
        found = fresh.search(["all"], columns, wanted, 100, NO_WEIGHTS).hits
        self.assertEqual(
            sorted(key for key, _ in found),
            sorted(key for key, each in latest.items() if passes(each, wanted)),
        )


class Machine(RuleBasedStateMachine):
    """
    Fresh rows before an index that is told late, against a dict: together the two always
    answer what is true now, each row once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.columns = Columns()
        self.fresh = FreshRows()
        self.index: dict[int, list[str]] = {}
        self.truth: dict[int, list[str]] = {}
        self.change = 0

    words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4)

    @rule(key=st.integers(1, 6), words=words)
    def put(self, key: int, words: list[str]) -> None:
        self.change += 1
        self.truth[key] = words
        self.columns.put(memory(key))
        self.fresh.put(key, Said.of(words), self.change)

    @rule(key=st.integers(1, 6))
    def remove(self, key: int) -> None:
        self.change += 1
        self.truth.pop(key, None)
        self.fresh.remove(key, self.change)
        self.columns.remove(key)

    @rule()
    def commit(self) -> None:
        self.index = dict(self.truth)
        self.fresh.settled(self.change)
        assert len(self.fresh) == 0

    @invariant()
    def together_they_tell_the_truth(self) -> None:
        for word in "abcd":
            answer = self.fresh.search([word], self.columns, EVERYTHING, 100, NO_WEIGHTS)
            found = [key for key, _ in answer.hits]
            found += [k for k, has in self.index.items() if word in has and k not in answer.hidden]
            assert sorted(found) == sorted(k for k, has in self.truth.items() if word in has)


class ReactorTests(SynchronousTestCase):
    """What is called on the reactor thread costs the same for a long text as for a short one."""

    def test_a_row_is_noted_and_let_go_without_a_look_at_its_words(self) -> None:
        fresh, said = FreshRows(), Said(Unread(), frozenset(), 1)
        fresh.put(1, said, 1)
        fresh.put(1, said, 2)
        fresh.remove(1, 3)
        fresh.put(2, said, 4)
        fresh.settled(4)
        self.assertEqual(len(fresh), 0)
        self.assertEqual(fresh.holders(["x"]), (0, {"x": 0}))

    def test_rows_that_come_and_go_unasked_leave_nothing(self) -> None:
        fresh = FreshRows()
        for number in range(100):
            fresh.put(number, Said.of(["x"]), number)
        fresh.holders(["x"])
        for number in range(100, 200):
            fresh.put(number, Said.of(["x"]), number)
        fresh.settled(200)
        self.assertEqual(len(fresh._moved), 100)
        self.assertEqual(fresh.holders(["x"]), (0, {"x": 0}))
        self.assertEqual((fresh._moved, fresh._posted, fresh._postings), (set(), {}, {}))


class Unread(dict[str, int]):
    """Words that nobody may look at."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("it was read")

    def items(self) -> Any:
        raise AssertionError("it was read")


class MachineTests(SynchronousTestCase):
    def test_fresh_rows_make_up_for_what_an_index_does_not_know(self) -> None:
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=50, stateful_step_count=20, deadline=None)
        )
