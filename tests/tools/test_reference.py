from mnemo.tools.catalogue import render_reference
from tests.tools.room import ToolTestCase


class Reference(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.page = render_reference()

    def test_every_tool_and_argument_is_on_it(self) -> None:
        for name, tool in self.tools.items():
            self.assertIn(f"## {name}\n", self.page)
            self.assertIn(tool.description.description, self.page)
            for argument in tool.description.input_schema["properties"]:
                self.assertIn(f"| `{argument}` |", self.page)

    def test_it_says_what_an_argument_accepts_and_what_it_is_without_one(self) -> None:
        self.assertIn("| `limit` | an integer from 1 to 100 | `5` |", self.page)
        self.assertIn("| `query` | a string of 1 to 10,000 characters | **needed** |", self.page)

    def test_the_parts_of_objects_are_on_it(self) -> None:
        self.assertIn("| `queries[].limit` |", self.page)
        self.assertIn("| `associate_with[].relation` |", self.page)
