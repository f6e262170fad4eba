from tests.prompts.room import PromptTestCase


class Briefing(PromptTestCase):
    def test_it_brings_the_context_of_the_project(self) -> None:
        self.call("create_handoff", pending=["the parser"])
        kept = self.kept("we use tantivy", type="decision")
        context, asked = self.get("briefing")
        self.assertEqual(context["resource"]["uri"], "mnemo://project/mnemo/context")
        for part in ("the parser", kept, "we use tantivy"):
            self.assertIn(part, context["resource"]["text"])
        self.assertIn("the project 'mnemo'", asked["text"])

    def test_another_project_is_named(self) -> None:
        self.kept("theirs", project="other")
        context, _ = self.get("briefing", project="/src/other")
        self.assertEqual(context["resource"]["uri"], "mnemo://project/other/context")
        self.assertIn("theirs", context["resource"]["text"])

    def test_of_a_new_project_it_says_that_nothing_is_known(self) -> None:
        context, _ = self.get("briefing", project="new")
        self.assertIn("Nothing is remembered of it yet.", context["resource"]["text"])

    def test_without_any_project_one_has_to_be_given(self) -> None:
        self.session = self.open_session("s2", project="")
        self.assertIn("give one", self.refusal("briefing"))
        self.assertIn("names no project", self.refusal("briefing", project="*"))
