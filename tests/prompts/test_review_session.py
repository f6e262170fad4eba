from tests.prompts.room import PromptTestCase


class Review(PromptTestCase):
    def test_it_brings_what_the_session_remembered_and_asks_for_corrections(self) -> None:
        kept = self.kept("the port is 80")
        for arguments in ({}, {"session": "current"}, {"session": "s1"}):
            session, asked = self.get("review_session", **arguments)
            self.assertEqual(session["resource"]["uri"], "mnemo://session/s1")
            self.assertIn(kept, session["resource"]["text"])
            self.assertIn("amend", asked["text"])
            self.assertIn("forget", asked["text"])

    def test_an_unknown_session_is_refused_by_name(self) -> None:
        self.assertIn("'s404'", self.refusal("review_session", session="s404"))

    def test_sessions_of_the_project_are_completed(self) -> None:
        self.open_session("s2", project="other")
        self.assertEqual(self.completed("review_session", "session", "s"), ["s1"])
