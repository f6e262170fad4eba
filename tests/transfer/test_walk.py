"""What is read of a folder."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transfer.walk import CannotRead, Exclusions, Walked, read_inside, walk


class FolderTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir()

    def write(self, path: str, text: str = "text") -> None:
        (self.base / path).parent.mkdir(parents=True, exist_ok=True)
        (self.base / path).write_text(text)

    def walked(self, folder: str = "", *excluded: str) -> Walked:
        return walk(self.base, self.base / folder, Exclusions.of(excluded))

    def files(self, folder: str = "", *excluded: str) -> list[str]:
        return list(self.walked(folder, *excluded).files)


class Walking(FolderTestCase):
    def test_files_come_in_the_order_of_their_names(self) -> None:
        for path in ("b/1.txt", "a.txt", "b/0.txt", "c.txt"):
            self.write(path)
        self.assertEqual(self.files(), ["a.txt", "c.txt", "b/0.txt", "b/1.txt"])

    def test_the_folders_of_programs_are_not_entered(self) -> None:
        for path in (".git/config", "a/.git/config", ".mnemo/x", ".github/workflow.yml"):
            self.write(path)
        self.assertEqual(self.files(), [".github/workflow.yml"])

    def test_every_gitignore_counts_below_its_folder_and_the_nearest_decides(self) -> None:
        self.write(".gitignore", "*.log\nbuild/\n/top.txt\n")
        self.write("sub/.gitignore", "!keep.log\nlocal.txt\n")
        for path in (
            "a.log",
            "top.txt",
            "local.txt",
            "build/a.txt",
            "sub/a.log",
            "sub/keep.log",
            "sub/local.txt",
            "sub/top.txt",
            "sub/deep/keep.log",
            "sub/build/a.txt",
        ):
            self.write(path)
        self.assertEqual(
            self.files(),
            [
                ".gitignore",
                "local.txt",
                "sub/.gitignore",
                "sub/keep.log",
                "sub/top.txt",
                "sub/deep/keep.log",
            ],
        )

    def test_those_above_a_folder_count_within_it(self) -> None:
        self.write(".gitignore", "*.log\n")
        self.write("a/b/c.log")
        self.write("a/b/c.txt")
        self.assertEqual(self.files("a/b"), ["a/b/c.txt"])

    def test_a_gitignore_that_is_a_link_or_no_text_does_no_harm(self) -> None:
        outside = Path(self.mktemp())
        outside.write_text("*")
        (self.base / ".gitignore").symlink_to(outside.absolute())
        (self.base / "sub").mkdir()
        (self.base / "sub/.gitignore").write_bytes(b"\xff\0*.txt\n[\n")
        self.write("a.txt")
        self.assertIn("a.txt", self.files())

    def test_links_pipes_and_loops_are_left_out(self) -> None:
        self.write("a/b.txt")
        (self.base / "a/loop").symlink_to(self.base)
        (self.base / "broken").symlink_to("nowhere")
        os.mkfifo(self.base / "pipe")
        walked = self.walked()
        self.assertEqual(walked.files, ("a/b.txt",))
        self.assertEqual(
            {each.path: each.reason.partition(";")[0] for each in walked.skipped},
            {"a/loop": "it is a link", "broken": "it is a link", "pipe": "it is no file"},
        )

    def test_a_name_that_is_no_text_is_left_out(self) -> None:
        os.makedirs(os.fsencode(self.base) + b"/\xff")
        self.assertEqual(self.walked().skipped[0].reason, "its name is no text")

    def test_what_is_secret_by_its_name_is_not_opened(self) -> None:
        for path in (".env", "id_rsa", "deploy.pem", ".ssh/config", ".env.example", "key.py"):
            self.write(path)
        self.assertEqual(self.files(), [".env.example", "key.py"])


class Excluding(FolderTestCase):
    def test_a_pattern_is_relative_to_the_base_as_in_gitignore(self) -> None:
        for path in ("docs/a.md", "src/docs/a.md", "src/a.md"):
            self.write(path)
        self.assertEqual(self.files("", "docs/"), ["src/a.md"])
        self.assertEqual(self.files("", "docs/*.md"), ["src/a.md", "src/docs/a.md"])

    def test_an_absolute_one_is_a_place_of_the_file_system(self) -> None:
        for path in ("docs/a.md", "src/docs/a.md"):
            self.write(path)
        self.assertEqual(self.files("", f"{self.base}/docs"), ["src/docs/a.md"])
        self.assertEqual(self.files("", str(self.base.parent)), [])

    def test_what_is_excluded_is_told(self) -> None:
        self.write("docs/a.md")
        self.assertEqual(self.walked("", "docs").skipped[0].reason, "it is excluded")


class ReadingInside(FolderTestCase):
    def refused(self, path: str, limit: int = 100) -> str:
        return str(self.assertRaises(CannotRead, read_inside, self.base, path, limit))

    def test_a_file_is_read_up_to_a_limit(self) -> None:
        self.write("a/b.txt", "12345")
        self.assertEqual(read_inside(self.base, "a/b.txt", 5), b"12345")
        self.assertIn("longer than 4 bytes", self.refused("a/b.txt", 4))

    def test_no_way_leads_out(self) -> None:
        outside = Path(self.mktemp()).absolute()
        outside.mkdir()
        (outside / "b.txt").write_text("outside")
        (self.base / "a").symlink_to(outside)
        (self.base / "b.txt").symlink_to(outside / "b.txt")
        for path in ("a/b.txt", "b.txt", f"../{outside.name}/b.txt", str(outside / "b.txt"), ""):
            self.assertTrue(self.refused(path), path)

    def test_what_is_no_file_does_not_block(self) -> None:
        os.mkfifo(self.base / "pipe")
        (self.base / "folder").mkdir()
        self.assertIn("no file", self.refused("pipe"))
        self.assertTrue(self.refused("folder"))
        self.assertIn("No such file", self.refused("missing"))
