"""Which project a path, an address or a name stands for."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

GIT = ".git"
MARK = ".mnemo"

LONGEST = 200
"""Characters of a project's name; more are cut."""


def is_path(hint: str) -> bool:
    """Whether C{hint} is a place in the file system rather than a name."""
    return hint.startswith(("/", "~/", "file:"))


def project_of(hint: str) -> str:
    """
    The project that C{hint} stands for. Looks at the file system for a path; never raises.

    A path or C{file://} address is named after the nearest directory above it, or itself,
    that holds C{.git} (a directory, or the file of a worktree) or C{.mnemo}; where there is
    none, after its own last part. Anything else is a name already.

    @return: C{""} where the hint says nothing; C{"*"} is no name either, it asks for all
    """
    hint = hint.strip()
    name = _root_name(_path(hint)) if is_path(hint) else hint
    name = " ".join(name.split())[:LONGEST].rstrip()
    return "" if name == "*" else name


def _path(hint: str) -> str:
    if not hint.startswith("file:"):
        return hint
    try:
        return unquote(urlsplit(hint).path)
    except ValueError:
        return ""


def _root_name(path: str) -> str:
    place = Path(path)
    try:
        place = place.expanduser()
        for root in (place, *place.parents):
            if _is_root(root):
                return root.name or place.name
    except (OSError, ValueError, RuntimeError):
        pass  # unreadable, not a path at all, or no home: its own name has to do
    return place.name


def _is_root(place: Path) -> bool:
    if (place / GIT).exists():
        return True
    # In the user's own directory it is where mnemo keeps its data, and marks no project.
    return (place / MARK).exists() and place != Path.home()
