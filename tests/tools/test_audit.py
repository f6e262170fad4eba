import json
from typing import Any

from mnemo.tools.budget import tokens
from tests.tools.deriving_room import DerivingTestCase


class Auditing(DerivingTestCase):
    def pairs(self, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("audit_encodings", **arguments)["pairs"]
        return found

    def test_the_words_stand_beside_what_was_derived_from_them(self) -> None:
        kept = self.kept("the heron stands still", source="agent")
        self.derive(summary="a bird", concepts=["heron"])
        self.assertEqual(
            self.pairs(),
            [
                {
                    "memory_id": kept,
                    "type": "general",
                    "source": "agent",
                    "created_at": "2023-11-14T22:13:20Z",
                    "model": "fake",
                    "prompt": "1",
                    "made_at": "1970-01-01T00:01:00Z",
                    "scores": {"epr": 0.5, "refused": "it lies"},
                    "text": "the heron stands still",
                    "fields": {"concepts": ["heron"], "summary": "a bird"},
                }
            ],
        )
        said = self.text("audit_encodings")
        self.assertIn("the heron stands still", said)
        self.assertIn("- summary: a bird", said)
        self.assertIn("refused it lies", said)

    def test_the_oldest_of_the_window_come_first(self) -> None:
        old = self.kept("too old")
        self.derive(summary="x")
        self.clock.advance(25 * 3600)
        kept = []
        for number in range(3):
            kept.append(self.kept(f"number {number}"))
            self.derive(summary="x")
            self.clock.advance(60)
        self.assertEqual([each["memory_id"] for each in self.pairs(limit=2)], kept[:2])
        self.assertIn(old, [each["memory_id"] for each in self.pairs(hours_back=48)])

    def test_it_keeps_to_the_source_and_the_project(self) -> None:
        self.kept("one", source="a")
        self.derive(summary="x")
        other = self.kept("two", source="b")
        self.derive(summary="x")
        self.kept("three", source="b", project="elsewhere")
        self.derive(summary="x")
        self.assertEqual([each["memory_id"] for each in self.pairs(source="b")], [other])
        self.assertEqual(len(self.pairs(project="*")), 3)

    def test_what_waits_or_is_forgotten_is_left_out(self) -> None:
        gone = self.kept("one")
        self.derive(summary="x")
        self.call("forget", memory_id=gone)
        amended = self.kept("two")
        self.derive(summary="x")
        self.call("amend", memory_id=amended, corrected_content="three")
        self.kept("four")
        self.assertEqual(self.pairs(), [])
        self.assertIn("0 memories", self.text("audit_encodings"))

    def test_it_keeps_to_its_budget_and_says_what_is_missing(self) -> None:
        for number in range(4):
            self.kept(f"{number} " + "herons and numbers 12345 " * 2000)
            self.derive(summary="x" * 300, entities=[{"name": "y" * 150}] * 200)
        for budget in (1200, 2000, 25_000):
            answer = self.call("audit_encodings", limit=4, max_tokens=budget)
            self.assertLessEqual(tokens(json.dumps(answer, separators=(",", ":"))), budget)
            said = self.text("audit_encodings", limit=4, max_tokens=budget)
            self.assertLessEqual(tokens(said), budget)
            self.assertEqual(len(answer["pairs"]), 4)
            for pair in answer["pairs"]:
                self.assertEqual(len(pair["text"]) + pair["left_out"], 50_002)
        self.assertEqual(answer["pairs"][0]["fields_left_out"], ["entities"])
        self.assertIn("max_tokens", self.error("audit_encodings", limit=20, max_tokens=300))

    def test_twenty_are_the_most(self) -> None:
        self.assertIn("from 1 to 20", self.error("audit_encodings", limit=21))
