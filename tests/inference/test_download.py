"""A download is whole and the right one, or it is not there; and it goes on where it was."""

import fcntl
import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.catalogue import FetchError
from mnemo.inference.download import download, read_note
from tests.inference.file_server import FileServer

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class DownloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = FileServer({"/a.gguf": CONTENT})
        self.addCleanup(self.server.stop)
        self.url = f"{self.server.url}/a.gguf"
        self.part = Path(self.mktemp()).absolute()
        self.lines: list[str] = []

    def download(self, size: int = len(CONTENT), sha256: str = SHA256) -> None:
        self.assertEqual(download(self.url, self.part, size, sha256, self.lines.append), SHA256)
        self.assertEqual(self.part.read_bytes(), CONTENT)

    def refused(self, size: int = len(CONTENT), sha256: str = SHA256) -> str:
        with self.assertRaises(FetchError) as caught:
            download(self.url, self.part, size, sha256, self.lines.append)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def ranges(self) -> list[str]:
        return [wanted for _, wanted in self.server.asked]

    def test_a_file_comes_whole(self) -> None:
        self.download()
        self.assertEqual(self.ranges(), [""])

    def test_how_far_it_is_is_told(self) -> None:
        self.server.files["/a.gguf"] = bytes(3_500_000)
        sha256 = hashlib.sha256(bytes(3_500_000)).hexdigest()
        download(self.url, self.part, 0, sha256, self.lines.append)
        self.assertEqual(self.lines, ["1 of 3 MB", "2 of 3 MB", "3 of 3 MB"])

    def test_what_is_there_is_not_brought_again(self) -> None:
        self.part.write_bytes(CONTENT[:1000])
        self.download()
        self.assertEqual(self.ranges(), ["bytes=1000-"])
        self.assertEqual(self.lines[0], "going on from 0 MB")
        self.download()
        self.assertEqual(len(self.ranges()), 1)

    def test_a_connection_that_breaks_is_made_again(self) -> None:
        self.server.breaks = 2
        self.download()
        half = len(CONTENT) // 2
        self.assertEqual(self.ranges(), ["", f"bytes={half}-", f"bytes={half + half // 2}-"])
        self.assertIn("the connection broke; going on", self.lines)

    def test_what_has_moved_goes_on_where_it_is_now(self) -> None:
        self.server.moved["/old.gguf"] = self.url
        self.url = f"{self.server.url}/old.gguf"
        self.part.write_bytes(CONTENT[:1000])
        self.download()
        self.assertEqual(
            self.server.asked, [("/old.gguf", "bytes=1000-"), ("/a.gguf", "bytes=1000-")]
        )

    def test_a_server_without_ranges_sends_all_of_it_again(self) -> None:
        self.server.has_ranges = False
        self.part.write_bytes(b"x" * 1000)
        self.download()
        self.assertEqual(len(self.ranges()), 1)

    def test_a_beginning_of_another_file_is_found_out(self) -> None:
        self.part.write_bytes(b"x" * 1000)
        self.download()
        self.assertEqual(self.ranges(), ["bytes=1000-", ""])
        self.assertIn("what was there already was of another file; beginning anew", self.lines)

    def test_more_than_there_should_be_is_begun_anew(self) -> None:
        self.part.write_bytes(CONTENT + b"x")
        self.download()
        self.assertEqual(self.ranges(), [""])
        self.part.write_bytes(CONTENT + b"x")
        self.download(size=0)
        self.assertEqual(self.ranges()[1:], [f"bytes={len(CONTENT) + 1}-", ""])

    def test_a_beginning_whose_checksum_nobody_knows_is_not_trusted(self) -> None:
        self.part.write_bytes(CONTENT[:1000])
        self.download(sha256="")
        self.assertEqual(self.ranges(), [""])

    def test_another_file_is_refused_and_removed(self) -> None:
        line = self.refused(sha256="0" * 64)
        self.assertIn(f"its sha256 is {SHA256}, not {'0' * 64}", line)
        self.assertFalse(self.part.exists())

    def test_a_file_of_another_size_is_not_even_brought(self) -> None:
        line = self.refused(size=5)
        self.assertIn(f"is another file: {len(CONTENT)} bytes, not 5", line)
        self.assertFalse(self.part.exists())

    def test_a_file_that_is_not_there_is_told(self) -> None:
        self.server.files.clear()
        self.assertEqual(self.refused(), f"{self.url}: 404 Not Found")

    def test_a_server_that_is_not_there_is_told_and_what_has_come_stays(self) -> None:
        self.part.write_bytes(CONTENT[:1000])
        self.url = "http://127.0.0.1:1/a.gguf"
        self.assertEqual(self.refused(), f"{self.url} cannot be had: Connection refused")
        self.assertEqual(self.part.read_bytes(), CONTENT[:1000])

    def test_a_full_disk_is_told_before(self) -> None:
        self.patch(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000))
        self.assertEqual(
            self.refused(), f"{self.part.parent} has no room: 1 MB are needed, 0 MB are free"
        )

    def test_two_do_not_download_the_same(self) -> None:
        with self.part.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assertIn("another process is downloading", self.refused())

    def test_a_note_is_read_if_there_is_one(self) -> None:
        self.server.files["/a.gguf.sha256"] = b"abc  a.gguf\n"
        self.assertEqual(read_note(f"{self.url}.sha256"), "abc  a.gguf\n")
        self.assertEqual(read_note(f"{self.server.url}/b.sha256"), "")
        self.assertRaises(FetchError, read_note, "http://127.0.0.1:1/b.sha256")
