"""Reading a folder into memory."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from mnemo.memory.memories import Memories
from mnemo.transfer.ingest import Ingesting, NotAFolder
from tests.store.inline import open_store
from tests.transfer.room import TransferTestCase, here

ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import os, signal, sys
from pathlib import Path
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from mnemo.memory.memories import Memories
from mnemo.transfer.ingest import Ingesting
from tests.inference.fakes import FakeEmbedder
from tests.store.inline import open_store
from tests.transfer.room import here

def told(done, total, path):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

clock = Clock()
memories = Memories(open_store(sys.argv[1], clock), FakeEmbedder(), clock)
ingesting = Ingesting(memories, Path("/nowhere"), here)
Deferred.fromCoroutine(ingesting.ingest(sys.argv[2], "pond", False, told))
"""


class Reading(TransferTestCase):
    def test_a_file_is_kept_with_where_it_stands(self) -> None:
        self.write("docs/birds.md", "# Heron\n\nThe heron stands.\n")
        result = self.ingest()
        self.assertEqual((result.new, result.added, result.skipped), (1, 1, []))
        (memory,) = self.all_memories()
        self.assertEqual(memory.text, "docs/birds.md#L1-L3\nHeron\n\n# Heron\n\nThe heron stands.")
        self.assertEqual(
            (memory.project, memory.source, memory.concepts), ("pond", "ingest", ("docs/birds.md",))
        )

    def test_it_is_found_by_its_words_at_once(self) -> None:
        self.write("a.txt", "The kingfisher dives.")
        self.ingest()
        self.assertEqual(self.recalled("kingfisher"), [self.all_memories()[0].id])

    def test_what_has_not_changed_is_not_read_into_memory_again(self) -> None:
        self.write("a.txt", "one")
        self.write("b.txt", "two")
        self.ingest()
        before = self.all_memories()
        result = self.ingest()
        self.assertEqual((result.unchanged, result.new, result.added), (2, 0, 0))
        self.assertEqual(self.all_memories(), before)

    def test_a_dry_run_counts_and_keeps_nothing(self) -> None:
        self.write("a.txt", "one")
        result = self.ingest(dry_run=True)
        self.assertEqual((result.new, result.added), (1, 1))
        self.assertEqual(self.texts(), [])

    def test_it_says_how_far_it_is(self) -> None:
        self.write("a.txt", "one")
        self.write("b.txt", "two")
        self.ingest()
        self.assertEqual(self.told, [(0, 2, "a.txt"), (1, 2, "b.txt")])

    def test_what_is_no_folder_is_refused(self) -> None:
        file = self.write("a.txt", "one")
        for asked in (str(file), "relative", str(self.folder / "missing")):
            work = self.ingesting.ingest(asked, "pond", False, lambda *_: None)
            self.assertIn("not the absolute path of a folder", self.refused(NotAFolder, work))

    def test_a_folder_within_a_repository_names_its_files_as_the_repository_does(self) -> None:
        self.write("src/a.txt", "one")
        self.ingest()
        result = self.ingest(self.folder / "src")
        self.assertEqual((result.unchanged, result.new), (1, 0))


class ReadingAgain(TransferTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("a.md", "# One\n\n" + "first " * 50 + "\n\n# Two\n\n" + "second " * 50 + "\n")
        self.ingest()
        self.one, self.two = self.all_memories()

    def test_only_the_piece_that_changed_is_amended(self) -> None:
        self.write("a.md", "# One\n\n" + "first " * 50 + "\n\n# Two\n\n" + "other " * 50 + "\n")
        result = self.ingest()
        self.assertEqual((result.changed, result.amended, result.added), (1, 1, 0))
        self.assertEqual(self.known(self.one.id), self.one)
        self.assertIn("other other", self.known(self.two.id).text)
        (earlier,) = self.done(self.store.versions(self.two.id))
        self.assertEqual(earlier.text, self.two.text)

    def test_a_piece_that_moved_is_the_same_memory_on_other_lines(self) -> None:
        new = "# Zero\n\n" + "new " * 60 + "\n\n"
        self.write("a.md", new + (self.folder / "a.md").read_text())
        result = self.ingest()
        self.assertEqual((result.added, result.amended, result.forgotten), (1, 2, 0))
        self.assertTrue(self.known(self.one.id).text.startswith("a.md#L5-L7\n"))

    def test_a_piece_that_is_gone_is_forgotten_and_can_be_restored(self) -> None:
        self.write("a.md", "# One\n\n" + "first " * 50 + "\n")
        self.assertEqual(self.ingest().forgotten, 1)
        self.assertEqual([each.id for each in self.all_memories()], [self.one.id])
        self.assertEqual([each.id for each in self.all_memories("archived")], [self.two.id])
        self.done(self.memories.remembering.restore([self.two.id]))
        self.ingest()
        self.assertEqual(len(self.all_memories()), 2)

    def test_a_file_that_is_gone_is_forgotten_and_is_new_when_it_returns(self) -> None:
        text = (self.folder / "a.md").read_bytes()
        (self.folder / "a.md").unlink()
        result = self.ingest()
        self.assertEqual((result.gone, result.forgotten), (1, 2))
        self.assertEqual(self.texts(), [])
        self.write("a.md", text)
        self.assertEqual((self.ingest().new, len(self.texts())), (1, 2))

    def test_what_lies_outside_the_folder_that_is_read_is_not_gone(self) -> None:
        self.write("src/b.txt", "two")
        self.assertEqual(self.ingest(self.folder / "src").gone, 0)
        self.assertEqual(len(self.texts()), 3)

    def test_what_a_user_has_forgotten_stays_forgotten(self) -> None:
        self.done(self.memories.remembering.forget([self.one.id]))
        self.ingest()
        self.write("a.md", "# One\n\n" + "1st " * 50 + "\n\n# Two\n\n" + "second " * 50 + "\n")
        self.ingest()
        self.assertEqual([each.id for each in self.all_memories()], [self.two.id])

    def test_what_was_removed_for_good_is_read_anew(self) -> None:
        self.done(self.memories.remembering.purge([self.one.id, self.two.id]))
        result = self.ingest()
        self.assertEqual((result.new, result.added), (1, 2))


class LeavingOut(TransferTestCase):
    def skipped(self) -> dict[str, str]:
        return {each.path: each.reason for each in self.ingest().skipped}

    def test_what_is_excluded_is_not_read_and_is_forgotten(self) -> None:
        self.write("src/a.txt", "one")
        self.write("src/gen/b.txt", "two")
        self.ingest()
        self.done(self.store.exchange.exclude("gen/", 1.0))
        self.assertEqual(self.skipped(), {"src/gen/": "it is excluded"})
        self.assertEqual([text.splitlines()[-1] for text in self.texts()], ["one"])

    def test_a_file_with_a_secret_is_refused_whole(self) -> None:
        key = "AKIA" + "QYLPMN5HHHFPZAM2"
        self.write("a.txt", f"one\n\naws_access_key_id = {key}\n")
        self.write(".env", "A=1")
        skipped = self.skipped()
        self.assertRegex(skipped["a.txt"], r"it holds a secret \(.+\) at L3$")
        self.assertEqual(skipped[".env"], "it holds secrets, by its name")
        self.assertEqual(self.texts(), [])

    def test_a_secret_on_the_border_of_two_pieces_is_found(self) -> None:
        for before in range(1_965, 2_000, 4):
            self.write("a.txt", f"{'x ' * (before // 2)}ghp_{'a1' * 18} y" + " z" * 1_000)
            self.assertIn("github token", self.skipped()["a.txt"])

    def test_nor_is_one_kept_as_the_name_of_a_file(self) -> None:
        self.write(f"ghp_{'a1' * 18}.txt", "one")
        self.assertEqual(list(self.skipped().values()), ["its name holds a secret"])

    def test_what_is_private_is_left_out_and_the_lines_stay(self) -> None:
        self.write("a.txt", "one\n<private>two\nthree</private> four\n\nfive")
        self.write("b.txt", "six " * 600 + "<private>seven\n" + "eight " * 600)
        self.ingest()
        self.assertEqual(self.texts()[0], "a.txt#L1-L5\n\none\n[private]\n four\n\nfive")
        self.assertNotRegex("".join(self.texts()), "two|three|seven|eight")

    def test_the_home_of_mnemo_is_not_read(self) -> None:
        self.write("a.txt", "one")
        for path in (self.folder / "own" / "exports", self.folder / "own" / "x" / "own"):
            path.mkdir(parents=True)
            (path / "all.jsonl").write_text("what was forgotten")
        self.ingesting = Ingesting(self.memories, self.folder / "own", here)
        self.assertEqual(self.ingest().skipped, [])
        self.assertEqual(self.texts(), ["a.txt#L1\n\none"])
        for asked in ("own", "own/exports"):
            work = self.ingesting.ingest(str(self.folder / asked), "p", False, lambda *_: None)
            self.assertIn("mnemo's own", self.refused(NotAFolder, work))

    def test_what_is_no_text_is_said(self) -> None:
        self.write("a.bin", b"a\0b")
        self.write("b.txt", b"\xff\xfe\xfa")
        self.write("c.txt", b" \n")
        self.write("d.txt", b"x" * ((512 << 10) + 1))
        self.assertEqual(
            self.skipped(),
            {
                "a.bin": "it is no text",
                "b.txt": "it is no UTF-8 text",
                "c.txt": "it is empty",
                "d.txt": "it is longer than 524,288 bytes",
            },
        )

    def test_what_cannot_be_read_now_is_not_forgotten(self) -> None:
        self.write("a.txt", "one")
        self.write("deep/b.txt", "two")
        self.ingest()
        if os.geteuid():
            (self.folder / "a.txt").chmod(0)
            (self.folder / "deep").chmod(0)
            self.addCleanup((self.folder / "deep").chmod, 0o700)
        else:
            real = os.open

            def refusing(path: object, *arguments: object, **more: object) -> int:
                if path == "a.txt":
                    raise PermissionError(13, "Permission denied")
                return real(path, *arguments, **more)  # type: ignore[arg-type]

            scan: Any = os.scandir

            def refusing_scan(path: object) -> object:
                if str(path).rstrip("/").endswith("deep"):
                    raise PermissionError(13, "Permission denied")
                return scan(path)

            self.patch(os, "open", refusing)
            self.patch(os, "scandir", refusing_scan)
        self.assertEqual(
            self.skipped(),
            {
                "a.txt": "it cannot be read: Permission denied",
                "deep/": "it cannot be read: Permission denied",
            },
        )
        self.assertEqual(len(self.texts()), 2)


class BreakingOff(TransferTestCase):
    def test_it_goes_on_where_it_was(self) -> None:
        for number in range(5):
            self.write(f"{number}.txt", f"text {number}")
        told = self.told.append

        def stop(done: int, total: int, path: str) -> None:
            told((done, total, path))
            if done == 3:
                raise KeyboardInterrupt

        work = self.ingesting.ingest(str(self.folder), "pond", False, stop)
        self.assertRaises(KeyboardInterrupt, work.send, None)
        self.assertEqual(len(self.texts()), 3)
        result = self.ingest()
        self.assertEqual((result.unchanged, result.new), (3, 2))
        self.assertEqual(len(self.texts()), 5)

    def test_a_process_that_is_killed_has_kept_whole_files(self) -> None:
        for number in range(5):
            self.write(f"{number}.md", f"# A\n\n{'one ' * 60}\n\n# B\n\n{number}\n")
        store = str(Path(self.mktemp()).absolute())
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, store, str(self.folder)], cwd=ROOT, timeout=60
        )
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        self.store = open_store(store, self.clock)
        self.addCleanup(lambda: self.successResultOf(self.store.stop()))
        self.assertEqual(len(self.texts()), 6)
        memories = Memories(self.store, self.embedder, self.clock)
        self.ingesting = Ingesting(memories, self.home, here)
        result = self.ingest()
        self.assertEqual((result.unchanged, result.new, len(self.texts())), (3, 2, 10))

    def test_a_write_that_fails_leaves_nothing_of_a_file(self) -> None:
        self.write("a.md", "# One\n\n" + "first " * 50 + "\n\n# Two\n\n" + "second " * 50 + "\n")
        make = self.memories.make_id
        taken = self.remember("here already").id
        self.memories.make_id = lambda kind: make(kind) if not self.told else taken
        work = self.ingesting.ingest(
            str(self.folder), "pond", False, lambda *told: self.told.append(told)
        )
        self.refused(Exception, work)
        self.assertEqual(self.texts(), ["here already"])
        self.memories.make_id = make
        self.assertEqual(self.ingest().added, 2)


class Paths(TransferTestCase):
    def test_no_link_is_followed(self) -> None:
        outside = Path(self.mktemp()).absolute()
        outside.mkdir()
        (outside / "secret.txt").write_text("outside")
        self.write("a.txt", "inside")
        (self.folder / "out").symlink_to(outside)
        (self.folder / "loop").symlink_to(self.folder)
        (self.folder / "file.txt").symlink_to(outside / "secret.txt")
        result = self.ingest()
        self.assertEqual({each.path for each in result.skipped}, {"out", "loop", "file.txt"})
        self.assertEqual(self.texts(), ["a.txt#L1\n\ninside"])
