"""What other systems have kept, taken over."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

from mnemo.store.records import Link, Memory
from mnemo.transfer.importing import Outcome
from mnemo.transfer.kinds import System
from mnemo.transfer.systems.records import Unreadable
from tests.transfer.room import TransferTestCase
from tests.transfer.stores import (
    CLAUDE_MEM,
    MEM0,
    MEMORY_SERVICE,
    MNEMONIC,
    write_database,
    write_lines,
)

DEEP = "[" * 50_000
"""JSON that is nested beyond all sense."""

DAY = 1_735_689_600.0
"""2025-01-01T00:00:00Z"""


class ImportTestCase(TransferTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "store"

    def take(
        self, path: Path | None = None, system: System | None = None, *, dry_run: bool = False
    ) -> Outcome:
        work = self.transfer.importing.take(
            str(path or self.file), system, "pond", dry_run, lambda *told: self.told.append(told)
        )
        outcome: Outcome = self.done(work)
        return outcome

    def with_text(self, text: str, state: str | None = None) -> Memory:
        (found,) = (each for each in self.all_memories(state) if each.text == text)
        return found

    def links_of(self, memory: Memory) -> list[Link]:
        found: list[Link] = self.done(self.store.links([memory.id]))[memory.id]
        return found

    def twice(self, **again: Any) -> None:
        """The same import again adds nothing."""
        before = self.all_memories(), self.all_memories("archived")
        outcome = self.take()
        self.assertEqual((outcome.added, outcome.known), (0, sum(map(len, before))))
        self.assertEqual((self.all_memories(), self.all_memories("archived")), before)


class Mnemonic(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        at = "2025-01-01T00:00:00Z"
        raw = {"source": "mcp", "type": "decision", "project": "birds", "session_id": "s9",
               "timestamp": at}  # fmt: skip
        memory: dict[str, Any] = {
            "raw_id": "r1",
            "timestamp": "2025-01-01T01:00:00+01:00",
            "type": "decision",
            "content": "a paraphrase",
            "summary": "short",
            "concepts": '["heron", "legs"]',
            "embedding": b"\0" * 16,
            "salience": 1.4,
            "state": "active",
            "source": "mcp",
            "project": "birds",
            "session_id": "s9",
            "updated_at": "2025-01-02 00:00:00",
        }
        write_database(
            self.file,
            MNEMONIC,
            [
                ("raw_memories", {**raw, "id": "r1", "content": "The heron stands"}),
                ("raw_memories", {**raw, "id": "r2", "content": "old words"}),
                ("raw_memories", {**raw, "id": "r3", "content": "never encoded",
                                  "initial_salience": 0.5}),
                ("memories", {**memory, "id": "m1"}),
                ("memories", {**memory, "id": "m2", "raw_id": "r2", "content": "new words"}),
                ("memories", {**memory, "id": "m3", "raw_id": None, "content": "merged",
                              "state": "merged"}),
                ("memories", {**memory, "id": "m4", "raw_id": None, "timestamp": "yesterday"}),
                ("memories", {**memory, "id": "m5", "raw_id": None, "content": " "}),
                ("memory_amendments", {"memory_id": "m2", "old_content": "a paraphrase"}),
                ("raw_memories", {**raw, "id": "r6", "content": "two legs"}),
                ("memories", {**memory, "id": "m6", "raw_id": "r6", "content": "four legs",
                              "updated_at": "2025-01-04"}),
                ("memory_amendments", {"memory_id": "m6", "old_content": "three legs",
                                       "new_content": "four legs", "created_at": "2025-01-04"}),
                ("memory_amendments", {"memory_id": "m6", "old_content": "a paraphrase",
                                       "new_content": "three legs", "created_at": "2025-01-02"}),
                ("concept_sets", {"memory_id": "m1", "topics": '["birds"]', "entities": "[]"}),
                ("associations", {"source_id": "m1", "target_id": "m2",
                                  "relation_type": "caused_by"}),
                ("associations", {"source_id": "m1", "target_id": "gone",
                                  "relation_type": "similar"}),
                ("patterns", {"id": "p1", "title": "Herons", "description": "They stand.",
                              "evidence_ids": '["m1", "m2"]', "state": "active",
                              "created_at": "2025-01-03 10:00:00.123456789 +0100 CET m=+0.1"}),
                ("retrieval_feedback", {"query_id": "q1", "query_text": "which bird?",
                                        "retrieved_memory_ids": '["m1", "m4"]',
                                        "feedback": "helpful", "created_at": at}),
                ("retrieval_feedback", {"query_id": "q2", "query_text": "which?",
                                        "retrieved_memory_ids": '["m4"]', "created_at": at}),
                ("episodes", {"id": "e1", "title": "A day", "summary": "at the pond",
                              "start_time": at, "memory_ids": '["m1"]', "concepts": "[]"}),
            ],
        )  # fmt: skip

    def test_the_words_come_rather_than_the_paraphrase_with_all_that_is_known(self) -> None:
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added), ("mnemonic", 7))
        memory = self.with_text("The heron stands")
        self.assertEqual(
            (memory.type, memory.source, memory.project, memory.session),
            ("decision", "mcp", "birds", "s9"),
        )
        self.assertEqual((memory.created, memory.updated), (DAY, DAY))
        self.assertEqual((memory.salience, memory.version), (1.0, 1))
        self.assertEqual(memory.concepts, ("heron", "legs", "birds"))

    def test_what_was_amended_has_its_earlier_words(self) -> None:
        self.take()
        memory = self.with_text("new words")
        self.assertEqual((memory.version, memory.updated), (2, DAY + 86400))
        (version,) = self.done(self.store.versions(memory.id))
        self.assertEqual(version.text, "old words")

    def test_what_was_amended_twice_has_the_words_between_too(self) -> None:
        self.take()
        memory = self.with_text("four legs")
        self.assertEqual(
            [
                (each.text, each.since, each.until)
                for each in self.done(self.store.versions(memory.id))
            ],
            [("two legs", DAY, DAY + 86400), ("three legs", DAY + 86400, DAY + 3 * 86400)],
        )
        self.assertEqual((memory.version, memory.updated), (3, DAY + 3 * 86400))

    def test_what_was_merged_away_is_forgotten_and_not_lost(self) -> None:
        self.take()
        self.assertEqual(self.texts("archived"), ["merged"])

    def test_words_that_were_never_encoded_are_saved(self) -> None:
        self.take()
        self.assertEqual(self.with_text("never encoded").salience, 0.5)

    def test_links_and_what_was_made_of_memories_come_too(self) -> None:
        outcome = self.take()
        heron = self.with_text("The heron stands")
        pattern = self.with_text("Herons\n\nThey stand.")
        self.assertEqual(
            (pattern.type, pattern.created), ("insight", DAY + 2 * 86400 + 32400.123456)
        )
        self.assertEqual(
            {(link.id, link.relation, link.outgoing) for link in self.links_of(heron)},
            {
                (self.with_text("new words").id, "caused_by", True),
                (pattern.id, "reinforces", True),
                (self.with_text("A day\n\nat the pond").id, "part_of", True),
            },
        )
        self.assertEqual(outcome.links, 4)

    def test_what_was_asked_comes_with_how_it_was_judged(self) -> None:
        self.assertEqual(self.take().recalls, 1)
        heron = self.with_text("The heron stands").id
        query = self.done(self.store.query("mnemonic:retrieval_feedback:q1"))
        self.assertEqual((query.text, query.returned), ("which bird?", (heron,)))
        again = self.store.record_feedback(query.id, [heron], "partial", 1.0)
        self.assertEqual(self.done(again), {heron: "helpful"})

    def test_bad_records_are_named(self) -> None:
        self.assertEqual(
            {(each.where, each.why.partition(":")[0]) for each in self.take().bad},
            {
                ("memories m4", "'yesterday' is no time"),
                ("mnemonic:memories:m5", "the text is blank"),
                (
                    "link of mnemonic:memories:m1 to mnemonic:memories:gone",
                    "one of them is not there",
                ),
            },
        )

    def test_nothing_comes_twice(self) -> None:
        self.take()
        self.twice()

    def test_what_was_forgotten_since_stays_forgotten(self) -> None:
        self.take()
        self.done(self.memories.remembering.forget([self.with_text("never encoded").id]))
        self.twice()

    def test_a_dry_run_counts_and_keeps_nothing(self) -> None:
        outcome = self.take(dry_run=True)
        self.assertEqual((outcome.added, outcome.known, outcome.links), (7, 0, 4))
        self.assertEqual(self.all_memories(), [])

    def test_the_file_is_not_changed(self) -> None:
        before = self.file.read_bytes()
        self.take()
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(sorted(os.listdir(self.folder)), [".git", "store"])


class ClaudeMem(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        when = {"created_at": "2025-01-01T00:00:00.000Z", "created_at_epoch": int(DAY * 1000)}
        of = {"memory_session_id": "s1", "project": "birds", **when}
        write_database(
            self.file,
            CLAUDE_MEM,
            [
                ("sdk_sessions", {"content_session_id": "c1", "memory_session_id": "s1",
                                  "project": "birds"}),
                ("observations", {**of, "type": "bugfix", "title": "Fixed the heron",
                                  "narrative": "It fell over.", "facts": '["2 legs", "1 beak"]',
                                  "concepts": '["gotcha"]', "files_modified": '["heron.py"]'}),
                ("observations", {**of, "type": "discovery", "title": "x", "facts": None,
                                  "created_at_epoch": -5}),
                ("session_summaries", {**of, "request": "Mend it", "next_steps": "Test it"}),
                ("user_prompts", {"content_session_id": "c1", "prompt_text": "mend the heron",
                                  **when}),
            ],
        )  # fmt: skip

    def test_observations_summaries_and_prompts_are_memories(self) -> None:
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added, outcome.links), ("claude-mem", 3, 1))
        fixed = self.with_text("Fixed the heron\n\nIt fell over.\n\n- 2 legs\n- 1 beak")
        self.assertEqual((fixed.type, fixed.project, fixed.session), ("error", "birds", "s1"))
        self.assertEqual((fixed.created, fixed.concepts), (DAY, ("gotcha", "heron.py")))
        summary = self.with_text("Request: Mend it\n\nNext steps: Test it")
        self.assertEqual(summary.type, "handoff")
        self.assertEqual(self.links_of(fixed), [Link(summary.id, "part_of", True)])
        self.assertEqual(self.with_text("mend the heron").project, "birds")
        (bad,) = (each for each in outcome.bad if each.where == "observations 2")
        self.assertIn("no time", bad.why)

    def test_nothing_comes_twice(self) -> None:
        self.take()
        self.twice()


class MemoryService(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        of: dict[str, Any] = {"created_at": DAY, "metadata": "{}", "tags": ""}
        write_database(
            self.file,
            MEMORY_SERVICE,
            [
                ("memories", {**of, "content_hash": "a", "content": "The heron stands",
                              "tags": "bird,project:birds", "memory_type": "decision"}),
                ("memories", {**of, "content_hash": "b", "content": "It flew",
                              "deleted_at": DAY + 9, "metadata": '{"quality_score": 0.4}'}),
                ("memories", {**of, "content_hash": "c", "content": "bad", "metadata": "{"}),
                ("memories", {**of, "content_hash": "d", "content": "deep", "metadata": DEEP}),
                ("memories", {**of, "content_hash": "e", "content": "deep", "tags": DEEP}),
                ("memory_graph", {"source_hash": "a", "target_hash": "b",
                                  "relationship_type": "causes"}),
            ],
        )  # fmt: skip

    def test_tags_are_concepts_and_what_was_deleted_is_forgotten(self) -> None:
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added), ("mcp-memory-service", 2))
        memory = self.with_text("The heron stands")
        self.assertEqual((memory.type, memory.project), ("decision", "birds"))
        self.assertEqual(memory.concepts, ("bird", "project:birds"))
        gone = self.with_text("It flew", "archived")
        self.assertEqual((gone.salience, gone.project), (0.4, "pond"))
        self.assertEqual(self.links_of(memory), [Link(gone.id, "caused_by", True)])
        self.assertEqual(
            [each.where for each in outcome.bad], ["memories c", "memories d", "memories e"]
        )

    def test_nothing_comes_twice(self) -> None:
        self.take()
        self.twice()


class BasicMemory(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.folder / "notes"
        self.write(
            "notes/birds/heron.md",
            "---\ntitle: The Heron\ntype: decision\ntags: [bird, 'tall one']\n"
            "permalink: birds/heron\ncreated: 2025-01-01T00:00:00Z\n---\n"
            "# The Heron\n\n- [legs] Two of them #count\n- lives_at [[The Pond]]\n"
            "- contrasts_with [[pond]]\n- see [[Not written]]\n",
        )
        self.write("notes/pond.md", "---\ntitle: The Pond\ntags:\n  - water\n---\nIt is wet.\n")
        self.write("notes/plain.md", "no front matter\n")
        self.write("notes/bad.md", "---\ncreated: someday\n---\nx\n")
        self.write("notes/picture.png", b"\x89PNG\0")

    def test_a_note_is_a_memory_with_its_tags_and_links(self) -> None:
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added), ("basic-memory", 3))
        (heron,) = (each for each in self.all_memories() if each.type == "decision")
        self.assertEqual((heron.created, heron.updated), (DAY, DAY))
        self.assertEqual(heron.concepts, ("bird", "tall one", "count", "legs"))
        self.assertTrue(heron.text.startswith("# The Heron\n\n- [legs] Two of them"))
        pond = self.with_text("# The Pond\n\nIt is wet.")
        self.assertEqual(pond.concepts, ("water",))
        self.assertEqual(
            {(link.id, link.relation) for link in self.links_of(heron)},
            {(pond.id, "similar"), (pond.id, "contradicts")},
        )
        self.assertEqual([each.where for each in outcome.bad], ["bad.md"])

    def test_nothing_comes_twice(self) -> None:
        self.take()
        self.twice()


class KnowledgeGraph(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.heron = {"type": "entity", "name": "Heron", "entityType": "bird",
                      "observations": ["stands", "flies"]}  # fmt: skip
        pond = {"type": "entity", "name": "Pond", "entityType": "place", "observations": []}
        how = {"type": "relation", "from": "Heron", "to": "Pond", "relationType": "lives_at"}
        self.rest = (pond, how, DEEP, {"type": "other"}, {"type": "entity"})
        write_lines(self.file, self.heron, *self.rest)
        os.utime(self.file, (DAY, DAY))

    def test_entities_observations_and_relations_are_memories(self) -> None:
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added, outcome.links), ("memory-server", 5, 4))
        heron = self.with_text("Heron (bird)")
        self.assertEqual((heron.created, heron.concepts), (DAY, ("Heron", "bird")))
        stands = self.with_text("Heron: stands")
        self.assertEqual(self.links_of(stands), [Link(heron.id, "part_of", True)])
        lives = self.with_text("Heron lives_at Pond")
        self.assertEqual(
            {link.id for link in self.links_of(lives)},
            {heron.id, self.with_text("Pond (place)").id},
        )
        self.assertEqual([each.where for each in outcome.bad], ["line 4", "line 5", "line 6"])

    def test_a_dry_run_counts_the_links_as_they_would_be(self) -> None:
        lost = {"type": "relation", "from": "Heron", "to": "Nobody", "relationType": "knows"}
        write_lines(self.file, self.heron, lost, *self.rest)
        dry, after = self.take(dry_run=True), self.take()
        self.assertEqual((dry.links, dry.bad), (after.links, after.bad))
        self.assertEqual(after.links, 5)
        self.assertIn("is not there", after.bad[-1].why)
        write_lines(self.file, lost, {**self.heron, "observations": []})
        self.assertEqual(self.take(dry_run=True).links, 1)

    def test_nothing_comes_twice_but_what_is_new_does(self) -> None:
        self.take()
        self.twice()
        more = {**self.heron, "observations": ["stands", "flies", "fishes"]}
        write_lines(self.file, more, *self.rest)
        self.assertEqual(self.take().added, 1)
        self.with_text("Heron: fishes")


class Mem0(ImportTestCase):
    def test_an_export_in_json(self) -> None:
        listed = [
            {"id": "a", "memory": "The heron stands", "created_at": "2025-01-01T00:00:00Z",
             "updated_at": None, "categories": ["birds"], "user_id": "ada", "run_id": "s1"},
            {"id": "b", "memory": "no time"},
            {"memory": "no id", "created_at": "2025-01-01"},
            7,
        ]  # fmt: skip
        for shape in ({"results": listed}, listed):
            self.file.write_text(json.dumps(shape, indent=2))
            outcome = self.take()
            self.assertEqual((outcome.system, len(outcome.bad)), ("mem0", 3))
            self.assertEqual(outcome.added + outcome.known, 1)
            self.assertEqual(
                [each.where for each in outcome.bad], ["memory 2", "memory 3", "memory 4"]
            )
        memory = self.with_text("The heron stands")
        self.assertEqual((memory.created, memory.session), (DAY, "s1"))
        self.assertEqual(memory.concepts, ("birds", "ada"))

    def test_its_history_with_the_versions(self) -> None:
        first, then, last = "2025-01-01T00:00:00", "2025-01-02T00:00:00", "2025-01-03T00:00:00"
        write_database(
            self.file,
            MEM0,
            [
                ("history", {"id": "1", "memory_id": "a", "new_memory": "one leg", "event": "ADD",
                             "created_at": first}),
                ("history", {"id": "2", "memory_id": "a", "old_memory": "one leg",
                             "new_memory": "two legs", "event": "UPDATE", "created_at": first,
                             "updated_at": then}),
                ("history", {"id": "3", "memory_id": "b", "new_memory": "gone", "event": "ADD",
                             "created_at": first}),
                ("history", {"id": "4", "memory_id": "b", "old_memory": "gone", "event": "DELETE",
                             "created_at": first, "updated_at": last, "is_deleted": 1}),
                ("history", {"id": "5", "memory_id": "c", "event": "ADD", "created_at": first}),
            ],
        )  # fmt: skip
        outcome = self.take()
        self.assertEqual((outcome.system, outcome.added, len(outcome.bad)), ("mem0", 2, 1))
        memory = self.with_text("two legs")
        self.assertEqual((memory.created, memory.updated, memory.version), (DAY, DAY + 86400, 2))
        (version,) = self.done(self.store.versions(memory.id))
        self.assertEqual((version.text, version.until), ("one leg", DAY + 86400))
        self.with_text("gone", "archived")
        self.twice()


class Refusing(ImportTestCase):
    def refusal(self, path: str, system: System | None = None) -> str:
        work = self.transfer.importing.take(path, system, "", False, lambda *_: None)
        return self.refused(Unreadable, work)

    def test_what_is_from_no_known_system_is_said(self) -> None:
        (self.folder / "empty").mkdir()
        for name, content in (
            ("a", b""),
            ("b", b"text"),
            ("c", b"{}"),
            ("d", b"[1]"),
            ("e", b"\xff\0"),
            ("f", b"[" * 100_000),
            ("g", b'{"results": [{"id": 1}]}'),
        ):
            self.assertIn("no system that is known", self.refusal(str(self.write(name, content))))
        self.assertIn("no system", self.refusal(str(self.folder / "empty")))
        self.assertIn("no absolute path", self.refusal("a"))
        self.assertIn("No such file", self.refusal(str(self.folder / "missing")))

    def test_what_is_no_file_is_not_opened(self) -> None:
        os.mkfifo(self.folder / "pipe")
        # Whoever opens it goes on for as long as there is somebody at the other end.
        other = os.open(self.folder / "pipe", os.O_RDWR)
        self.addCleanup(os.close, other)
        os.write(other, b"SQLite format 4\0")
        for path in ("/dev/null", str(self.folder / "pipe")):
            self.assertIn("neither a file nor a folder", self.refusal(path))

    def test_a_file_without_line_ends_is_not_read_to_its_end(self) -> None:
        file = self.folder / "image"
        with file.open("wb") as image:
            image.truncate(1 << 40)
        self.assertIn("no system that is known", self.refusal(str(file)))

    def test_another_system_than_was_expected_is_said(self) -> None:
        write_database(self.file, MEM0, [])
        self.assertIn("is from mem0, not from mnemonic", self.refusal(str(self.file), "mnemonic"))

    def test_a_damaged_database_is_said(self) -> None:
        write_database(self.file, MNEMONIC, [])
        self.file.write_bytes(self.file.read_bytes()[:100] + b"\xff" * 8000)
        self.assertIn("database", self.refusal(str(self.file)))

    def test_one_that_is_damaged_further_on_gives_what_can_be_read(self) -> None:
        rows = [
            ("memories", {"content_hash": str(number), "content": f"{number} " * 300,
                          "created_at": DAY, "metadata": "{}", "tags": ""})
            for number in range(100)
        ]  # fmt: skip
        write_database(self.file, MEMORY_SERVICE, rows)
        content = bytearray(self.file.read_bytes())
        content[-40_000:] = b"\xff" * 40_000
        self.file.write_bytes(content)
        outcome = self.take()
        self.assertGreater(len(outcome.bad), 0)

    def test_secrets_are_replaced_and_private_passages_left_out(self) -> None:
        key = "AKIA" + "QYLPMN5HHHFPZAM2"
        write_lines(
            self.file,
            {"type": "entity", "name": "A", "entityType": "",
             "observations": [f"aws_access_key_id = {key}", "<private>all of it</private>"]},
            {"type": "entity", "name": "B", "entityType": key, "observations": []},
        )  # fmt: skip
        # In an observation of A twice, in the words of B and among its concepts.
        self.assertEqual(self.take().hidden, 4)
        self.assertNotIn(key, "".join(map(repr, self.all_memories())))
        self.assertEqual(self.with_text("B ([secret: aws access key])").concepts,
                         ("B", "[secret: aws access key]"))  # fmt: skip
        self.assertNotIn("all of it", "".join(self.texts()))

    def test_text_that_is_no_unicode_is_said(self) -> None:
        write_database(
            self.file,
            MEMORY_SERVICE,
            [("memories", {"content_hash": "a", "created_at": DAY, "metadata": "{}", "tags": ""})],
        )
        with sqlite3.connect(self.file) as db:
            db.execute("UPDATE memories SET content = CAST(x'61ff62' AS TEXT)")
        db.close()
        (bad,) = self.take().bad
        self.assertIn("surrogate", bad.why)


class BreakingOff(ImportTestCase):
    def test_it_goes_on_where_it_was(self) -> None:
        entities = [
            {"type": "entity", "name": f"E{number}", "entityType": "", "observations": []}
            for number in range(500)
        ]
        write_lines(self.file, *entities)

        def stop(done: int, total: int, message: str) -> None:
            raise KeyboardInterrupt

        work = self.transfer.importing.take(str(self.file), None, "", False, stop)
        self.assertRaises(KeyboardInterrupt, work.send, None)
        self.assertEqual(len(self.all_memories()), 100)
        outcome = self.take()
        self.assertEqual((outcome.added, outcome.known), (400, 100))
