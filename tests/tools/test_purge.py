from tests.tools.room import AskedClient, ToolTestCase


class Purging(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.kept("the heron stands", project="pond")
        self.call("forget", memory_id=self.kept("forgotten", project="pond"))
        self.other = self.kept("the heron flies")

    def test_all_of_it_goes_and_nothing_else(self) -> None:
        self.client = AskedClient({"project": "pond"})
        answer = self.call("purge_project", project="pond")
        self.assertEqual(answer, {"project": "pond", "memories": 2})
        self.assertEqual(self.found("heron", project="*"), [self.other])
        self.assertEqual(self.found("forgotten", project="*", state="archived"), [])
        self.assertIn("nothing is remembered", self.error("purge_project", project="pond"))

    def test_the_user_is_told_how_much_would_go_and_repeats_the_name(self) -> None:
        self.client = client = AskedClient({"project": " pond "})
        self.assertIn("2 memories of pond", self.text("purge_project", project="/a/pond"))
        (question,) = client.questions
        self.assertIn("all 2 memories of the project “pond”", question.params["message"])
        self.assertEqual(question.params["requestedSchema"]["required"], ["project"])

    def test_another_name_or_none_removes_nothing(self) -> None:
        for content in ({"project": "Pond"}, {"project": ""}, {"project": True}, {}, None):
            self.client = AskedClient(content)
            self.assertIn("not repeated", self.error("purge_project", project="pond"))
        self.client = AskedClient(action="decline")
        self.assertIn("declined", self.error("purge_project", project="pond"))
        self.assertEqual(self.found("heron", project="pond"), [self.first])

    def test_a_client_that_cannot_ask_is_told_what_to_do_instead(self) -> None:
        self.assertIn("mnemo purge PROJECT", self.error("purge_project", project="pond"))
        self.assertEqual(self.found("heron", project="pond"), [self.first])

    def test_one_project_is_named_and_no_default_is_taken(self) -> None:
        self.assertIn('needs "project"', self.error("purge_project"))
        self.assertIn("one project", self.error("purge_project", project="*"))
        self.assertIn("names no project", self.error("purge_project", project="/"))

    def test_a_long_one_says_how_far_it_is(self) -> None:
        for number in range(450):
            self.remember(f"note {number}", project="pond")
        self.client = client = AskedClient({"project": "pond"})
        purge = self.store.purge

        def slow(ids: list[str]) -> object:
            self.clock.advance(0.2)
            return purge(ids)

        self.patch(self.store, "purge", slow)
        self.call("purge_project", project="pond")
        self.assertEqual(
            client.told,
            [
                (200, 452, "200 of 452 memories removed"),
                (400, 452, "400 of 452 memories removed"),
            ],
        )


class NoTrace(ToolTestCase):
    def test_no_byte_of_it_is_left_in_the_database(self) -> None:
        secret = "xyzzy-4711"
        self.kept(f"the password is {secret}", project="pond")
        self.call("amend", memory_id="m1", corrected_content=f"it was {secret}")
        self.call("recall", query=secret, project="pond")
        self.clock.advance(60)
        self.client = AskedClient({"project": "pond"})
        files = [*self.store._directory.glob("memory.sqlite3*")]
        self.assertTrue(any(secret.encode() in file.read_bytes() for file in files))
        self.call("purge_project", project="pond")
        for file in files:
            self.assertNotIn(secret.encode(), file.read_bytes(), file.name)
