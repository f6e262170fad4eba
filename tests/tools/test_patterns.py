from mnemo.tools.patterns import EVIDENCE_SHOWN
from tests.tools.pattern_room import PatternTestCase
from tests.understanding.room import DAY, OTHERS, POOL


class GetPatterns(PatternTestCase):
    def test_what_recurs_is_shown_with_its_evidence(self) -> None:
        kept = self.recurring(type="error")
        self.look()
        answer = self.call("get_patterns")
        (found,) = answer["patterns"]
        self.assertEqual((found["type"], found["count"]), ("recurring_error", 5))
        self.assertEqual(set(found["evidence"]), set(kept[-EVIDENCE_SHOWN:]))
        self.assertIn(found["description"], POOL)
        self.assertEqual((answer["project"], answer["waiting"]), ("mnemo", 0))
        for each in found["evidence"]:
            self.assertEqual(self.call("check_memory", memory_id=each)["memory"]["id"], each)

    def test_weak_ones_come_only_when_asked_for(self) -> None:
        self.recurring(POOL[:3])
        self.look()
        self.clock.advance(180 * DAY)
        self.assertEqual(self.call("get_patterns")["patterns"], [])
        self.assertEqual(len(self.call("get_patterns", min_strength=0.1)["patterns"]), 1)

    def test_those_of_another_project_do_not_come(self) -> None:
        self.recurring(project="q")
        self.look()
        self.assertEqual(self.call("get_patterns")["patterns"], [])
        self.assertEqual(len(self.call("get_patterns", project="q")["patterns"]), 1)
        self.assertEqual(len(self.call("get_patterns", project="*")["patterns"]), 1)

    def test_where_they_are_not_looked_for_it_says_so(self) -> None:
        self.memories.studies_patterns = False
        self.assertIn("understanding.patterns", self.text("get_patterns"))
        self.assertIn("understanding.patterns", self.text("get_insights"))

    def test_what_waits_is_told(self) -> None:
        self.kept(POOL[0])
        self.assertIn("1 memory still to be looked at", self.text("get_patterns"))


class BesideMemories(PatternTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.recurring()
        self.recurring(OTHERS)
        self.look()

    def test_recall_shows_what_the_memories_it_found_are_part_of(self) -> None:
        answer = self.call("recall", query="connection pool")
        self.assertEqual(len(answer["patterns"]), 1)
        # What it comes to is said by it already.
        self.assertNotIn("abstractions", answer)
        self.assertIn("What they are part of:", self.text("recall", query="connection pool"))

    def test_and_nothing_that_they_are_not_part_of(self) -> None:
        answer = self.call("recall", query="ferries to Stornoway", limit=1)
        self.assertNotIn("patterns", answer)
        self.assertNotIn("abstractions", answer)

    def test_either_can_be_left_out(self) -> None:
        without = self.call("recall", query="connection pool", include_patterns=False)
        self.assertNotIn("patterns", without)
        self.assertIn("abstractions", without)
        without = self.call("recall", query="connection pool", include_abstractions=False)
        self.assertNotIn("abstractions", without)
        self.assertIn("patterns", without)

    def test_memories_come_as_they_would_without(self) -> None:
        found = self.found("connection pool")
        self.memories.studies_patterns = False
        self.assertEqual(self.found("connection pool"), found)

    def test_the_answer_keeps_to_its_budget(self) -> None:
        for tokens in (300, 500, 1000):
            result = self.result("recall", query="connection pool", max_tokens=tokens)
            (block,) = result.content
            self.assertLessEqual(len(block["text"]) / 4, tokens)

    def test_a_project_shows_what_recurs_in_it(self) -> None:
        answer = self.call("recall_project")
        (found,) = answer["patterns"]
        self.assertGreaterEqual(found["strength"], 0.3)
        self.assertIn("What recurs:", self.text("recall_project"))
