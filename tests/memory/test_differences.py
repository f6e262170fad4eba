from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.differences import LIKE, SIMILAR, Difference, differences, likeness, relation

DIFFERENT = (
    ("number", "the port is 9999", "the port is 8080", "9999", "8080"),
    ("number", "retry three times at most", "retry 5 times at most", "three", "5"),
    ("number", "we use Python 3.11 here", "we use Python 3.12 here", "3.11", "3.12"),
    ("number", "the offset is -1", "the offset is 1", "-1", "1"),
    ("version", "tantivy v0.25.1 is pinned", "tantivy 0.26.0 is pinned", "v0.25.1", "0.26.0"),
    ("version", "it runs on 1.2.3rc1", "it runs on 1.2.3", "1.2.3rc1", "1.2.3"),
    (
        "date",
        "we ship on 2026-11-20",
        "we ship on 21 November 2026",
        "2026-11-20",
        "21 November 2026",
    ),
    ("date", "frozen from May 3", "frozen from May 4", "May 3", "May 4"),
    ("time", "the backup is at 14:30", "the backup is at 15:30", "14:30", "15:30"),
    ("quantity", "the timeout is 30 s", "the timeout is 30 ms", "30 s", "30 ms"),
    ("quantity", "at most 5 MB each", "at most 5 GB each", "5 MB", "5 GB"),
    ("quantity", "the budget is $500", "the budget is €500", "$500", "€500"),
    ("quantity", "covers 90% of it", "covers 95 percent of it", "90%", "95 percent"),
    ("identifier", "call get_user first", "call get_account first", "get_user", "get_account"),
    ("identifier", "it is in mnemo/a.py", "it is in mnemo/b.py", "mnemo/a.py", "mnemo/b.py"),
    ("identifier", "sorted by `id` only", "sorted by `name` only", "`id`", "`name`"),
    ("name", "the owner is Ann", "the owner is Bob", "Ann", "Bob"),
    ("name", "we keep it in sqlite", "we keep it in postgres", "sqlite", "postgres"),
    ("negation", "the API is stable", "the API is not stable", "", "not"),
    ("negation", "it isn't safe to cache", "it is safe to cache", "isn't", ""),
    ("negation", "it is never null", "it is always null", "never", ""),
)

AGREEING = (
    ("the timeout is 30 s", "the timeout is 30 seconds"),
    ("at most 1,000 rows", "at most 1000 rows"),
    ("retry three times", "retry 3 times"),
    ("we ship on 2026-11-20", "we ship on November 20th, 2026"),
    ("v1.2.3 is out", "1.2.3 is out"),
    ("at 9:05 each day", "at 09:05 each day"),
    ("the port is 9999", "the port is 9999, and 5 retries"),
    ("it is not never open", "it is now always open"),
)


class Facts(SynchronousTestCase):
    def test_each_kind_of_difference_is_found_with_what_both_say(self) -> None:
        for kind, one, other, mine, theirs in DIFFERENT:
            found = differences(one, other)
            self.assertEqual(found, [Difference(kind, mine, theirs)], (one, other))  # type: ignore[arg-type]

    def test_it_is_the_same_difference_from_the_other_side(self) -> None:
        for kind, one, other, mine, theirs in DIFFERENT:
            found = differences(other, one)
            self.assertEqual(found, [Difference(kind, theirs, mine)], (other, one))  # type: ignore[arg-type]

    def test_what_means_the_same_or_only_adds_is_no_difference(self) -> None:
        for one, other in AGREEING:
            self.assertEqual(differences(one, other), [], (one, other))

    @given(st.text(max_size=300))
    @settings(deadline=None)
    def test_a_text_does_not_differ_from_itself(self, text: str) -> None:
        self.assertEqual(differences(text, text), [])
        self.assertEqual(likeness(text, text), 1.0)

    @given(st.text(max_size=80), st.text(max_size=80))
    @settings(deadline=None)
    def test_likeness_is_a_share(self, one: str, other: str) -> None:
        self.assertTrue(0.0 <= likeness(one, other) <= 1.0)


class Relations(SynchronousTestCase):
    def test_a_changed_fact_in_the_same_words_differs(self) -> None:
        for _, one, other, *_ in DIFFERENT:
            self.assertEqual(relation(one, other, LIKE), "differs", (one, other))

    def test_the_same_facts_in_near_words_are_similar(self) -> None:
        self.assertEqual(
            relation("the port of the daemon is 9999", "the port of our daemon is 9999", 0.95),
            "similar",
        )

    def test_other_words_are_similar_only_where_the_meaning_is_very_near(self) -> None:
        one, other = "deploys happen on Friday mornings", "every week we release before the weekend"
        self.assertIsNone(relation(one, other, SIMILAR - 0.01))
        self.assertEqual(relation(one, other, SIMILAR), "similar")

    def test_other_facts_in_other_words_do_not_differ(self) -> None:
        self.assertIsNone(relation("the port is 9999", "my bike has 21 gears and a bell", 0.8))

    def test_what_differs_in_much_is_about_something_else(self) -> None:
        one = "the ports are " + ", ".join(map(str, range(1, 20)))
        other = "the ports are " + ", ".join(map(str, range(21, 40)))
        self.assertEqual(relation(one, other, SIMILAR), "similar")

    def test_far_apart_is_not_compared(self) -> None:
        self.assertIsNone(relation("the port is 9999", "the port is 8080", LIKE - 0.01))
