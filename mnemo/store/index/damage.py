"""Whether the files of a tantivy index are whole, without opening it."""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

PARTS = ("term", "idx", "pos", "fieldnorm", "fast", "store")
"""The files that each segment has."""

_TRAILER = struct.Struct("<II")
_MAGIC = 1337


def check_files(directory: Path) -> None:
    """
    Look at every file of the last commit: each ends in its own checksum.

    @raise OSError: a file is missing or cannot be read
    @raise ValueError: a file is damaged
    """
    for path in _files(directory):
        _check(path, path.read_bytes())


def _files(directory: Path) -> Iterator[Path]:
    meta = json.loads((directory / "meta.json").read_text())
    try:
        for segment in meta["segments"]:
            name = segment["segment_id"].replace("-", "")
            yield from (directory / f"{name}.{part}" for part in PARTS)
            if segment["deletes"] is not None:
                yield directory / f"{name}.{segment['deletes']['opstamp']}.del"
    except (KeyError, TypeError) as error:
        raise ValueError(f"{directory / 'meta.json'} is damaged: {error!r}") from None


def _check(path: Path, content: bytes) -> None:
    """
    A file is a body, a footer in JSON with the CRC-32 of the body, and then the footer's length
    and a magic number (tantivy's C{directory/footer.rs}).
    """
    if len(content) < _TRAILER.size:
        raise ValueError(f"{path} is cut off")
    length, magic = _TRAILER.unpack_from(content, len(content) - _TRAILER.size)
    end = len(content) - _TRAILER.size - length
    if magic != _MAGIC or end < 0:
        raise ValueError(f"{path} is cut off")
    footer = json.loads(content[end : end + length])
    if not isinstance(footer, dict) or footer.get("crc") != zlib.crc32(memoryview(content)[:end]):
        raise ValueError(f"{path} is damaged")
