from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.handoff import compose


class Handoff(SynchronousTestCase):
    def test_it_has_a_heading_for_each_part_that_says_something(self) -> None:
        note = compose(
            completed=["parser", "lexer"], known_issues=["loops on ''"], next_session_hint="tests"
        )
        self.assertEqual(
            note,
            "Completed:\n- parser\n- lexer\n\nKnown issues:\n- loops on ''\n\nNext session: tests",
        )

    def test_blank_entries_are_left_out(self) -> None:
        self.assertEqual(compose(pending=["", "  ", "x"]), "Pending:\n- x")

    def test_nothing_makes_nothing(self) -> None:
        self.assertEqual(compose(), "")
        self.assertEqual(compose(to_test=[" "], next_session_hint="\n"), "")

    @given(st.lists(st.text()), st.lists(st.text()), st.text())
    def test_every_entry_is_in_it_word_for_word(
        self, done: list[str], left: list[str], hint: str
    ) -> None:
        note = compose(completed=done, pending=left, next_session_hint=hint)
        for entry in (*done, *left, hint):
            if entry.strip():
                self.assertIn(entry, note)
