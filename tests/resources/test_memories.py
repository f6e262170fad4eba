from mnemo.tools.shown import shown
from tests.resources.room import ResourceTestCase


class Memories(ResourceTestCase):
    def test_the_text_is_there_with_nothing_hidden_in_it(self) -> None:
        text = "the heron\n\n  stands \u202estill\u2069 \n"
        kept = self.kept(text, type="decision", concepts=["birds"])
        head, _, body = self.read(f"mnemo://memory/{kept}").partition("\n\n---\n\n")
        self.assertEqual(body, shown(text))
        self.assertIn("\n\n  stands \\u202estill", body)
        self.assertEqual(
            head,
            "# Memory m1\n\n"
            "- type: decision\n- project: mnemo\n- state: active\n- source: mcp\n"
            "- session: s1\n- made: 2023-11-14T22:13:20Z\n- salience: 0.85\n- concepts: birds",
        )

    def test_it_says_what_became_of_it(self) -> None:
        kept = self.kept("one")
        self.clock.advance(60)
        self.call("amend", memory_id=kept, corrected_content="two")
        self.call("forget", memory_id=kept)
        said = self.read(f"mnemo://memory/{kept}")
        self.assertIn("- amended: 2023-11-14T22:14:20Z, version 2\n", said)
        self.assertIn("- state: archived\n", said)

    def test_a_field_cannot_look_like_another(self) -> None:
        kept = self.kept("x", source="cli\n- state: \u202eactive")
        said = self.read(f"mnemo://memory/{kept}")
        self.assertIn("- source: cli - state: \\u202eactive\n", said)

    def test_nothing_is_hidden_in_any_resource_nor_in_a_list(self) -> None:
        hiding = "x\u202ey\u200bz"
        self.session = self.open_session("s\u202e9", project=f"p{hiding}")
        self.call("create_handoff", completed=[hiding])
        kept = self.kept(hiding, concepts=[hiding])
        self.call("amend", memory_id=kept, corrected_content=hiding * 2)
        found = [each for kind in self.families for each in self.listed(kind)]
        self.assertEqual(len({each.uri.partition("://")[2].partition("/")[0] for each in found}), 3)
        for each in found:
            for said in (each.name, each.title, each.description, self.read(each.uri)):
                self.assertEqual(said, shown(said))
        for uri in (f"mnemo://memory/{kept}", f"mnemo://memory/{kept}/history"):
            self.assertIn("x\\u202ey\\u200bz", self.read(uri))
            self.assertEqual(self.read(uri), shown(self.read(uri)))

    def test_none_are_listed(self) -> None:
        self.kept("x")
        self.assertEqual(self.uris("memory"), [])

    def test_one_of_another_project_is_read_by_its_address(self) -> None:
        kept = self.kept("theirs", project="other")
        self.assertIn("- project: other\n", self.read(f"mnemo://memory/{kept}"))

    def test_what_is_not_there_is_told(self) -> None:
        self.assertIn("never kept, or removed", self.missing("mnemo://memory/m404"))

    def test_ids_are_completed_newest_first_within_the_project(self) -> None:
        kept = []
        for number in range(12):
            self.clock.advance(1)
            kept.append(self.kept(f"note {number}"))
        self.kept("theirs", project="other")
        self.assertEqual(self.completed("memory", "m1"), ["m12", "m11", "m10", "m1"])
        self.assertEqual(self.completed("memory", ""), kept[::-1])
