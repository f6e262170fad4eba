from mnemo.tools.budget import tokens
from tests.tools.room import ToolTestCase, ids

DAY = 86400.0


class OneSession(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.kept("from the first session")
        self.other = self.open_session("s2", project="other")

    def test_its_memories_come_newest_first(self) -> None:
        self.clock.advance(1)
        second = self.kept("later")
        self.session = self.other
        self.kept("from another")
        answer = self.call("recall_session", session_id="s1")
        self.assertEqual(ids(answer), [second, self.first])
        self.assertEqual(answer["session"]["client"], "claude-code 2.1")
        self.assertEqual(ids(self.call("recall_session", session_id="s1", limit=1)), [second])

    def test_current_is_the_caller_s_own(self) -> None:
        self.assertEqual(ids(self.call("recall_session", session_id="current")), [self.first])
        self.session = self.other
        self.assertEqual(ids(self.call("recall_session", session_id="current")), [])
        self.assertIn("remembered nothing", self.text("recall_session", session_id="current"))

    def test_an_unknown_session_is_refused_by_name(self) -> None:
        for tool in ("recall_session", "session_summary"):
            said = self.error(tool, session_id="s404")
            self.assertIn("'s404'", said)
            self.assertIn("list_sessions", said)

    def test_an_ended_session_is_still_there(self) -> None:
        self.done(self.store.sessions.end("s1", self.clock.seconds() + 5, "idle"))
        self.session = self.other
        answer = self.call("recall_session", session_id="s1")
        self.assertEqual(ids(answer), [self.first])
        self.assertEqual(answer["session"]["reason"], "idle")
        self.assertIn(
            "ended 2023-11-14T22:13:25Z (idle)", self.text("session_summary", session_id="s1")
        )


class Summary(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept("we use tantivy", type="decision")
        self.kept("it crashed", type="error")
        self.kept("it crashed again", type="error")
        self.other = self.open_session("s2", project="other")

    def test_it_counts_by_type_and_shows_the_newest(self) -> None:
        answer = self.call("session_summary")
        self.assertEqual(answer["by_type"], {"error": 2, "decision": 1})
        self.assertTrue(answer["complete"])
        self.assertEqual(len(answer["memories"]), 3)
        said = self.text("session_summary")
        self.assertIn("3 memories: 2 error, 1 decision", said)
        self.assertIn("we use tantivy", said)

    def test_it_obeys_the_session_asked_for(self) -> None:
        self.session = self.other
        self.assertEqual(self.call("session_summary")["by_type"], {})
        self.assertEqual(self.call("session_summary", session_id="current")["by_type"], {})
        answer = self.call("session_summary", session_id="s1")
        self.assertEqual((answer["session"]["id"], len(answer["memories"])), ("s1", 3))

    def test_it_shows_twenty_at_most(self) -> None:
        for number in range(25):
            self.kept(f"note {number}")
        answer = self.call("session_summary")
        self.assertEqual((len(answer["memories"]), answer["by_type"]["general"]), (20, 25))


class Listing(ToolTestCase):
    def test_sessions_come_latest_first_with_what_they_remembered(self) -> None:
        self.kept("one")
        self.clock.advance(60)
        self.session = self.open_session("s2")
        answer = self.call("list_sessions")
        self.assertEqual([each["session"]["id"] for each in answer["sessions"]], ["s2", "s1"])
        latest, first = answer["sessions"]
        self.assertEqual((latest["memories"], "first_memory_at" in latest), (0, False))
        self.assertEqual((first["memories"], first["last_memory_at"]), (1, "2023-11-14T22:13:20Z"))
        self.assertIn("2 sessions in mnemo in the last 30 days", self.text("list_sessions"))

    def test_only_those_of_the_last_days(self) -> None:
        self.clock.advance(2 * DAY)
        self.session = self.open_session("s2")
        listed = self.call("list_sessions", days_back=1)["sessions"]
        self.assertEqual([each["session"]["id"] for each in listed], ["s2"])

    def test_project_and_limit_are_heeded(self) -> None:
        self.open_session("s2", project="other")
        self.open_session("s3", project="other")
        self.assertEqual(len(self.call("list_sessions")["sessions"]), 1)
        self.assertEqual(len(self.call("list_sessions", project="other")["sessions"]), 2)
        self.assertEqual(len(self.call("list_sessions", project="*")["sessions"]), 3)
        self.assertEqual(len(self.call("list_sessions", project="*", limit=2)["sessions"]), 2)


class Budget(ToolTestCase):
    def test_all_of_a_session_keeps_to_it_and_counts_the_rest(self) -> None:
        for number in range(20):
            self.kept(f"{number}: " + "the heron stands still " * 40)
        for tool in ("recall_session", "session_summary"):
            answer = self.call(tool, session_id="current", max_tokens=500)
            left = answer.get("omitted", 0)
            self.assertEqual(len(answer["memories"]) + len(answer["brief"]) + left, 20)
            said = self.text(tool, session_id="current", max_tokens=500)
            self.assertLessEqual(tokens(said), 500)
            self.assertIn("check_memory", said)
