from tests.prompts.room import PromptTestCase


class Handoff(PromptTestCase):
    def test_it_brings_what_this_session_remembered(self) -> None:
        self.kept("ours")
        self.session = self.open_session("s2")
        kept = self.kept("the lexer is done")
        session, asked = self.get("handoff")
        self.assertEqual(session["resource"]["uri"], "mnemo://session/s2")
        self.assertIn(kept, session["resource"]["text"])
        self.assertNotIn("ours", session["resource"]["text"])
        self.assertIn("create_handoff once, with project 'mnemo'", asked["text"])

    def test_every_field_of_the_tool_is_explained(self) -> None:
        (_, asked) = self.get("handoff")
        fields = self.tools["create_handoff"].description.input_schema["properties"]
        for name in fields:
            self.assertIn(name, asked["text"])

    def test_it_is_for_the_project_asked_for(self) -> None:
        self.assertIn("project 'other'", self.get("handoff", project="other")[1]["text"])
