"""Reading files, as agents ask for it."""

from pathlib import Path

from tests.tools.room import AskedClient, ToolTestCase


class IngestTestCase(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute() / "pond"
        (self.folder / ".git").mkdir(parents=True)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)


class Ingesting(IngestTestCase):
    def test_what_is_read_is_found_in_the_project_of_the_folder(self) -> None:
        self.write("a.txt", "the heron stands")
        answer = self.call("ingest_project", directory=str(self.folder))
        self.assertEqual((answer["project"], answer["new"], answer["added"]), ("pond", 1, 1))
        self.assertEqual(len(self.found("heron", project="pond")), 1)

    def test_a_project_can_be_named(self) -> None:
        self.write("a.txt", "the heron stands")
        self.call("ingest_project", directory=str(self.folder), project="birds")
        self.assertEqual(len(self.found("heron", project="birds")), 1)

    def test_a_dry_run_says_that_it_is_one(self) -> None:
        self.write("a.txt", "the heron stands")
        said = self.text("ingest_project", directory=str(self.folder), dry_run=True)
        self.assertIn("Nothing was kept", said)
        self.assertEqual(self.found("heron", project="pond"), [])

    def test_what_was_left_out_is_said(self) -> None:
        self.write(".env", "A=1")
        for number in range(11):
            self.write(f"{number}.bin", "a\0b")
        said = self.text("ingest_project", directory=str(self.folder))
        self.assertIn("12 files left out:\n- .env: it holds secrets, by its name\n", said)
        self.assertIn("- and 2 more", said)

    def test_what_is_no_folder_is_refused(self) -> None:
        said = self.error("ingest_project", directory=str(self.folder / "missing"), project="p")
        self.assertIn("not the absolute path of a folder", said)

    def test_it_says_how_far_it_is(self) -> None:
        for number in range(4):
            self.write(f"{number}.txt", f"text {number}")
        self.client = client = AskedClient()
        read = self.store.exchange.read

        def slow(file: object) -> object:
            self.clock.advance(0.3)
            return read(file)  # type: ignore[arg-type]

        self.patch(type(self.store.exchange), "read", lambda _, file: slow(file))
        self.call("ingest_project", directory=str(self.folder))
        self.assertEqual(client.told, [(1, 4, "1.txt"), (2, 4, "2.txt"), (3, 4, "3.txt")])

    def test_it_may_run_as_a_task(self) -> None:
        for name in ("ingest_project", "import_memories", "export"):
            self.assertEqual(self.tools[name].description.task, "optional")


class Excluding(IngestTestCase):
    def test_what_is_excluded_is_not_read_and_what_was_read_is_forgotten(self) -> None:
        self.write("gen/a.txt", "the heron stands")
        self.call("ingest_project", directory=str(self.folder))
        self.assertEqual(
            self.call("exclude_path", pattern=" gen/ "),
            {"pattern": "gen/", "excluded": True, "new": True},
        )
        self.assertIn("was there already", self.text("exclude_path", pattern="gen/"))
        self.assertEqual(self.call("ingest_project", directory=str(self.folder))["gone"], 1)
        self.assertEqual(self.found("heron", project="pond"), [])

    def test_exclusions_are_listed(self) -> None:
        self.assertIn("Nothing is excluded", self.text("list_exclusions"))
        self.call("exclude_path", pattern="*.log")
        self.assertEqual(
            self.call("list_exclusions"),
            {"exclusions": [{"pattern": "*.log", "added_at": "2023-11-14T22:13:20Z"}]},
        )
        listed, how = self.text("list_exclusions").splitlines()
        self.assertEqual(listed, "*.log (since 2023-11-14T22:13:20Z)")
        self.assertIn("excluded: false", how)

    def test_an_exclusion_can_be_lifted_again(self) -> None:
        self.write("gen/a.txt", "the heron stands")
        self.call("exclude_path", pattern="*")
        self.call("ingest_project", directory=str(self.folder))
        self.assertEqual(self.found("heron", project="pond"), [])
        self.assertEqual(
            self.call("exclude_path", pattern=" * ", excluded=False),
            {"pattern": "*", "excluded": False, "new": True},
        )
        self.assertEqual(self.call("list_exclusions"), {})
        self.call("ingest_project", directory=str(self.folder))
        self.assertEqual(len(self.found("heron", project="pond")), 1)

    def test_lifting_what_is_not_excluded_says_so(self) -> None:
        said = self.text("exclude_path", pattern="*.log", excluded=False)
        self.assertIn("*.log was not excluded", said)

    def test_what_is_no_pattern_is_refused(self) -> None:
        for pattern in (" ", "!a", "# a", "a\nb"):
            self.assertIn('"pattern" was', self.error("exclude_path", pattern=pattern))
