"""Which project a path, an address or a name stands for."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import frozen

GIT = ".git"
MARK = ".mnemo"

LONGEST = 200
"""Characters of a project's name; more are cut."""

_POINTER_BYTES = 8192
"""How long a file may be that git leads from one folder to another with."""


@frozen
class Place:
    """
    Where somebody works.

    @ivar root: the folder that holds it all: a repository, a worktree, a marked folder; C{None}
        where there is none, or none was looked for
    @ivar project: whose memory is used; C{""} where no project is known
    """

    root: Path | None
    project: str


def is_path(hint: str) -> bool:
    """Whether C{hint} is a place in the file system rather than a name."""
    return hint.startswith(("/", "~/", "file:"))


def project_of(hint: str) -> str:
    """The project that C{hint} stands for: that of its L{place_of}."""
    return place_of(hint).project


def place_of(hint: str) -> Place:
    """
    The place that C{hint} stands for. Looks at the file system for a path; never raises.

    The root of a path or C{file://} address is the nearest directory above it, or itself, that
    holds C{.git} or C{.mnemo}. The project has the name of the root, but that all worktrees of
    one repository share the project of the repository. A path without a root is named after
    its own last part. Anything else is a name already.

    @return: a project of C{""} where the hint says nothing; C{"*"} is no name either, it asks
        for all
    """
    hint = hint.strip()
    root, name = _rooted(_path(hint)) if is_path(hint) else (None, hint)
    name = " ".join(name.split())[:LONGEST].rstrip()
    return Place(root, "" if name == "*" else name)


def _path(hint: str) -> str:
    if not hint.startswith("file:"):
        return hint
    try:
        return unquote(urlsplit(hint).path)
    except ValueError:
        return ""


def _rooted(path: str) -> tuple[Path | None, str]:
    place = Path(path)
    try:
        place = place.expanduser()
        for root in (place, *place.parents):
            if _is_root(root):
                return root, _repository_name(root) or root.name or place.name
    except (OSError, ValueError, RuntimeError):
        pass  # unreadable, not a path at all, or no home: its own name has to do
    return None, place.name


def _is_root(place: Path) -> bool:
    if (place / GIT).exists() or _is_bare(place):
        return True
    # In the user's own directory it is where mnemo keeps its data, and marks no project.
    return (place / MARK).exists() and place != Path.home()


def _is_bare(place: Path) -> bool:
    """Whether a folder is a repository without a checkout, by what every repository has."""
    if place.name == GIT or not (place / "HEAD").is_file():
        return False
    return (place / "objects").is_dir() and (place / "refs").is_dir()


def _repository_name(root: Path) -> str:
    """
    What the repository of a root is called, C{""} where the root says it well enough itself.

    In a linked worktree, C{.git} is a file that leads to a folder within the repository, and
    a file C{commondir} there leads on to the repository (gitrepository-layout(5)). A submodule
    has the first, but not the second: it is a repository of its own.
    """
    if (root / GIT).is_file():
        private = _leads_to(root / GIT, "gitdir:")
        common = private and _leads_to(private / "commondir", "")
    else:
        common = root if _is_bare(root) else None
    if common is None:
        return ""
    # A hidden repository, .git or .bare, is named after the folder it lies in.
    return common.parent.name if common.name.startswith(".") else common.name.removesuffix(GIT)


def _leads_to(pointer: Path, label: str) -> Path | None:
    """The folder that a file names, relative to its own; C{None} where it names none."""
    if not pointer.is_file():
        return None
    with pointer.open("rb") as file:
        text = file.read(_POINTER_BYTES).decode(errors="surrogateescape")
    if not text.startswith(label):
        return None
    target = text.removeprefix(label).strip()
    found = (pointer.parent / target).resolve()
    return found if target and found.is_dir() else None
