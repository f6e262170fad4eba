import json
from typing import Any

from mnemo.store.jobs import DerivedField, Finished
from mnemo.tools.budget import tokens
from tests.tools.room import ToolTestCase

LONG = "the heron of the first line stands still. " + "Reeds and water follow here. " * 200
SUMMARY = "Postgres was moved, and a bird saw it."


class Summaries(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first, self.second = self.kept(LONG), self.kept(f"{LONG} again")
        for _ in range(2):
            self.derive(SUMMARY)

    def derive(self, summary: str) -> None:
        (claim,) = self.done(self.store.jobs.claim("one", 9e9, 9e9, 1))
        made = DerivedField("summary", summary, "fake", "1")
        self.done(self.store.jobs.finish([Finished(claim, (made,), "fake 1")], 0.0))

    def recalled_now(self, **arguments: Any) -> dict[str, Any]:
        return self.call("recall", query="heron", **arguments)

    def test_a_memory_that_is_shown_whole_has_none(self) -> None:
        answer = self.recalled_now(max_tokens=10_000)
        self.assertEqual(["summary" in each for each in answer["memories"]], [False, False])

    def test_one_of_which_only_the_beginning_is_shown_has_it_apart_from_its_words(self) -> None:
        answer = self.recalled_now(max_tokens=1_000)
        memory = answer["memories"][0]
        self.assertTrue(LONG.startswith(memory["text"].removesuffix("…")))
        self.assertEqual(memory["summary"], SUMMARY)
        said = self.text("recall", query="heron", max_tokens=1_000)
        self.assertIn(f"(derived summary: {SUMMARY})", said)

    def test_it_takes_no_place_of_a_memory(self) -> None:
        for number in range(8):
            self.kept(f"{number} {LONG}")
        budgets = range(300, 2500, 100)
        without = [self.recalled_now(max_tokens=budget, limit=10) for budget in budgets]
        for _ in range(8):
            self.derive(SUMMARY * 8)
        for budget, before in zip(budgets, without, strict=True):
            after = self.recalled_now(max_tokens=budget, limit=10)
            for part in ("memories", "brief"):
                kept = [each["id"] for each in after.get(part, ())]
                self.assertEqual(kept, [each["id"] for each in before.get(part, ())])
            self.assertEqual(after.get("omitted"), before.get("omitted"))

    def test_a_line_has_its_beginning_where_there_is_room_left(self) -> None:
        lines = [
            line
            for budget in range(300, 1000, 5)
            for line in self.recalled_now(max_tokens=budget).get("brief", ())
        ]
        self.assertEqual({line.get("summary", "") for line in lines}, {"", SUMMARY})
        self.assertTrue(all(line["line"].startswith("the heron of the first") for line in lines))

    def test_it_is_within_the_budget(self) -> None:
        for budget in range(300, 1500, 60):
            answer = self.recalled_now(max_tokens=budget)
            self.assertLessEqual(tokens(json.dumps(answer, separators=(",", ":"))), budget)
            said = self.text("recall", query="heron", max_tokens=budget)
            self.assertLessEqual(tokens(said), budget)

    def test_one_that_begins_as_the_text_does_tells_nothing_more(self) -> None:
        self.call("amend", memory_id=self.first, corrected_content=f"{LONG} once more")
        self.derive("the heron of the first line stands still.")
        self.call("forget", memory_id=self.second)
        (memory,) = self.recalled_now(max_tokens=1_000)["memories"]
        self.assertNotIn("summary", memory)

    def test_lists_have_it_as_well(self) -> None:
        for tool, arguments in (
            ("recall_timeline", {}),
            ("recall_session", {"session_id": "current"}),
            ("session_summary", {}),
            ("recall_project", {}),
        ):
            said = self.text(tool, max_tokens=1_000, **arguments)
            self.assertIn(f"(derived summary: {SUMMARY})", said, tool)
