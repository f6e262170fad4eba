from tests.tools.room import ToolTestCase


class Activating(ToolTestCase):
    def test_the_session_works_there_from_now_on(self) -> None:
        kept = self.kept("heron", project="pond")
        answer = self.call("activate_project", project="pond")
        self.assertEqual(answer, {"project": "pond", "memories": 1, "earlier": "mnemo"})
        self.assertEqual(self.found("heron"), [kept])
        self.assertEqual(self.call("remember", text="x")["project"], "pond")
        self.assertEqual(self.call("status")["project"], "pond")

    def test_another_session_stays_where_it_is(self) -> None:
        first, second = self.session, self.open_session("s2")
        self.call("activate_project", project="pond")
        self.session = second
        self.call("activate_project", project="sea")
        self.assertEqual((first.project, second.project), ("pond", "sea"))
        third = self.open_session("s3")
        self.assertEqual(third.project, "mnemo")

    def test_an_argument_still_comes_first(self) -> None:
        kept = self.kept("heron")
        self.call("activate_project", project="pond")
        self.assertEqual(self.found("heron", project="mnemo"), [kept])

    def test_a_path_names_its_project(self) -> None:
        self.assertEqual(self.call("activate_project", project="/no/such/pond")["project"], "pond")

    def test_it_says_what_has_changed(self) -> None:
        self.assertEqual(
            self.text("activate_project", project="pond"),
            "This session works in pond now (0 memories); before: mnemo.",
        )
        self.assertEqual(
            self.text("activate_project", project="pond"),
            "This session stays in pond (0 memories), whatever the client says.",
        )

    def test_all_projects_are_not_one(self) -> None:
        self.assertIn("one project", self.error("activate_project", project="*"))
        self.assertIn("names no project", self.error("activate_project", project="/"))

    def test_every_answer_names_the_project_of_the_session(self) -> None:
        self.assertEqual(self.result("status").meta, {"mnemo/project": "mnemo"})
        result = self.result("activate_project", project="pond")
        self.assertEqual(result.meta, {"mnemo/project": "pond"})
        self.assertEqual(self.result("recall").meta, {"mnemo/project": "pond"})
        self.session = self.open_session("s2", project="")
        self.assertEqual(self.result("status").meta, {})
