"""The note of what a model file must be."""

import hashlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.checksums import digest, note, note_of, noted


class NoteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).with_suffix(".gguf")
        self.path.write_bytes(b"a model")

    def test_it_is_read_back(self) -> None:
        self.assertEqual(note(self.path), note_of(self.path))
        self.assertEqual(noted(self.path), digest(self.path))

    def test_it_is_written_as_sha256sum_writes_it(self) -> None:
        note(self.path)
        expected = f"{hashlib.sha256(b'a model').hexdigest()}  {self.path.name}\n"
        self.assertEqual(note_of(self.path).read_text(), expected)

    def test_where_there_is_none_nothing_is_noted(self) -> None:
        self.assertEqual(noted(self.path), "")
