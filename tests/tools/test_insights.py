from tests.tools.pattern_room import PatternTestCase
from tests.understanding.room import POOL


class GetInsights(PatternTestCase):
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
