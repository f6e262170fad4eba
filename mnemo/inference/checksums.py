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


def note(path: Path, name: str = "", sha256: str = "") -> Path:
    """
    Note what C{path} is, and return the note.

    @param name: what it will be called, if not as it is now
    @param sha256: where that is known already, which saves reading the file
    """
    there = note_of(path)
    there.write_text(f"{sha256 or digest(path)}  {name or path.name}\n", "utf-8")
    return there


def noted(path: Path) -> str:
    """The checksum that was noted for C{path}; empty where none was."""
    try:
        return note_of(path).read_text("utf-8", "replace").partition(" ")[0]
    except FileNotFoundError:
        return ""
