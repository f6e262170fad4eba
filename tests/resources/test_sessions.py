from tests.resources.room import ResourceTestCase

DAY = 86400.0


class Sessions(ResourceTestCase):
    def test_it_shows_who_it_was_and_what_it_remembered(self) -> None:
        kept = self.kept("the heron \u202estands")
        said = self.read("mnemo://session/s1")
        self.assertTrue(said.startswith("# Session s1\n\ns1; claude-code 2.1; mnemo; 2023-"))
        self.assertIn(f"### {kept}: general, 2023-11-14T22:13:20Z", said)
        self.assertIn("the heron \\u202estands", said)

    def test_one_that_remembered_nothing_says_so(self) -> None:
        self.assertIn("Nothing remembered.", self.read("mnemo://session/s1"))

    def test_what_is_not_there_is_told(self) -> None:
        self.assertIn("list_sessions", self.missing("mnemo://session/s404"))

    def test_those_of_the_project_that_remembered_something_are_listed(self) -> None:
        self.kept("ours")
        self.open_session("s2")
        self.session = self.open_session("s3", project="other")
        self.kept("theirs")
        self.assertEqual(self.uris("session"), ["mnemo://session/s3"])
        self.session = self.open_session("s4")
        (listed,) = self.listed("session")
        self.assertEqual(listed.uri, "mnemo://session/s1")
        self.assertEqual(listed.description, "Remembered 1 memory.")
        self.session = self.open_session("s5", project="")
        self.assertEqual(self.uris("session"), ["mnemo://session/s1", "mnemo://session/s3"])

    def test_those_of_long_ago_are_not_listed_but_read(self) -> None:
        self.kept("ours")
        self.clock.advance(31 * DAY)
        self.assertEqual(self.uris("session"), [])
        self.assertIn("ours", self.read("mnemo://session/s1"))

    def test_ids_are_completed_the_session_itself_first(self) -> None:
        self.clock.advance(1)
        self.open_session("s2")
        self.open_session("x3", project="other")
        self.assertEqual(self.completed("session", "s"), ["s1", "s2"])
        self.assertEqual(self.completed("session", "x"), [])
