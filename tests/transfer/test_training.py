"""What a model could be trained on, as it is written."""

import json
import os
import stat
from typing import Any

from mnemo.store.exchange import MemoryLine
from mnemo.store.jobs import DerivedField, Finished
from mnemo.store.records import QueryRow
from mnemo.transfer.training import CannotWrite, TrainingSet
from tests.transfer.room import TransferTestCase


class Writing(TransferTestCase):
    def write_set(self) -> TrainingSet:
        work = self.transfer.training.write(lambda *told: self.told.append(told))
        written: TrainingSet = self.done(work)
        return written

    def lines(self) -> list[dict[str, Any]]:
        text = self.write_set().path.read_text()
        return [json.loads(line) for line in text.splitlines()]

    def derive(self, value: str, model: str) -> None:
        """Let something be derived from the next memory that waits."""
        (claim,) = self.done(self.store.jobs.claim("one", 9e9, 9e9, 1))
        made = DerivedField("summary", value, model, "1", {"epr": 1.0})
        self.done(self.store.jobs.finish([Finished(claim, (made,), f"{model} 1")], 0.0))

    def test_each_memory_is_a_line_with_all_that_teaches(self) -> None:
        kept = self.remember("The port is 80.", concepts=["ports"], type="decision")
        self.done(self.memories.remembering.amend(kept.id, "The port is 81."))
        self.derive("port 81", "fake")
        self.store.record_query(QueryRow("q9", "which port?", "s1", "p", (kept.id,), 1.0))
        self.done(self.store.record_feedback("q9", [kept.id], "helpful", 2.0))
        self.assertEqual(
            self.lines(),
            [
                {
                    "id": kept.id,
                    "text": "The port is 81.",
                    "type": "decision",
                    "project": "p",
                    "source": "mcp",
                    "salience": 0.85,
                    "concepts": ["ports"],
                    "corrections": ["The port is 80."],
                    "feedback": [{"query": "which port?", "quality": "helpful"}],
                    "derived": {
                        "summary": {
                            "value": "port 81",
                            "model": "fake",
                            "prompt": "1",
                            "scores": {"epr": 1.0},
                        }
                    },
                }
            ],
        )

    def test_it_counts_what_is_in_it(self) -> None:
        first = self.remember("one").id
        self.derive("1", "extractive")
        self.remember("two")
        self.derive("2", "fake")
        self.done(self.memories.remembering.amend(first, "three"))
        written = self.write_set()
        self.assertEqual(
            (written.examples, written.derived, written.by_model, written.corrections),
            (2, 1, 1, 1),
        )

    def test_what_is_forgotten_is_not_in_it(self) -> None:
        gone = self.remember("the zebra").id
        self.remember("the heron")
        self.done(self.memories.remembering.forget([gone]))
        written = self.write_set()
        self.assertEqual((written.examples, written.forgotten), (1, 1))
        self.assertNotIn("zebra", written.path.read_text())

    def test_a_secret_that_an_export_brought_in_is_not_in_it(self) -> None:
        secret = "ghp_" + "a1B2" * 9
        text = f"the token is {secret}"
        line = MemoryLine("m9", 1, text, "general", "mcp", "p", "", 0.5, 9e18, 1.0, 1.0, None, ())
        self.done(self.store.exchange.carry_in([line]))
        self.derive(f"it is {secret}", "fake")
        written = self.write_set().path.read_text()
        self.assertNotIn(secret, written)
        self.assertIn("[secret: github token]", written)

    def test_of_the_same_memories_it_is_the_same_file(self) -> None:
        for number in range(250):
            self.remember(f"number {number}")
        first = self.write_set()
        before = first.path.read_bytes()
        self.clock.advance(3600)
        second = self.write_set()
        self.assertEqual((second, second.path.read_bytes()), (first, before))
        self.assertEqual(first.examples, 250)
        self.assertEqual(self.files(), ["training-set.jsonl"])

    def files(self) -> list[str]:
        return sorted(each.name for each in (self.home / "training").iterdir())

    def test_only_the_user_may_read_it(self) -> None:
        path = self.write_set().path
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)

    def test_a_disk_that_refuses_leaves_the_earlier_one(self) -> None:
        self.remember("one")
        path = self.write_set().path
        before = path.read_bytes()
        self.remember("two")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        said = self.refused(CannotWrite, self.transfer.training.write(lambda *_: None))
        self.assertIn("No space left on device", said)
        self.assertEqual((path.read_bytes(), self.files()), (before, ["training-set.jsonl"]))

    def test_it_can_be_removed_whether_it_is_there_or_not(self) -> None:
        self.done(self.transfer.training.discard())
        path = self.write_set().path
        self.done(self.transfer.training.discard())
        self.assertFalse(path.exists())
