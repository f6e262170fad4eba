"""Reading files into memory: ingest_project, exclude_path, list_exclusions."""

from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import field, frozen

from mnemo.memory.moments import iso
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.progress import Progress
from mnemo.tools.scope import home_of, project_shown
from mnemo.tools.views import counted
from mnemo.transfer.ingest import Ingested, NotAFolder
from mnemo.transfer.walk import Exclusions

LISTED = 100
"""How many of the files that were left out an answer lists."""

SHOWN = 10
"""How many of them its text shows."""

Directory = Annotated[
    str,
    msgspec.Meta(
        description="The absolute path of a folder on the machine that mnemo runs on.",
        min_length=1,
        max_length=4096,
    ),
]

IngestedInto = Annotated[
    str,
    msgspec.Meta(
        description="The project, by name or path. Left out: the one that the folder belongs to.",
        max_length=4096,
    ),
]

DryRun = Annotated[bool, msgspec.Meta(description="Count what would be done, and do nothing.")]

ExcludedPattern = Annotated[
    str,
    msgspec.Meta(
        description="As in .gitignore, relative to any project; or an absolute path.",
        min_length=1,
        max_length=1000,
    ),
]

ToExclude = Annotated[bool, msgspec.Meta(description="False lifts the exclusion again.")]


@frozen(kw_only=True, slots=False)
class LeftOut:
    """A file or folder that was not read, and why."""

    path: str
    reason: str


@frozen(kw_only=True, slots=False)
class IngestReport:
    """
    What came of reading a folder. New, changed, unchanged and gone count files; added, amended
    and forgotten count memories. Skipped lists the first files that were left out; skipped_count
    says how many there are. What .gitignore leaves out is not counted.
    """

    project: str
    base: str
    dry_run: bool
    new: int
    changed: int
    unchanged: int
    gone: int
    added: int
    amended: int
    forgotten: int
    skipped_count: int
    skipped: list[LeftOut]

    def text(self) -> str:
        """The counts, and the first files that were left out."""
        files = self.new + self.changed + self.unchanged
        head = "Nothing was kept; this is what would be: " if self.dry_run else ""
        lines = [
            f"{head}{counted(files, 'file')} of {self.base} for {project_shown(self.project)}: "
            f"{self.new:,} new, {self.changed:,} changed, {self.unchanged:,} unchanged, "
            f"{self.gone:,} gone.",
            f"{counted(self.added, 'memory', 'memories')} added, {self.amended:,} amended, "
            f"{self.forgotten:,} forgotten.",
        ]
        if self.skipped_count:
            lines.append(f"{counted(self.skipped_count, 'file')} left out:")
            lines += [f"- {each.path}: {each.reason}" for each in self.skipped[:SHOWN]]
            if self.skipped_count > SHOWN:
                lines.append(f"- and {self.skipped_count - SHOWN:,} more")
        return "\n".join(lines)


@frozen(kw_only=True)
class IngestProject(Tool):
    """
    Read the text files of a folder into memory, in pieces that say where they stand
    (path#L10-L42), so that recall finds them. What .gitignore or exclude_path names is left out,
    as is every file that holds a secret. Called again, it reads only what has changed: pieces
    that changed are amended, and those that are gone are forgotten, which restore undoes. It may
    be broken off at any time and goes on where it was.
    """

    name: ClassVar[str] = "ingest_project"
    title: ClassVar[str] = "Read a folder into memory"
    hints: ClassVar[Hints] = Hints(idempotent=True)
    task: ClassVar[Literal["optional"]] = "optional"

    directory: Directory
    project: IngestedInto = ""
    dry_run: DryRun = False

    async def run(self, call: Call) -> IngestReport:
        """Read it."""
        directory = self.directory.strip()
        project = await home_of(call, self.project or directory)
        progress = Progress(call.context.client, call.memories.clock, 0)
        try:
            result = await call.transfer.ingesting.ingest(
                directory, project, self.dry_run, progress.told
            )
        except NotAFolder as problem:
            raise ToolError(str(problem)) from None
        return _report(result, project, self.dry_run)


@frozen(kw_only=True, slots=False)
class Excluded:
    """A pattern, whether it is excluded, and whether that is new."""

    pattern: str
    excluded: bool
    new: bool

    def text(self) -> str:
        """What holds from now on."""
        if not self.excluded:
            if not self.new:
                return f"{self.pattern} was not excluded; list_exclusions has what is."
            return f"{self.pattern} is excluded no longer: ingest_project reads it again."
        known = "" if self.new else " It was there already."
        return (
            f"{self.pattern} is not read any more.{known} What was read of it is forgotten when "
            "ingest_project reads that folder next."
        )


@frozen(kw_only=True)
class ExcludePath(Tool):
    """
    Keep files out of memory: ingest_project does not read what the pattern names, in any
    project, and forgets what it has read of it before. With excluded: false it is read again.
    """

    name: ClassVar[str] = "exclude_path"
    title: ClassVar[str] = "Exclude a path"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    pattern: ExcludedPattern
    excluded: ToExclude = True

    async def run(self, call: Call) -> Excluded:
        """Keep the pattern, or lift it."""
        exchange, pattern = call.memories.store.exchange, self.pattern.strip()
        if not self.excluded:
            lifted = await exchange.include(pattern)
            return Excluded(pattern=pattern, excluded=False, new=lifted)
        if not pattern or pattern.startswith(("!", "#")) or not pattern.isprintable():
            raise ToolError(
                f'"pattern" was {self.pattern[:60]!r}; accepted: one pattern as in .gitignore, '
                "without ! and #, or an absolute path"
            )
        try:
            Exclusions.of([pattern])
        except ValueError as error:
            raise ToolError(f'"pattern" was {pattern[:60]!r}: {error}') from None
        is_new = await exchange.exclude(pattern, call.now)
        return Excluded(pattern=pattern, excluded=True, new=is_new)


@frozen(kw_only=True, slots=False)
class Exclusion:
    """A pattern, and when it was given; UTC."""

    pattern: str
    added_at: str


@frozen(kw_only=True, slots=False)
class ExclusionList:
    """What ingest_project never reads, oldest first."""

    exclusions: list[Exclusion] = field(factory=list)

    def text(self) -> str:
        """A line for each."""
        if not self.exclusions:
            return "Nothing is excluded; exclude_path does that."
        lines = [f"{each.pattern} (since {each.added_at})" for each in self.exclusions]
        return "\n".join([*lines, "exclude_path with excluded: false lifts one."])


@frozen(kw_only=True)
class ListExclusions(Tool):
    """
    List the patterns that exclude_path was given. It lifts one with excluded: false.
    """

    name: ClassVar[str] = "list_exclusions"
    title: ClassVar[str] = "List exclusions"
    hints: ClassVar[Hints] = READS

    async def run(self, call: Call) -> ExclusionList:
        """Look them up."""
        found = await call.memories.store.exchange.exclusions()
        listed = [Exclusion(pattern=each.pattern, added_at=iso(each.added)) for each in found]
        return ExclusionList(exclusions=listed)


def _report(result: Ingested, project: str, dry_run: bool) -> IngestReport:
    return IngestReport(
        project=project,
        base=result.base,
        dry_run=dry_run,
        new=result.new,
        changed=result.changed,
        unchanged=result.unchanged,
        gone=result.gone,
        added=result.added,
        amended=result.amended,
        forgotten=result.forgotten,
        skipped_count=len(result.skipped),
        skipped=[LeftOut(path=each.path, reason=each.reason) for each in result.skipped[:LISTED]],
    )
