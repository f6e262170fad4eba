from mnemo.prompts.catalogue import render_reference
from tests.prompts.room import PromptTestCase


class Catalogue(PromptTestCase):
    def test_the_prompts_are_these_in_order_of_name(self) -> None:
        self.assertEqual(
            list(self.prompts), ["briefing", "handoff", "review_session", "what_do_we_know"]
        )

    def test_each_says_what_it_does_and_what_its_arguments_are(self) -> None:
        for prompt in self.prompts.values():
            described = prompt.description
            self.assertTrue(40 < len(described.description) < 4096, described.name)
            for argument in described.arguments:
                self.assertTrue(argument.description.endswith("."), argument.name)
                self.assertTrue(argument.title)

    def test_every_argument_but_the_topic_is_completed(self) -> None:
        self.kept("x")
        for prompt in self.prompts.values():
            for argument in prompt.description.arguments:
                values = self.completed(prompt.description.name, argument.name, "")
                self.assertEqual(bool(values), argument.name != "topic", argument.name)

    def test_the_page_describes_all_of_them(self) -> None:
        page = render_reference()
        for prompt in self.prompts.values():
            self.assertIn(f"## {prompt.description.name}\n", page)
            self.assertIn(prompt.description.description, page)
