from tests.tools.room import ToolTestCase


class Pinning(ToolTestCase):
    def test_a_pinned_memory_says_so_and_does_not_fade(self) -> None:
        kept = self.kept("use tabs")
        answer = self.call("pin", memory_id=kept)
        self.assertTrue(answer["pinned"])
        self.assertTrue(answer["memory"]["pinned"])
        self.clock.advance(3_650 * 86400)
        (memory,) = self.call("recall", query="tabs")["memories"]
        self.assertEqual((memory["state"], memory["pinned"]), ("active", True))

    def test_it_can_be_undone(self) -> None:
        kept = self.kept("use tabs")
        self.assertIn("does not fade", self.text("pin", memory_id=kept))
        self.assertIn("fades with age", self.text("pin", raw_id=kept, pinned=False))
        self.assertNotIn("pinned", self.call("check_memory", memory_id=kept)["memory"])

    def test_a_decision_is_not_pinned_but_does_not_fade(self) -> None:
        kept = self.kept("we use tabs", type="decision")
        self.assertIn("pinned or not", self.text("pin", memory_id=kept, pinned=False))

    def test_one_memory_that_exists_is_needed(self) -> None:
        self.assertIn("exactly one", self.error("pin"))
        self.assertIn("m404", self.error("pin", memory_id="m404"))
