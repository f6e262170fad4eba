from tests.resources.room import ResourceTestCase


class Histories(ResourceTestCase):
    def test_every_text_is_there_with_its_span_newest_first(self) -> None:
        kept = self.kept("one")
        self.clock.advance(60)
        self.call("amend", memory_id=kept, corrected_content="two \u202e")
        self.assertEqual(
            self.read(f"mnemo://memory/{kept}/history"),
            "# History of memory m1\n\n"
            "## Version 2, since 2023-11-14T22:14:20Z\n\ntwo \\u202e\n\n"
            "## Version 1, 2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z\n\none",
        )

    def test_what_it_replaced_follows(self) -> None:
        old = self.kept("the port is ninety")
        new = self.kept("the port is forty", supersedes=old)
        newest = self.kept("the port is eight", supersedes=new)
        said = self.read(f"mnemo://memory/{newest}/history")
        self.assertIn(f"\n\nIt replaced {new}:\n\n## Version 1", said)
        self.assertIn(f"\n\nIt replaced {old}:\n\n## Version 1", said)
        self.assertIn("and is forgotten", said)
        self.assertLess(said.index("forty"), said.index("ninety"))

    def test_two_that_replaced_each_other_end_somewhere(self) -> None:
        one = self.kept("the port is ninety")
        other = self.kept("the port is forty", supersedes=one)
        self.call("forget", memory_id=one, restore=True)
        again = self.call("remember", text="the port is ninety", supersedes=other)
        self.assertEqual(again["id"], one)
        self.assertEqual(self.read(f"mnemo://memory/{one}/history").count("It replaced"), 1)

    def test_what_is_not_there_is_told(self) -> None:
        self.assertIn("never kept, or removed", self.missing("mnemo://memory/m404/history"))

    def test_ids_are_completed(self) -> None:
        kept = self.kept("one")
        self.assertEqual(self.completed("history", ""), [kept])
