from mnemo.tools.budget import tokens
from tests.tools.room import ToolTestCase, ids

HOUR = 3600.0


class Project(ToolTestCase):
    def test_the_newest_come_first(self) -> None:
        older = self.kept("older")
        self.clock.advance(1)
        newer = self.kept("newer")
        self.kept("elsewhere", project="other")
        answer = self.call("recall_project")
        self.assertEqual(ids(answer), [newer, older])
        self.assertEqual((answer["project"], answer["total"]), ("mnemo", 2))
        self.assertNotIn("query_id", answer)
        self.assertFalse(any("score" in memory for memory in answer["memories"]))

    def test_the_latest_handoff_is_shown_first_and_once(self) -> None:
        self.call("create_handoff", completed=["first"])
        self.clock.advance(1)
        latest = self.call("create_handoff", completed=["second"])["id"]
        self.clock.advance(1)
        self.kept("newer")
        answer = self.call("recall_project")
        self.assertEqual(answer["handoff"]["id"], latest)
        self.assertNotIn(latest, ids(answer))
        self.assertEqual(answer["total"], 3)
        said = self.text("recall_project")
        self.assertLess(said.index("second"), said.index("newer"))

    def test_a_query_brings_what_answers_it_and_can_be_judged(self) -> None:
        heron = self.kept("a heron")
        self.kept("taxes")
        self.call("create_handoff", completed=["the lexer"])
        answer = self.call("recall_project", query="heron")
        self.assertEqual(ids(answer), [heron])
        self.assertGreater(answer["memories"][0]["score"], 0)
        self.assertIn("the lexer", answer["handoff"]["text"])
        judged = self.call("feedback", query_id=answer["query_id"], quality="helpful")["judged"]
        self.assertEqual([each["id"] for each in judged], [heron])

    def test_filters_act_before_the_limit(self) -> None:
        rare = self.kept("rare", type="insight", source="cli")
        for number in range(12):
            self.clock.advance(1)
            self.kept(f"newer {number}")
        self.assertEqual(ids(self.call("recall_project", limit=1, type="insight")), [rare])
        self.assertEqual(ids(self.call("recall_project", limit=1, source="cli")), [rare])
        self.assertEqual(ids(self.call("recall_project", limit=1, min_salience=0.8)), [rare])
        self.assertEqual(len(ids(self.call("recall_project"))), 10)

    def test_another_project_or_all_of_them(self) -> None:
        self.kept("ours")
        theirs = self.kept("theirs", project="other")
        answer = self.call("recall_project", project="other")
        self.assertEqual((ids(answer), answer["total"]), ([theirs], 1))
        answer = self.call("recall_project", project="*")
        self.assertEqual((answer["project"], answer["total"]), ("all projects", 2))

    def test_an_unknown_project_holds_nothing(self) -> None:
        answer = self.call("recall_project", project="nowhere")
        self.assertEqual((answer["memories"], answer["total"]), ([], 0))
        self.assertNotIn("handoff", answer)
        self.assertEqual(
            self.text("recall_project", project="nowhere"), "nowhere: 0 memories.\nNothing found."
        )


class Timeline(ToolTestCase):
    def test_the_last_day_newest_first(self) -> None:
        old = self.kept("old")
        self.clock.advance(20 * HOUR)
        middle = self.kept("middle")
        self.clock.advance(5 * HOUR)
        new = self.kept("new")
        self.assertEqual(ids(self.call("recall_timeline")), [new, middle])
        self.assertEqual(ids(self.call("recall_timeline", hours_back=48)), [new, middle, old])
        self.assertEqual(ids(self.call("recall_timeline", hours_back=0.5)), [new])

    def test_filters_act_before_the_limit(self) -> None:
        rare = self.kept("rare", type="insight", source="cli")
        for number in range(5):
            self.clock.advance(1)
            self.kept(f"newer {number}")
        for wanted in ({"type": "insight"}, {"source": "cli"}, {"min_salience": 0.8}):
            self.assertEqual(ids(self.call("recall_timeline", limit=1, **wanted)), [rare])

    def test_it_keeps_to_the_project(self) -> None:
        self.kept("elsewhere", project="other")
        self.assertEqual(self.text("recall_timeline"), "0 memories in mnemo in the last 24 hours")
        self.assertEqual(len(ids(self.call("recall_timeline", project="*"))), 1)

    def test_forgotten_ones_are_left_out(self) -> None:
        self.call("forget", memory_id=self.kept("heron"))
        self.assertEqual(ids(self.call("recall_timeline")), [])
        self.assertEqual(ids(self.call("recall_timeline", state="archived")), ["m1"])

    def test_odd_spans_are_refused(self) -> None:
        for hours in (0, -1, 1e9, "24"):
            self.assertIn("hours_back", self.error("recall_timeline", hours_back=hours))


class Budget(ToolTestCase):
    def test_the_handoff_and_the_memories_share_it(self) -> None:
        for number in range(10):
            self.kept(f"{number}: " + "the heron stands still " * 40)
        handoff = self.call("create_handoff", completed=["the lexer " * 2000])["id"]
        answer = self.call("recall_project", max_tokens=1500)
        self.assertEqual(answer["handoff"]["id"], handoff)
        self.assertGreater(answer["handoff"]["left_out"], 0)
        self.assertTrue(answer["brief"])
        said = self.text("recall_project", max_tokens=1500)
        self.assertLessEqual(tokens(said), 1500)
        self.assertIn(f"check_memory {handoff} shows them", said)

    def test_a_timeline_keeps_to_it_and_says_how_many_there_are(self) -> None:
        for number in range(20):
            self.kept(f"{number}: " + "the heron stands still " * 40)
        said = self.text("recall_timeline", max_tokens=500)
        self.assertLessEqual(tokens(said), 500)
        self.assertTrue(said.startswith("20 memories in mnemo"))
