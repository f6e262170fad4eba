"""The text index: what it finds, what it keeps, and what it does when it is damaged."""

import random
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Unpack

import tantivy
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index import text
from mnemo.store.index.analyser import query_terms, terms
from mnemo.store.index.columns import passes
from mnemo.store.index.text import Document, IndexBroken, TextIndex, Words
from mnemo.store.records import Memory
from mnemo.store.search import Filter
from tests.store.index.examples import NOW, MemoryFields, filters, memories, memory

EVERYTHING = Filter(now=NOW)
ARCHIVED = Filter(now=NOW, state="archived")


def document(key: int, words: str = "", **fields: Unpack[MemoryFields]) -> Document:
    return Document(memory(key, text=words, **fields), terms(words))


def some_documents(count: int) -> Iterator[Document]:
    """Documents of a few words that differ in all that a filter asks for."""
    chosen = random.Random(4)
    for key in range(1, count + 1):
        yield Document(
            memory(
                key,
                type=chosen.choice(("decision", "error", "general")),
                source=chosen.choice(("", "claude", "cursor")),
                project=chosen.choice(("", "mnemo", "other")),
                session=chosen.choice(("", "claude", "cursor")),
                salience=chosen.choice((0.0, 0.3, 0.5, 1.0)),
                fades=chosen.choice((0.0, 500.0, NOW, 1_500.0, 9e18)),
                created=chosen.choice((0.0, 500.0, NOW, 1_500.0)),
                archived=chosen.random() < 0.2,
                concepts=chosen.sample(("Python", "python", "STRASSE", "straße", "sqlite", ""), 2),
            ),
            ["all", *(f"w{chosen.randrange(30)}" for _ in range(chosen.randrange(1, 12)))],
        )


class TextIndexCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.index = TextIndex(self.directory)
        self.assertEqual(self.index.open(), 0)
        self.addCleanup(lambda: self.index.close())

    def reopen(self) -> int:
        self.index.close()
        self.index = TextIndex(self.directory)
        return self.index.open()

    def found(
        self,
        query: str,
        wanted: Filter = EVERYTHING,
        limit: int = 100,
        hidden: Collection[int] = (),
    ) -> set[int]:
        hits = self.index.search(query_terms(query), wanted, limit, hidden)
        return {key for key, _ in hits}


class SearchTests(TextIndexCase):
    def test_any_term_is_enough_and_more_of_them_come_first(self) -> None:
        self.index.commit(
            [document(1, "the red fox"), document(2, "a red dog"), document(3, "blue")], [], 1
        )
        hits = self.index.search(query_terms("red fox"), EVERYTHING, 10)
        self.assertEqual([key for key, _ in hits], [1, 2])
        self.assertGreater(hits[0][1], hits[1][1])

    def test_no_more_than_the_limit(self) -> None:
        self.index.commit([document(key, "word") for key in range(1, 21)], [], 1)
        self.assertEqual(len(self.found("word", limit=7)), 7)
        self.assertEqual(self.found("word", limit=0), set())

    def test_no_terms_find_nothing(self) -> None:
        self.index.commit([document(1, "word")], [], 1)
        self.assertEqual(self.index.search([], EVERYTHING, 10), [])
        self.assertEqual(self.found("!!!"), set())

    def test_hidden_keys_make_room_for_others(self) -> None:
        self.index.commit([document(key, "word") for key in range(1, 21)], [], 1)
        self.assertEqual(self.found("word", limit=2, hidden=range(1, 19)), {19, 20})
        self.assertEqual(self.found("word", ARCHIVED, hidden=(1,)), set())

    def test_what_the_filter_holds_back_makes_room_for_others(self) -> None:
        made = [document(key, "word word word", project="a") for key in range(1, 21)]
        self.index.commit([*made, document(21, "word and more", project="b")], [], 1)
        self.assertEqual(self.found("word", Filter(now=NOW, project="b"), limit=1), {21})

    def test_a_condition_adds_nothing_to_the_score(self) -> None:
        self.index.commit([document(key, f"word w{key}", project="a") for key in (1, 2)], [], 1)
        plain = self.index.search(["word"], EVERYTHING, 10)
        wanted = Filter(now=NOW, project="a", types=("general",), since=0.0, state="active")
        self.assertEqual(self.index.search(["word"], wanted, 10), plain)

    def test_any_term_of_the_analyser_can_be_found(self) -> None:
        words = "C++ .env a/b/c.py v1.2.3 getUserName 東京 👍🏽 café jane@example.com 1,500 O'Brien"
        self.index.commit([document(1, words)], [], 1)
        for term in terms(words):
            self.assertEqual(self.index.search([term], EVERYTHING, 1)[0][0], 1, term)

    def test_what_is_held_is_said_by_bits_however_many_words_there_are(self) -> None:
        words = [f"w{number}" for number in range(60)]
        self.index.commit([Document(memory(1), words), Document(memory(2), words[::2])], (), 1)
        asked: list[Words] = [*words, ("w4", "w5"), ("w5", "w4"), ("w4", "w6"), "absent"]
        held = self.index.holding(asked, [1, 2, 3], archived=False)
        self.assertEqual(held, {1: (1 << 61) - 1, 2: int("01" * 30, 2) | 1 << 62})
        self.assertEqual(self.index.holding(asked, [1], archived=True).get(1, 0), 0)
        self.assertEqual(self.index.holding(asked, [], archived=False), {})
        self.assertEqual(self.index.holding([], [1], archived=False), {})

    def test_threads_may_search_while_it_commits(self) -> None:
        wrong: list[int] = []
        done = threading.Event()
        self.index.commit([document(1, "steady")], [], 1)

        def work() -> None:
            while not done.is_set():
                if self.found("steady") != {1}:
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for change in range(2, 22):
            self.index.commit([document(change, "other")], [], change)
        self.index.rebuild([document(1, "steady")], 22)
        done.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class FilterTests(TextIndexCase):
    def test_each_filter_holds(self) -> None:
        made = list(some_documents(300))
        self.index.commit(made, [], 1)

        @settings(max_examples=300, deadline=None)
        @given(filters())
        def holds(wanted: Filter) -> None:
            found = self.index.search(["all"], wanted, 1_000)
            self.assertEqual(
                {key for key, _ in found},
                {each.memory.key for each in made if passes(each.memory, wanted)},
            )

        holds()


class CommitTests(TextIndexCase):
    def test_a_document_replaces_the_one_before(self) -> None:
        self.index.commit([document(1, "red"), document(2, "red")], [], 1)
        self.index.commit([document(1, "blue", archived=False)], [], 2)
        self.assertEqual(self.found("red"), {2})
        self.assertEqual(self.found("blue"), {1})

    def test_a_removed_document_is_not_found(self) -> None:
        self.index.commit([document(1, "red"), document(2, "red")], [], 1)
        self.index.commit([], [1, 99], 2)
        self.assertEqual(self.found("red"), {2})

    def test_an_archived_document_is_found_where_that_is_asked_for(self) -> None:
        self.index.commit([document(1, "red")], [], 1)
        self.index.commit([document(1, "red", archived=True)], [], 2)
        self.assertEqual((self.found("red"), self.found("red", ARCHIVED)), (set(), {1}))
        self.index.commit([document(1, "red")], [], 3)
        self.assertEqual((self.found("red"), self.found("red", ARCHIVED)), ({1}, set()))

    def test_it_knows_after_a_restart_how_far_it_is_complete(self) -> None:
        self.index.commit([document(1, "red")], [], 41)
        self.index.commit([], [], 42)
        self.assertEqual(self.reopen(), 42)
        self.assertEqual(self.found("red"), {1})
        self.index.commit([document(2, "red")], [], 43)
        self.assertEqual(self.found("red"), {1, 2})

    def test_what_was_not_committed_is_not_there_after_a_restart(self) -> None:
        self.index.commit([document(1, "red")], [], 41)
        with self.assertRaises(IndexBroken):
            self.index.commit([document(2, "red"), document(3, "red", source="\ud800")], [], 42)
        self.assertEqual(self.reopen(), 41)
        self.assertEqual(self.found("red"), {1})

    def test_a_closed_index_leaves_no_thread_at_work_in_its_folder(self) -> None:
        for change in range(1, 25):
            self.index.commit([document(change, "red")], [], change)
        self.index.close()
        shutil.rmtree(self.directory)

    def test_a_rebuild_that_fails_changes_nothing(self) -> None:
        self.index.commit([document(1, "red")], [], 41)

        def broken() -> Iterator[Document]:
            yield document(2, "red")
            raise LookupError("no more")

        with self.assertRaises(LookupError):
            self.index.rebuild(broken(), 50)
        self.assertEqual(self.found("red"), {1})
        self.index.commit([document(3, "red")], [], 42)
        self.assertEqual(self.found("red"), {1, 3})
        self.assertEqual(self.reopen(), 42)
        self.assertEqual(self.found("red"), {1, 3})

    def test_a_rebuilt_index_has_what_it_was_given_and_nothing_else(self) -> None:
        self.index.commit([document(key, "red") for key in range(1, 50)], [], 9)
        self.index.rebuild((document(key, "red") for key in (2, 77)), 10)
        self.assertEqual(self.found("red"), {2, 77})
        self.assertEqual(self.reopen(), 10)
        self.assertEqual(self.found("red"), {2, 77})

    def test_a_rebuilt_index_has_no_trace_of_what_was_removed(self) -> None:
        kept = [document(key, f"word{key} xylem") for key in range(1, 20)]
        self.index.commit([*kept, document(50, "xylosecret")], [], 1)
        self.index.commit([], [50], 2)
        self.assertEqual(self.words_like("xyl"), ["xylem", "xylosecret"])
        before = set(self.directory.iterdir())
        self.index.rebuild(kept, 2)
        self.assertEqual(self.words_like("xyl"), ["xylem"])
        self.assertEqual(self.found("xylem"), set(range(1, 20)))
        left = {path.name for path in before & set(self.directory.iterdir())}
        self.assertEqual({name for name in left if not name.startswith(".")}, {"meta.json"})

    def words_like(self, prefix: str) -> list[str]:
        """What the dictionaries of the index hold, of deleted documents too."""
        assert self.index._snapshot is not None
        words = self.index._snapshot.searcher.terms_with_prefix("terms", prefix)
        return sorted(word for word, _ in words)


class DamageTests(TextIndexCase):
    def setUp(self) -> None:
        super().setUp()
        for first in (1, 11):
            keys = range(first, first + 10)
            self.index.commit([document(key, f"red w{key}") for key in keys], [], 20)
        self.index.commit([], [3], 21)

    def assertMadeAnew(self) -> None:
        self.assertEqual(self.reopen(), 0)
        self.assertEqual(self.found("red"), set())
        self.index.commit([document(1, "red")], [], 5)
        self.assertEqual(self.found("red"), {1})

    def test_a_missing_index_is_made_anew(self) -> None:
        self.index.close()
        shutil.rmtree(self.directory)
        self.assertMadeAnew()

    def test_an_index_with_any_file_damaged_is_made_anew(self) -> None:
        self.index.close()
        whole = self.directory.with_suffix(".whole")
        shutil.copytree(self.directory, whole)
        names = [path.name for path in whole.iterdir() if path.suffix not in (".lock", ".json")]
        for name in [*names, "meta.json"]:
            for damage in (lambda body: body[:-1], lambda body: b"\0" * len(body)):
                shutil.rmtree(self.directory)
                shutil.copytree(whole, self.directory)
                path = self.directory / name
                path.write_bytes(damage(path.read_bytes()))
                index = TextIndex(self.directory)
                self.assertIn(index.open(), (0, 21), name)
                found = {key for key, _ in index.search(["red"], EVERYTHING, 99)}
                self.assertIn(found, (set(), {*range(1, 21)} - {3}))
                index.close()

    def test_an_index_of_another_analyser_or_schema_is_made_anew(self) -> None:
        self.patch(text, "_VERSION", text._VERSION + 1)
        self.assertMadeAnew()

    def test_an_index_of_another_kind_is_made_anew(self) -> None:
        self.index.close()
        shutil.rmtree(self.directory)
        self.directory.mkdir()
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("body")
        writer = tantivy.Index(builder.build(), str(self.directory)).writer(15_000_000, 1)
        writer.commit()
        writer.wait_merging_threads()
        self.assertMadeAnew()

    def test_an_index_without_its_marker_is_made_anew(self) -> None:
        assert self.index._writer is not None
        self.index._writer.delete_documents_by_term("kind", "marker")
        self.index._writer.commit()
        self.assertMadeAnew()

    def test_where_it_cannot_even_be_made_anew_one_line_says_why(self) -> None:
        self.index.close()
        shutil.rmtree(self.directory)
        self.directory.write_text("in the way")
        with self.assertRaises(IndexBroken) as raised:
            self.index.open()
        self.assertNotIn("\n", str(raised.exception))

    def test_an_index_that_is_open_is_not_taken_from_who_has_it(self) -> None:
        with self.assertRaises(IndexBroken):
            TextIndex(self.directory).open()
        self.index.commit([document(30, "red")], [], 22)
        self.assertEqual(len(self.found("red")), 20)
        self.assertEqual(self.reopen(), 22)

    def test_a_closed_index_says_so(self) -> None:
        self.index.close()
        self.index.close()
        for use in (
            lambda: self.index.search(["red"], EVERYTHING, 1),
            lambda: self.index.weights(["red"]),
            lambda: self.index.commit([], [], 1),
            lambda: self.index.rebuild([], 1),
        ):
            with self.assertRaises(IndexBroken) as raised:
                use()
            self.assertEqual(str(raised.exception), "the text index is closed")

    def test_a_panic_is_an_error_like_others(self) -> None:
        class PanicException(BaseException):
            pass

        def panic() -> None:
            with text._guarded():
                raise PanicException("called `Result::unwrap()`\n on an `Err` value")

        with self.assertRaises(IndexBroken) as raised:
            panic()
        self.assertEqual(
            str(raised.exception),
            "the text index panicked: called `Result::unwrap()` on an `Err` value",
        )
        with self.assertRaises(KeyboardInterrupt), text._guarded():
            raise KeyboardInterrupt


class Machine(RuleBasedStateMachine):
    """A text index against a dict of documents."""

    fresh_directory: Callable[[], Path]

    def __init__(self) -> None:
        super().__init__()
        self.directory = self.fresh_directory()
        self.index = TextIndex(self.directory)
        self.index.open()
        self.model: dict[int, Memory] = {}
        self.change = 0
        self.wanted = EVERYTHING

    @rule(
        new=st.lists(memories(st.integers(1, 9)), max_size=4, unique_by=lambda each: each.key),
        removed=st.sets(st.integers(1, 12), max_size=2),
    )
    def commit(self, new: list[Memory], removed: set[int]) -> None:
        self.change += 1
        removed -= {each.key for each in new}
        self.index.commit([Document(each, ("all",)) for each in new], sorted(removed), self.change)
        self.model |= {each.key: each for each in new}
        for key in removed:
            self.model.pop(key, None)

    @rule(key=st.integers(1, 9))
    def archive(self, key: int) -> None:
        if key in self.model:
            old = self.model[key]
            self.commit([evolve(old, archived=not old.archived)], set())

    @rule()
    def rebuild(self) -> None:
        self.change += 1
        self.index.rebuild([Document(each, ("all",)) for each in self.model.values()], self.change)

    @rule()
    def restart(self) -> None:
        self.index.close()
        self.index = TextIndex(self.directory)
        assert self.index.open() == self.change

    @rule(wanted=filters())
    def ask(self, wanted: Filter) -> None:
        self.wanted = wanted

    @invariant()
    def the_same_are_found(self) -> None:
        found = [key for key, _ in self.index.search(["all"], self.wanted, 100)]
        passing = [key for key, each in self.model.items() if passes(each, self.wanted)]
        assert sorted(found) == sorted(passing)

    def teardown(self) -> None:
        self.index.close()


class MachineTests(SynchronousTestCase):
    def test_an_index_does_what_a_dict_of_documents_does(self) -> None:
        Machine.fresh_directory = staticmethod(lambda: Path(self.mktemp()))
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=15, stateful_step_count=12, deadline=None)
        )
