"""Which files of a folder are to be read, and reading them without ever leaving the folder."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import define, field, frozen
from pathspec import GitIgnoreSpec

GITIGNORE = ".gitignore"

NEVER_ENTERED: Final = frozenset({".git", ".hg", ".svn", ".jj", ".mnemo"})
"""Folders of programs rather than people."""

SENSITIVE: Final = GitIgnoreSpec.from_lines(
    (
        ".env",
        ".env.*",
        "!.env.example",
        "!.env.sample",
        "!.env.template",
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "*.jks",
        "*.keystore",
        "*.kdbx",
        "*.tfstate",
        "*.tfstate.*",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        ".netrc",
        ".pgpass",
        ".npmrc",
        ".pypirc",
        ".htpasswd",
        ".ssh/",
        ".gnupg/",
        ".aws/",
    )
)
"""Files that hold secrets by their very names. They are not even opened."""

_LONGEST_IGNORE = 1 << 20


@frozen
class Skipped:
    """
    What is not read, and why, in a few words.

    @ivar path: relative to the base
    @ivar lasting: whether it is there and not wanted; what only cannot be read now may be as it
        was when it was last read
    """

    path: str
    reason: str
    lasting: bool = True


@frozen
class Walked:
    """
    A folder that was looked through.

    @ivar files: what there is to read, relative to the base, in order
    @ivar skipped: what is left out and might be missed; what C{.gitignore} leaves out is not
    """

    files: tuple[str, ...]
    skipped: tuple[Skipped, ...]


class CannotRead(Exception):
    """A file cannot be read. Its text says why in a few words."""


@frozen
class Exclusions:
    """
    What the user does not want to be read: patterns as in C{.gitignore}, relative to the base,
    or absolute where they begin with C{/} or C{~/}.
    """

    _relative: GitIgnoreSpec
    _absolute: GitIgnoreSpec

    @classmethod
    def of(cls, patterns: Iterable[str]) -> "Exclusions":
        """These patterns."""
        sorted_out: tuple[list[str], list[str]] = ([], [])
        for pattern in patterns:
            is_absolute = pattern.startswith(("/", "~/"))
            sorted_out[is_absolute].append(os.path.expanduser(pattern) if is_absolute else pattern)
        return cls(*map(GitIgnoreSpec.from_lines, sorted_out))

    def exclude(self, base: Path, relative: str) -> bool:
        """Whether a path is excluded. That of a folder ends with a slash."""
        whole = f"{base.as_posix().strip('/')}/{relative}".lstrip("/")
        return self._relative.match_file(relative) or self._absolute.match_file(whole)


@define
class _Walk:
    """A walk that goes on."""

    base: Path
    exclusions: Exclusions
    home: Path | None
    files: list[str] = field(factory=list)
    skipped: list[Skipped] = field(factory=list)

    def enter(self, folder: str, ignores: Sequence[tuple[str, GitIgnoreSpec]]) -> None:
        """Look through a folder, which is relative and ends with a slash, or empty."""
        pending = [(folder, tuple(ignores))]
        while pending:
            folder, above = pending.pop()
            try:
                with os.scandir(self.base / folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
                inside = (*above, *_ignore_of(self.base, folder))
                pending += reversed(list(self._look(folder, listed, inside)))
            except OSError as error:
                self.skip(folder, _why(error), lasting=False)

    def skip(self, path: str, reason: str, *, lasting: bool = True) -> None:
        self.skipped.append(Skipped(path, reason, lasting))

    def _look(
        self,
        folder: str,
        entries: Iterable["os.DirEntry[str]"],
        ignores: tuple[tuple[str, GitIgnoreSpec], ...],
    ) -> Iterator[tuple[str, tuple[tuple[str, GitIgnoreSpec], ...]]]:
        """Take in the files of a folder. Answers its folders."""
        for entry in entries:
            path = folder + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            marked = path + "/" if is_folder else path
            if (is_folder and self._is_no_project(path)) or _is_ignored(marked, ignores):
                continue
            if not _is_text(path):
                self.skip(ascii(path), "its name is no text")
            elif self.exclusions.exclude(self.base, marked):
                self.skip(marked, "it is excluded")
            elif SENSITIVE.match_file(marked):
                self.skip(marked, "it holds secrets, by its name")
            elif is_folder:
                yield marked, ignores
            elif entry.is_symlink():
                self.skip(path, "it is a link; what it leads to is read where it lies")
            elif entry.is_file(follow_symlinks=False):
                self.files.append(path)
            else:
                self.skip(path, "it is no file")

    def _is_no_project(self, folder: str) -> bool:
        return folder.rpartition("/")[2] in NEVER_ENTERED or self.base / folder == self.home


def walk(base: Path, folder: Path, exclusions: Exclusions, home: Path | None = None) -> Walked:
    """
    Look through C{folder}, which is C{base} or lies in it. No link is followed.

    Every C{.gitignore} between the two and below is kept to, as git does.

    @param home: mnemo's own folder, which is not entered
    """
    inside = folder.relative_to(base)
    walking = _Walk(base, exclusions, home)
    ignores: list[tuple[str, GitIgnoreSpec]] = []
    above = ""
    for part in inside.parts:
        ignores += _ignore_of(base, above)
        above += part + "/"
    walking.enter(above, ignores)
    return Walked(tuple(walking.files), tuple(walking.skipped))


def read_inside(base: Path, relative: str, limit: int) -> bytes:
    """
    The bytes of a file below C{base}. No link is followed on the way, so none can lead out of
    it, even one that was put there a moment ago.

    @raise CannotRead: it is no plain file, is longer than C{limit} or cannot be read
    """
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or relative.startswith("/"):
        raise CannotRead("it does not lie in the folder")
    try:
        handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        for part in parts[:-1]:
            handle = _step(handle, part, os.O_RDONLY | os.O_DIRECTORY)
        handle = _step(handle, parts[-1], os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode):
                raise CannotRead("it is no file")
            content = file.read(limit + 1)
    except OSError as error:
        raise CannotRead(_why(error)) from None
    if len(content) > limit:
        raise CannotRead(f"it is longer than {limit:,} bytes")
    return content


def _step(handle: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
    finally:
        os.close(handle)


def _is_ignored(path: str, ignores: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Whether git ignores a path: the nearest C{.gitignore} that has a word on it decides."""
    for folder, spec in reversed(ignores):
        verdict = spec.check_file(path[len(folder) :]).include
        if verdict is not None:
            return verdict
    return False


def _ignore_of(base: Path, folder: str) -> list[tuple[str, GitIgnoreSpec]]:
    try:
        content = read_inside(base, folder + GITIGNORE, _LONGEST_IGNORE)
    except CannotRead:
        return []
    return [(folder, GitIgnoreSpec.from_lines(content.decode(errors="replace").splitlines()))]


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _why(error: OSError) -> str:
    return f"it cannot be read: {error.strerror or error}"
