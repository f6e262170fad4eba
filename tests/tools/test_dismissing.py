from tests.tools.pattern_room import PatternTestCase
from tests.understanding.room import POOL


class Dismissing(PatternTestCase):
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
