"""Memories in and out, as agents ask for it."""

import json
from pathlib import Path

from tests.tools.room import ToolTestCase


class Importing(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = Path(self.mktemp()).absolute()
        entity = {
            "type": "entity",
            "name": "Heron",
            "entityType": "bird",
            "observations": ["flies"],
        }
        self.file.write_text(json.dumps(entity) + "\n{\n")

    def test_what_came_is_counted_and_found_in_this_project(self) -> None:
        answer = self.call("import_memories", path=str(self.file))
        self.assertEqual(
            (answer["system"], answer["added"], answer["links"], answer["bad_count"]),
            ("memory-server", 2, 1, 1),
        )
        self.assertEqual(answer["bad"][0]["where"], "line 2")
        self.assertEqual(len(self.found("heron")), 2)

    def test_the_text_says_it_all(self) -> None:
        said = self.text("import_memories", path=str(self.file), dry_run=True)
        self.assertIn("Nothing was kept; this is what would be: 2 memories imported", said)
        self.assertIn("1 record left out:\n- line 2: ", said)

    def test_what_cannot_be_imported_is_refused(self) -> None:
        said = self.error("import_memories", path=str(self.file), system="mem0")
        self.assertIn("is from memory-server, not from mem0", said)
        self.assertIn("one of", self.error("import_memories", path="/x", system="other"))


class Exporting(ToolTestCase):
    def test_an_export_lies_in_the_home(self) -> None:
        self.kept("the heron stands", project="pond")
        self.kept("the heron flies", project="lake")
        answer = self.call("export", project="pond", file_name="birds")
        self.assertEqual((answer["project"], answer["memories"]), ("pond", 1))
        path = Path(answer["path"])
        self.assertEqual(path, self.transfer.home / "exports" / "birds.jsonl")
        self.assertIn("the heron stands", path.read_text())
        self.assertNotIn("the heron flies", path.read_text())

    def test_a_mirror_is_a_folder(self) -> None:
        self.kept("the heron stands", project="pond")
        answer = self.call("export", format="markdown")
        (file,) = Path(answer["path"]).rglob("*.md")
        self.assertEqual(file.parent.name, "general")
        self.assertIn("of all projects exported to", self.text("export", file_name="y"))

    def test_no_name_leads_out_of_it(self) -> None:
        for name in ("../x", "/etc/x", "a//b"):
            self.assertTrue(self.error("export", file_name=name))
        self.assertIn("no project", self.error("export", project="nowhere"))
        self.call("export", file_name="x")
        self.assertIn("already", self.error("export", file_name="x"))
