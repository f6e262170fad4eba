"""Memories from elsewhere, and for elsewhere: import_memories, export."""

from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.ingest import LISTED, SHOWN, DryRun
from mnemo.tools.interfaces import ToolError
from mnemo.tools.progress import Progress
from mnemo.tools.scope import ALL, Home, home_of, named, project_shown
from mnemo.tools.views import counted
from mnemo.transfer.exporting import CannotExport, Form
from mnemo.transfer.importing import Outcome
from mnemo.transfer.kinds import System
from mnemo.transfer.names import BadName
from mnemo.transfer.systems.records import Unreadable

ImportedPath = Annotated[
    str,
    msgspec.Meta(
        description="The absolute path of a file or folder on the machine that mnemo runs on.",
        min_length=1,
        max_length=4096,
    ),
]

FromSystem = Annotated[
    System | None,
    msgspec.Meta(description="The system it comes from. Left out: seen by its shape."),
]

ExportedProject = Annotated[
    str,
    msgspec.Meta(description="Only this project, by name or path. Left out: all.", max_length=4096),
]

ExportForm = Annotated[
    Form,
    msgspec.Meta(
        description="jsonl: everything, for import_memories; markdown: a file for each memory, "
        "for people."
    ),
]

ExportName = Annotated[
    str,
    msgspec.Meta(
        description="What the export is called, without a suffix. Left out: project and time.",
        max_length=200,
    ),
]


@frozen(kw_only=True, slots=False)
class BadRecord:
    """A record that was left out: where it stands, and why."""

    where: str
    reason: str


@frozen(kw_only=True, slots=False)
class ImportReport:
    """
    What came of an import. Known counts memories that were here already; recalls what was asked
    of those that are here; secrets those that a mark stands for now. Bad lists the first records
    that were left out; bad_count says how many there are.
    """

    system: System
    dry_run: bool
    added: int
    known: int
    links: int
    recalls: int
    secrets: int
    bad_count: int
    bad: list[BadRecord]

    def text(self) -> str:
        """The counts, and the first records that were left out."""
        head = "Nothing was kept; this is what would be: " if self.dry_run else ""
        lines = [
            f"{head}{counted(self.added, 'memory', 'memories')} imported from {self.system}, "
            f"{self.known:,} known already, {counted(self.links, 'link')}, "
            f"{counted(self.recalls, 'recall')}."
        ]
        if self.secrets:
            lines.append(f"{counted(self.secrets, 'secret')} replaced by a mark.")
        if self.bad_count:
            lines.append(f"{counted(self.bad_count, 'record')} left out:")
            lines += [f"- {each.where}: {each.reason}" for each in self.bad[:SHOWN]]
            if self.bad_count > SHOWN:
                lines.append(f"- and {self.bad_count - SHOWN:,} more")
        return "\n".join(lines)


@frozen(kw_only=True)
class ImportMemories(Tool):
    """
    Take over what another memory system has kept, or an export of mnemo: with times, types,
    projects and links. Nothing is imported twice, so it may be called again. Only where the user
    asks for it.
    """

    name: ClassVar[str] = "import_memories"
    title: ClassVar[str] = "Import memories"
    hints: ClassVar[Hints] = Hints(idempotent=True)
    task: ClassVar[Literal["optional"]] = "optional"

    path: ImportedPath
    system: FromSystem = None
    project: Home = ""
    dry_run: DryRun = False

    async def run(self, call: Call) -> ImportReport:
        """Take it over."""
        project = await home_of(call, self.project)
        progress = Progress(call.context.client, call.memories.clock, 0)
        try:
            outcome = await call.transfer.importing.take(
                self.path.strip(), self.system, project, self.dry_run, progress.told
            )
        except Unreadable as problem:
            raise ToolError(str(problem)) from None
        return _report(outcome, self.dry_run)


@frozen(kw_only=True, slots=False)
class ExportReport:
    """An export, on the machine that mnemo runs on. Path is a file, or a folder of files."""

    project: str
    format: Form
    path: str
    memories: int

    def text(self) -> str:
        """Where it is."""
        number = counted(self.memories, "memory", "memories")
        return f"{number} of {self.project} exported to {self.path}"


@frozen(kw_only=True)
class Export(Tool):
    """
    Write everything that is remembered, or all of one project, to files in the exports folder of
    mnemo's home: forgotten memories too, with versions, links and judgements.
    """

    name: ClassVar[str] = "export"
    title: ClassVar[str] = "Export memories"
    hints: ClassVar[Hints] = Hints()
    task: ClassVar[Literal["optional"]] = "optional"

    project: ExportedProject = ""
    format: ExportForm = "jsonl"
    file_name: ExportName = ""

    async def run(self, call: Call) -> ExportReport:
        """Write it."""
        asked = self.project.strip()
        project = await named(call, asked) if asked not in ("", ALL) else None
        if project is not None and not await call.memories.store.memory_ids(project):
            raise ToolError(f"no project {project[:60]!r} has memories; status names those")
        progress = Progress(call.context.client, call.memories.clock, 0)
        try:
            exported = await call.transfer.exporting.export(
                project, self.format, self.file_name.strip(), progress.told
            )
        except (BadName, CannotExport) as problem:
            raise ToolError(str(problem)) from None
        return ExportReport(
            project=project_shown(project),
            format=self.format,
            path=str(exported.path),
            memories=exported.memories,
        )


def _report(outcome: Outcome, dry_run: bool) -> ImportReport:
    return ImportReport(
        system=outcome.system,
        dry_run=dry_run,
        added=outcome.added,
        known=outcome.known,
        links=outcome.links,
        recalls=outcome.recalls,
        secrets=outcome.hidden,
        bad_count=len(outcome.bad),
        bad=[BadRecord(where=each.where, reason=each.why) for each in outcome.bad[:LISTED]],
    )
