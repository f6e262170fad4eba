"""What comes into a store from outside, and what leaves it: values, and their contract."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from mnemo.store.records import Memory, NewMemory, QueryRow, Relation, Type, Version
from mnemo.store.sessions import SessionRow

# -- files


@frozen
class Chunk:
    """
    A piece of a file, as it is kept.

    @ivar id: of its memory
    @ivar hash: of its words, without where they stand
    """

    id: str
    hash: str


@frozen
class Piece:
    """
    A piece of a file, as it was read.

    @ivar memory: what to keep, or the id of the memory that has it already
    @ivar text: the new text of that memory; C{None} where it has not changed
    """

    hash: str
    memory: NewMemory | str
    text: str | None = None


@frozen
class FileRead:
    """
    A file that was read whole. Its memories of which no piece is left are forgotten.

    @ivar path: absolute
    @ivar hash: of its bytes
    """

    project: str
    path: str
    hash: str
    at: float
    pieces: tuple[Piece, ...]


# -- other systems


@frozen
class Imported:
    """
    A memory of another system.

    @ivar key: what it is known by for ever, so that it is never imported twice
    @ivar updated: when its text became what it is
    @ivar archived: when it was forgotten, or C{None}
    """

    key: str
    memory: NewMemory
    updated: float
    archived: float | None = None
    versions: tuple[Version, ...] = ()


@frozen
class ImportedLink:
    """A link between memories of another system, by their keys."""

    source: str
    target: str
    relation: Relation


# -- everything, line by line


@frozen
class Judged:
    """What was said of a memory as an answer to a query."""

    query: str
    quality: Literal["helpful", "partial", "irrelevant"]
    at: float


@frozen
class Absence:
    """A span of time in which a memory was forgotten; C{until} is C{None} while it is."""

    since: float
    until: float | None


@frozen
class MemoryLine:
    """
    A memory with all that belongs to it alone. What is derived from it can be made again, so
    it has no vector, no likeness to others, no summary.
    """

    id: str
    version: int
    text: str
    type: Type
    source: str
    project: str
    session: str
    salience: float
    fades: float
    created: float
    updated: float
    archived: float | None
    concepts: tuple[str, ...]
    versions: tuple[Version, ...] = ()
    absences: tuple[Absence, ...] = ()
    feedback: tuple[Judged, ...] = ()
    import_keys: tuple[str, ...] = ()


@frozen
class LinkLine:
    """A link, by the ids of the memories."""

    source: str
    target: str
    relation: Relation


@frozen
class FileLine:
    """A file that was read, and the memories of its pieces."""

    project: str
    path: str
    hash: str
    taken: float
    chunks: tuple[Chunk, ...]


@frozen
class ExclusionLine:
    """What is not to be read from the file system, a pattern as in C{.gitignore}."""

    pattern: str
    added: float


@frozen
class GistLine:
    """
    That a memory says again what another says, by their ids: it goes when that one goes.

    @ivar dropped: whether it was forgotten because the other was forgotten or amended
    """

    memory: str
    gist: str
    dropped: bool


@frozen
class CoachingLine:
    """What a language model is told beside the rules."""

    document: str


Line = (
    ExclusionLine
    | SessionRow
    | MemoryLine
    | LinkLine
    | GistLine
    | QueryRow
    | FileLine
    | CoachingLine
)

Kind = Literal["exclusion", "session", "memory", "link", "gist", "query", "file", "coaching"]

KINDS: Mapping[Kind, type[Line]] = {
    "exclusion": ExclusionLine,
    "session": SessionRow,
    "memory": MemoryLine,
    "link": LinkLine,
    "gist": GistLine,
    "query": QueryRow,
    "file": FileLine,
    "coaching": CoachingLine,
}
"""What each kind of line is, in the order in which they are to be written and read."""

Place = tuple[str | int, ...]
"""How far a kind has been read: the last key that was answered."""


@frozen
class Page:
    """
    Some lines of one kind.

    @ivar after: where the next page begins; C{None} where there is none
    """

    lines: tuple[Line, ...]
    after: Place | None


@frozen
class CarriedIn:
    """
    What came of lines that were read in.

    @ivar links: how many new links there are
    @ivar problems: by the position of a line, why it could not be kept whole
    """

    memories: tuple[Memory, ...] = ()
    links: int = 0
    problems: Mapping[int, str] = field(factory=dict)


class IExchange(Interface):
    """
    The ways into and out of a store beside C{add}. Each write is one transaction.
    """

    def files(project: str, folder: str) -> Deferred[dict[str, str]]:
        """The hashes of the files of a project that were read from a folder, by their paths."""

    def chunks(project: str, path: str) -> Deferred[list[Chunk]]:
        """The pieces of a file as they are kept, in their order."""

    def read(file: FileRead) -> Deferred[list[Memory]]:
        """Keep what was read of a file, all or nothing. Answers the memories that changed."""

    def gone(project: str, path: str, now: float) -> Deferred[list[Memory]]:
        """A file is not there any more: its memories are forgotten, and can be restored."""

    def exclude(pattern: str, now: float) -> Deferred[bool]:
        """Keep an exclusion. C{False} where it was there already."""

    def include(pattern: str) -> Deferred[bool]:
        """Lift an exclusion. C{False} where there was none."""

    def exclusions() -> Deferred[list[ExclusionLine]]:
        """All exclusions, oldest first."""

    def imported(keys: Sequence[str]) -> Deferred[dict[str, str]]:
        """The ids of what was imported under these keys and is still there, by its key."""

    def add_imports(batch: Sequence[Imported]) -> Deferred[list[Memory]]:
        """Keep those whose key is new. Answers their memories."""

    def link_imports(links: Sequence[ImportedLink]) -> Deferred[list[ImportedLink]]:
        """Link imported memories. Answers the links that lead from or to nothing."""

    def count(project: str | None) -> Deferred[int]:
        """How many lines L{page} has to give, more or less."""

    def page(kind: Kind, project: str | None, after: Place | None, limit: int) -> Deferred[Page]:
        """
        Everything of one kind that is kept, page by page, always in the same order.

        @param project: only what belongs to it, or C{None} for all
        @param after: where the last page ended, or C{None} for the first
        """

    def carry_in(lines: Sequence[Line]) -> Deferred[CarriedIn]:
        """Keep what L{page} gave, with its ids and times. What is there already stays."""
