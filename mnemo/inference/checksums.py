"""What a model file must be: its sha256, noted beside it when it was brought."""

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_of(path: Path) -> Path:
    """The file beside C{path} with its checksum, which C{sha256sum -c} reads too."""
    return path.with_name(f"{path.name}.sha256")


def note(path: Path) -> Path:
    """Note what C{path} is now, and return the note."""
    there = note_of(path)
    there.write_text(f"{digest(path)}  {path.name}\n", "utf-8")
    return there


def noted(path: Path) -> str:
    """The checksum that was noted for C{path}; empty where none was."""
    try:
        return note_of(path).read_text("utf-8", "replace").partition(" ")[0]
    except FileNotFoundError:
        return ""
