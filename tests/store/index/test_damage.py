"""Damage to the files of a text index is seen before they are used."""

import json
import shutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.damage import check_files
from mnemo.store.index.text import Document, TextIndex
from tests.store.index.examples import memory


class CheckFilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        index = TextIndex(self.directory)
        index.open()
        for first in (1, 11):
            keys = range(first, first + 10)
            index.commit([Document(memory(key), ("word", f"w{key}")) for key in keys], [], 10)
        index.commit([], [3], 11)
        index.close()

    def parts(self) -> list[Path]:
        return [path for path in self.directory.iterdir() if not path.name.startswith(".")]

    def assertDamaged(self) -> None:
        with self.assertRaises((OSError, ValueError)):
            check_files(self.directory)

    def test_a_whole_index_is_in_order(self) -> None:
        check_files(self.directory)
        self.assertTrue(any(path.suffix == ".del" for path in self.parts()))

    def test_each_file_has_to_be_there_and_whole(self) -> None:
        meta = json.loads((self.directory / "meta.json").read_text())
        used = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
        for path in self.parts():
            if path.stem not in used:
                continue
            whole = path.read_bytes()
            path.unlink()
            self.assertDamaged()
            for damaged in (
                b"",
                whole[:-1],
                whole[: len(whole) // 2],
                bytes([whole[0] ^ 1]) + whole[1:],
                b"\xff" * len(whole),
                whole[:-9] + b"?" + whole[-8:],
            ):
                path.write_bytes(damaged)
                self.assertDamaged()
            path.write_bytes(whole)
            check_files(self.directory)

    def test_what_lists_the_files_has_to_make_sense(self) -> None:
        path = self.directory / "meta.json"
        for damaged in (
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"segments": 1}',
            b'{"segments": [{}]}',
            b"\xff",
        ):
            path.write_bytes(damaged)
            self.assertDamaged()

    def test_a_folder_that_is_empty_or_not_there_is_no_index(self) -> None:
        shutil.rmtree(self.directory)
        self.assertDamaged()
        self.directory.mkdir()
        self.assertDamaged()
