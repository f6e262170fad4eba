import json
from pathlib import Path
from typing import Any

from mnemo.enrichment.coaching import read
from mnemo.store.records import DerivedField, Finished
from mnemo.tools.budget import tokens
from tests.store.inline import open_store
from tests.tools.room import AskedClient, ToolTestCase

NOTES = "coaching:\n  - name the ticket\n"


class EncodingTestCase(ToolTestCase):
    def derive(self, **fields: object) -> None:
        """Let fields be derived from the oldest memory that waits."""
        (claim,) = self.done(self.store.jobs.claim("one", 9e9, 9e9, 1))
        made = tuple(
            DerivedField(name, value, "fake", "1", {"epr": 0.5, "refused": "it lies"})
            for name, value in fields.items()
        )
        self.done(self.store.jobs.finish([Finished(claim, made, "fake 1")], 60.0))

    def pairs(self, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("audit_encodings", **arguments)["pairs"]
        return found


class Auditing(EncodingTestCase):
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


class Coaching(EncodingTestCase):
    def kept_document(self) -> str:
        document: str = self.done(self.store.jobs.coaching())
        return document

    def test_notes_are_kept_and_told_back(self) -> None:
        answer = self.call("coach_local_llm", coaching_yaml=NOTES)
        self.assertEqual(
            answer,
            {
                "notes": ["name the ticket"],
                "version": read(NOTES).version,
                "changed": True,
                "heeded": False,
            },
        )
        self.assertEqual(self.kept_document(), NOTES)

    def test_they_outlive_the_process(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        self.done(self.store.stop())
        self.store = open_store(self.directory, self.clock)
        self.assertEqual(self.kept_document(), NOTES)

    def test_it_says_whether_anything_heeds_them(self) -> None:
        self.assertIn("No language model", self.text("coach_local_llm", coaching_yaml=NOTES))
        self.done(self.store.jobs.use_recipe("qwen 1.1"))
        said = self.text("coach_local_llm", coaching_yaml="coaching: another")
        self.assertIn("made anew in the background", said)

    def test_the_same_again_changes_nothing(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        self.assertFalse(self.call("coach_local_llm", coaching_yaml=NOTES)["changed"])

    def test_an_empty_document_takes_them_away(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        answer = self.call("coach_local_llm", coaching_yaml="# none any more")
        self.assertEqual((answer["notes"], answer["version"]), ([], ""))
        self.assertEqual(self.kept_document(), "")

    def test_what_is_wrong_is_said_with_its_line_and_changes_nothing(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        for document, said in (
            ("coaching:\n - a: b: c", '"coaching_yaml": line 2, column 8: mapping values'),
            ("no such key: x", "'coaching'"),
            ("coaching: " + "x" * 4000, "4,000 characters"),
            ("coaching: password=hunter2hunter2", "holds what must not be stored (password)"),
            ("coaching: <private>x</private>", "private passage"),
        ):
            self.assertIn(said, self.error("coach_local_llm", coaching_yaml=document))
        self.assertEqual(self.kept_document(), NOTES)


class Training(EncodingTestCase):
    def test_it_says_that_nothing_was_trained_and_where_the_set_is(self) -> None:
        self.kept("the heron stands still")
        self.derive(summary="a bird")
        answer = self.call("train_model")
        self.assertEqual(
            (answer["trained"], answer["examples"], answer["derived"], answer["by_model"]),
            (False, 1, 1, 1),
        )
        self.assertIn("heron", Path(answer["path"]).read_text())
        self.assertIn("does not train a model yet", self.text("train_model"))

    def test_what_is_removed_for_good_is_not_left_in_the_set(self) -> None:
        kept = self.kept("the zebra")
        path = Path(self.call("train_model")["path"])
        self.client = AskedClient({"remove": True})
        self.call("forget", memory_id=kept, hard=True)
        self.assertFalse(path.exists())

    def test_nor_is_a_project_that_is_removed(self) -> None:
        self.kept("the zebra")
        path = Path(self.call("train_model")["path"])
        self.client = AskedClient({"project": "mnemo"})
        self.call("purge_project", project="mnemo")
        self.assertFalse(path.exists())

    def test_exports_that_still_hold_what_was_removed_are_named(self) -> None:
        kept, other = self.kept("the zebra"), self.kept("the heron")
        lines = self.call("export")["path"]
        mirror = self.call("export", format="markdown", file_name="mirror")["path"]
        self.client = AskedClient({"remove": True})
        answer = self.call("forget", memory_id=kept, hard=True)
        (page,) = Path(mirror).rglob("*zebra*.md")
        self.assertEqual(sorted(answer["exports"]), sorted([lines, str(page)]))
        for path in answer["exports"]:
            Path(path).unlink()
        self.assertNotIn("exports", self.call("forget", memory_id=other, hard=False))
