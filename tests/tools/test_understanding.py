from typing import Any

from mnemo.tools.budget import Cost, cost_of
from mnemo.tools.understanding import EVIDENCE_SHOWN, Patterns, PatternView, fitted, some_of
from tests.tools.room import ToolTestCase
from tests.understanding.room import DAY, OTHERS, POOL, let_look, studying_of


class UnderstandingToolTestCase(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.memories.studies_patterns = True
        self.studying = studying_of(self)
        self.studying.start()
        self.addCleanup(lambda: self.done(self.studying.stop()))

    def recurring(self, texts: tuple[str, ...] = POOL, **arguments: Any) -> list[str]:
        kept = []
        for number, text in enumerate(texts):
            self.session = self.open_session(f"of {number} {text}")
            kept.append(self.kept(text, **arguments))
            self.clock.advance(DAY)
        return kept

    def look(self) -> None:
        let_look(self)


class GetPatterns(UnderstandingToolTestCase):
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

    def test_an_answer_keeps_to_its_budget(self) -> None:
        view = PatternView(
            id="p1",
            title="billing",
            type="theme",
            strength=0.5,
            description="x" * 300,
            source_id="m1",
            count=3,
            occasions=2,
            first_seen="2024-01-01T00:00:00Z",
            last_seen="2024-01-02T00:00:00Z",
            evidence=["m1"],
        )
        whole = Patterns(project="p", patterns=[view] * 50, waiting=0)
        for tokens in (300, 1000, 5000):
            cut = fitted(whole, "patterns", Cost.allowed(tokens))
            self.assertLessEqual(cost_of(cut).tokens, tokens)
            self.assertEqual(len(cut.patterns) + (cut.omitted or 0), 50)
            self.assertTrue(cut.patterns)
        self.assertEqual(some_of([view], str, Cost(0, 0)), [])


class GetInsights(UnderstandingToolTestCase):
    def test_a_strong_pattern_is_an_insight_with_its_evidence(self) -> None:
        kept = self.recurring()
        self.look()
        (found,) = self.call("get_insights")["abstractions"]
        self.assertIn(found["description"], POOL)
        self.assertEqual((found["model"], set(found["evidence"])), ("extractive", set(kept)))
        self.assertIn(found["description"], self.text("get_insights"))

    def test_the_memory_itself_is_observed_whatever_is_looked_for(self) -> None:
        self.memories.studies_patterns = False
        kept = self.kept("Nothing of this is about anything.")
        for number in range(20):
            self.call("feedback", query=f"{number}", quality="irrelevant", memory_ids=[kept])
        (found,) = self.call("get_insights")["observations"]
        self.assertEqual(found["name"], "irrelevant_recalls")
        self.assertIn("20 of 20", found["text"])


class Dismissing(UnderstandingToolTestCase):
    def test_a_dismissed_pattern_stays_away_and_its_memories_stay(self) -> None:
        kept = self.recurring(POOL[:4])
        self.look()
        (found,) = self.call("get_patterns")["patterns"]
        answer = self.call("dismiss_pattern", pattern_id=found["id"])
        self.assertEqual(answer, {"id": found["id"], "title": found["title"]})
        self.recurring(POOL[4:])
        self.look()
        self.assertEqual(self.call("get_patterns", min_strength=0)["patterns"], [])
        self.assertEqual(len(self.done(self.store.get(kept))), 4)
        again = self.call("dismiss_pattern", pattern_id=found["id"])
        self.assertEqual(again["id"], found["id"])

    def test_a_dismissed_insight_stays_away(self) -> None:
        self.recurring(POOL[:4])
        self.look()
        (found,) = self.call("get_insights")["abstractions"]
        self.call("dismiss_abstraction", abstraction_id=found["id"])
        self.recurring(POOL[4:])
        self.look()
        self.assertEqual(self.call("get_insights")["abstractions"], [])
        self.assertEqual(len(self.call("get_patterns")["patterns"]), 1)

    def test_what_is_not_there_cannot_be_dismissed(self) -> None:
        self.assertIn("get_patterns lists them", self.error("dismiss_pattern", pattern_id="x"))
        self.assertIn("get_insights", self.error("dismiss_abstraction", abstraction_id="x"))


class BesideMemories(UnderstandingToolTestCase):
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
