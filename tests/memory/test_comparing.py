from mnemo.memory.beside import newer_first
from mnemo.memory.ranking import Ranked
from mnemo.store.interfaces import StoreError
from mnemo.store.records import Link
from tests.memory.room import MemoryTestCase
from tests.memory.samples import memory

OLDER = "the daemon of the house listens on port 9999"
NEWER = "the daemon of the house listens on port 8080"


class Comparing(MemoryTestCase):
    def links(self, id: str) -> list[Link]:
        found: list[Link] = self.done(self.store.links([id]))[id]
        return found

    def test_what_differs_in_a_figure_is_linked_and_both_stay(self) -> None:
        older, newer = self.remember(OLDER), self.remember(NEWER)
        self.assertEqual(self.links(newer.id), [Link(older.id, "differs", True)])
        self.assertEqual(set(self.recalled("port of the daemon")), {older.id, newer.id})

    def test_what_says_the_same_in_near_words_is_similar(self) -> None:
        one = self.remember(OLDER)
        other = self.remember(OLDER.replace("the house", "our house"))
        self.assertEqual(self.links(other.id), [Link(one.id, "similar", True)])

    def test_another_project_is_not_compared(self) -> None:
        self.remember(OLDER, project="q")
        self.assertEqual(self.links(self.remember(NEWER).id), [])

    def test_an_amendment_is_compared_anew(self) -> None:
        older, newer = self.remember(OLDER), self.remember(NEWER)
        self.clock.advance(10)
        self.done(self.memories.remembering.amend(older.id, NEWER + "."))
        self.assertEqual(self.links(older.id), [Link(newer.id, "similar", True)])
        self.done(self.memories.remembering.amend(older.id, "geese fly south"))
        self.assertEqual(self.links(newer.id), [])

    def test_what_could_not_be_compared_is_compared_with_the_next(self) -> None:
        settle = self.store.settle

        def fails(made: object) -> object:
            raise StoreError("the disk is full")

        self.store.settle = fails  # type: ignore[method-assign, assignment]
        older, newer = self.remember(OLDER), self.remember(NEWER)
        self.flushLoggedErrors(StoreError)
        self.store.settle = settle  # type: ignore[method-assign]
        self.remember("geese fly south")
        self.assertEqual(self.links(newer.id), [Link(older.id, "differs", True)])

    def test_what_was_left_is_compared_after_a_restart(self) -> None:
        self.memories.comparing.stop()
        older, newer = self.remember(OLDER), self.remember(NEWER)
        self.assertEqual(self.links(newer.id), [])
        self.memories.comparing.start()
        self.assertEqual(self.links(newer.id), [Link(older.id, "differs", True)])

    def test_the_newer_is_recalled_first_and_the_older_beside_it(self) -> None:
        older = self.remember(OLDER)
        self.clock.advance(60)
        newer = self.remember(NEWER)
        for query in ("daemon port 9999", "daemon port 8080", "daemon of the house"):
            answer = self.recall(query)
            self.assertEqual([each.memory.id for each in answer.ranked], [newer.id, older.id])
            self.assertEqual([each.id for each in answer.differing[newer.id]], [older.id])

    def test_only_a_word_of_somebody_s_supersedes(self) -> None:
        older = self.remember(OLDER)
        newer = self.remember(NEWER, supersedes=older.id)
        self.assertEqual(self.recalled("daemon port"), [newer.id])
        self.assertEqual(self.recall("daemon port").differing, {})


class Placing(MemoryTestCase):
    def test_those_that_differ_come_to_the_place_of_the_better_one(self) -> None:
        ranked = [
            Ranked(memory(id=f"m{key}", key=key, created=float(key)), 1.0 / key, ())
            for key in (1, 2, 3, 4)
        ]
        _, two, three, four = (each.memory for each in ranked)
        placed = newer_first(ranked, {"m2": [four], "m4": [two]}, "")
        self.assertEqual([each.memory.id for each in placed], ["m1", "m4", "m2", "m3"])
        self.assertEqual(newer_first(ranked, {"m3": [memory(id="m9")]}, ""), ranked)
        placed = newer_first(ranked, {"m1": [two, three]}, "")
        self.assertEqual([each.memory.id for each in placed], ["m3", "m2", "m1", "m4"])

    def test_a_name_that_the_question_has_keeps_its_place(self) -> None:
        header, footer = "def add_header(page): return page", "def add_footer(page): return page"
        better = Ranked(memory(id="m1", key=1, created=1.0, text=header), 0.9, ())
        newer = Ranked(memory(id="m2", key=2, created=2.0, text=footer), 0.8, ())
        differing = {"m1": [newer.memory], "m2": [better.memory]}
        for question, ids in (
            ("How is a header added?", ["m1", "m2"]),
            ("How is a page changed?", ["m2", "m1"]),
            ("add_header or add_footer?", ["m2", "m1"]),
        ):
            placed = newer_first([better, newer], differing, question)
            self.assertEqual([each.memory.id for each in placed], ids, question)
