from twisted.internet.defer import succeed

from tests.inference.fakes import NO_MODEL
from tests.tools.room import ToolTestCase


class Status(ToolTestCase):
    def test_it_counts_what_there_is(self) -> None:
        self.kept("one")
        self.kept("two", type="decision", project="other")
        self.call("forget", memory_id=self.kept("three", source="cli"))
        answer = self.call("status")
        self.assertEqual(answer["memories"], {"active": 2, "fading": 0, "archived": 1})
        self.assertEqual(answer["by_project"], {"mnemo": 1, "other": 1})
        self.assertEqual(answer["by_type"], {"decision": 1, "general": 1})
        self.assertEqual(answer["sessions_live"], 1)
        self.assertEqual(answer["project"], "mnemo")
        self.assertGreater(answer["database_bytes"], 0)

    def test_it_names_the_model(self) -> None:
        self.assertEqual(
            self.call("status")["model"],
            {"name": "fake", "device": "cpu", "dimensions": 64, "loads": 1},
        )
        self.assertIn("Model: fake on cpu, loaded 1 time.", self.text("status"))

    def test_it_counts_feedback(self) -> None:
        self.kept("heron")
        self.call(
            "feedback", query_id=self.call("recall", query="heron")["query_id"], quality="partial"
        )
        self.assertEqual(self.call("status")["feedback"], {"partial": 1})

    def test_all_is_well(self) -> None:
        self.assertEqual(self.call("status")["degraded"], [])
        self.assertIn("Every part works.", self.text("status"))

    def test_without_a_model_it_says_what_mends_it_and_what_waits(self) -> None:
        self.embedder.take_model_away()
        self.kept("heron")
        answer = self.call("status")
        self.assertEqual((answer["model"], answer["vectors_waiting"]), (None, 1))
        self.assertEqual((answer["enrichment_waiting"], answer["enrichment_parked"]), (1, 0))
        self.assertIn(NO_MODEL, answer["degraded"])
        self.assertIn(f"Degraded: {NO_MODEL}", self.text("status"))

    def test_a_search_leg_that_is_down_is_told(self) -> None:
        legs = {"text": "the index is damaged", "vector": ""}
        self.patch(self.store, "self_test", lambda now: succeed(legs))
        self.assertEqual(self.call("status")["degraded"], ["text search: the index is damaged"])
