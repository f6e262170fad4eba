from mnemo.store.records import NEVER
from tests.tools.room import ToolTestCase


class Handoff(ToolTestCase):
    def test_it_is_kept_word_for_word_and_never_fades(self) -> None:
        answer = self.call(
            "create_handoff",
            completed=["the parser"],
            pending=["the lexer: see src/lex.py:40"],
            to_test=["unicode"],
            known_issues=["2 % of runs hang"],
            next_session_hint="run make test",
        )
        self.assertEqual((answer["type"], answer["salience"]), ("handoff", 0.95))
        memory = self.known(answer["id"])
        self.assertEqual(memory.fades, NEVER)
        self.assertEqual(
            memory.text,
            "Completed:\n- the parser\n\nPending:\n- the lexer: see src/lex.py:40\n\n"
            "To test:\n- unicode\n\nKnown issues:\n- 2 % of runs hang\n\n"
            "Next session: run make test",
        )

    def test_one_field_is_enough(self) -> None:
        self.call("create_handoff", next_session_hint="begin with the lexer")

    def test_nothing_to_say_is_refused(self) -> None:
        self.assertIn("next_session_hint", self.error("create_handoff"))
        self.assertIn("something to say", self.error("create_handoff", completed=[" "], pending=[]))

    def test_it_is_found_like_any_memory(self) -> None:
        kept = self.call("create_handoff", pending=["feed the heron"], project="other")["id"]
        self.assertEqual(self.found("heron", project="other", type="handoff"), [kept])
