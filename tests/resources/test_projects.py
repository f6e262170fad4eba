from tests.resources.room import ResourceTestCase

OURS = "mnemo://project/mnemo/context"


class Contexts(ResourceTestCase):
    def test_the_handoff_comes_first_then_decisions_then_the_rest(self) -> None:
        self.kept("it is fast", type="learning")
        self.kept("we use tantivy", type="decision")
        self.call("create_handoff", completed=["an older note"])
        self.clock.advance(1)
        self.call("create_handoff", pending=["the parser"])
        said = self.read(OURS)
        self.assertTrue(said.startswith("# Project mnemo\n\n4 memories;"))
        places = [said.index(part) for part in ("the parser", "we use tantivy", "it is fast")]
        self.assertEqual(places, sorted(places))
        self.assertNotIn("an older note", said)

    def test_it_keeps_to_its_project_and_to_what_is_not_forgotten(self) -> None:
        self.kept("ours")
        self.kept("theirs", project="other")
        self.call("forget", memory_id=self.kept("gone"))
        said = self.read(OURS)
        self.assertIn("1 memory;", said)
        self.assertNotIn("theirs", said)
        self.assertNotIn("gone", said)
        self.assertIn("theirs", self.read("mnemo://project/other/context"))

    def test_long_texts_are_cut_but_for_the_handoff(self) -> None:
        self.call("create_handoff", completed=["x" * 2000])
        kept = self.kept("y" * 2000)
        said = self.read(OURS)
        self.assertIn("x" * 2000, said)
        self.assertNotIn("y" * 2000, said)
        self.assertIn(f"check_memory {kept} shows them", said)

    def test_what_hides_is_shown(self) -> None:
        self.kept("a\u202eb")
        self.assertIn("a\\u202eb", self.read(OURS))

    def test_the_session_s_own_is_there_before_its_first_memory(self) -> None:
        self.assertIn("Nothing is remembered of it yet.", self.read(OURS))
        self.assertEqual(self.uris("project"), [OURS])

    def test_one_of_which_nothing_is_known_is_told_with_the_nearest(self) -> None:
        self.kept("x", project="klein")
        self.assertEqual(
            self.missing("mnemo://project/klien/context"),
            "Nothing is remembered of this project: is it klein?",
        )

    def test_a_session_lists_its_own_project_alone(self) -> None:
        self.kept("ours")
        self.kept("theirs", project="other")
        self.assertEqual(self.uris("project"), [OURS])
        (listed,) = self.listed("project")
        self.assertEqual(
            listed.annotations,
            {"audience": ["assistant"], "priority": 0.9, "lastModified": "2023-11-14T22:13:20Z"},
        )
        self.session = self.open_session("s2", project="")
        self.assertEqual(self.uris("project"), [OURS, "mnemo://project/other/context"])

    def test_names_are_completed_the_session_s_own_first(self) -> None:
        for name in ("mneme", "Mnemonic", "klein"):
            self.clock.advance(1)
            self.kept("x", project=name)
        self.assertEqual(self.completed("project", "mn"), ["mnemo", "Mnemonic", "mneme"])
        self.assertEqual(self.completed("project", ""), ["mnemo", "klein", "Mnemonic", "mneme"])
