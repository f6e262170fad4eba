from mnemo.resources.handoffs import LISTED
from tests.resources.room import ResourceTestCase


class Handoffs(ResourceTestCase):
    def hand_off(self, done: str, **arguments: str) -> str:
        made: str = self.call("create_handoff", completed=[done], **arguments)["id"]
        return made

    def test_it_is_there_word_for_word(self) -> None:
        made = self.hand_off("the lexer")
        said = self.read(f"mnemo://handoff/{made}")
        self.assertTrue(said.endswith("\n---\n\nCompleted:\n- the lexer"))

    def test_no_other_memory_is_one(self) -> None:
        kept = self.kept("x")
        self.assertIn("No handoff", self.missing(f"mnemo://handoff/{kept}"))
        self.assertIn("No handoff", self.missing("mnemo://handoff/m404"))

    def test_those_of_the_project_are_listed(self) -> None:
        ours = self.hand_off("the lexer")
        theirs = self.hand_off("the parser", project="other")
        (listed,) = self.listed("handoff")
        self.assertEqual(listed.uri, f"mnemo://handoff/{ours}")
        self.assertEqual(listed.title, "Handoff of mnemo, 2023-11-14T22:13:20Z")
        self.assertEqual(listed.description, "Completed: - the lexer")
        self.assertEqual(listed.annotations["lastModified"], "2023-11-14T22:13:20Z")
        self.session = self.open_session("s2", project="")
        self.assertEqual(
            self.uris("handoff"), [f"mnemo://handoff/{ours}", f"mnemo://handoff/{theirs}"]
        )

    def test_of_many_the_newest_are_listed_in_order_of_address(self) -> None:
        made = []
        for number in range(LISTED + 5):
            self.clock.advance(1)
            made.append(self.hand_off(f"step {number}"))
        newest = sorted(f"mnemo://handoff/{each}" for each in made[5:])
        self.assertEqual(self.uris("handoff"), newest)

    def test_pages_follow_each_other_though_some_go_meanwhile(self) -> None:
        made = [self.hand_off(f"step {number}") for number in range(9)]
        first = self.uris("handoff", limit=4)
        self.assertEqual(len(first), 4)
        self.call("forget", memory_id=first[-1].rpartition("/")[2])
        rest = self.uris("handoff", after=first[-1])
        self.assertEqual(first + rest, sorted(f"mnemo://handoff/{each}" for each in made))

    def test_ids_are_completed(self) -> None:
        made = self.hand_off("the lexer")
        self.kept("x")
        self.assertEqual(self.completed("handoff", "M"), [made])
        self.assertEqual(self.completed("handoff", "x"), [])
