"""Removing all that is remembered of a project: purge_project."""

from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import field, frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.confirmation import confirmation
from mnemo.tools.copies import discard_training_set, exports_as_text, exports_with
from mnemo.tools.interfaces import ToolError
from mnemo.tools.progress import Progress
from mnemo.tools.scope import ALL, named
from mnemo.tools.views import counted

Purgeable = Annotated[
    str,
    msgspec.Meta(
        description="The project, by name or path. It has to be named; there is no default.",
        min_length=1,
        max_length=4096,
    ),
]

ON_THE_COMMAND_LINE = "The user can do it on the command line: mnemo purge PROJECT"


@frozen(kw_only=True, slots=False)
class Purged:
    """
    A project of which nothing is remembered any more, and how many memories that were. Exports
    are the files on the machine that mnemo runs on that still hold some of it.
    """

    project: str
    memories: int
    exports: list[str] = field(factory=list)

    def text(self) -> str:
        """How much is gone."""
        number = counted(self.memories, "memory", "memories")
        lines = [f"{number} of {self.project} removed for good, and what was asked of it."]
        return "\n".join(lines + exports_as_text(self.exports))


@frozen(kw_only=True)
class PurgeProject(Tool):
    """
    Remove all that is remembered of one project for good: every memory, forgotten ones too, with
    its versions, its vectors and its links, and the questions that were asked of it. Only where
    the user asks for exactly this. It cannot be undone, so the user is asked to repeat the name
    of the project before anything happens. Sessions that worked in the project stay listed.

    To let single memories go use forget.
    """

    name: ClassVar[str] = "purge_project"
    title: ClassVar[str] = "Remove a project for good"
    hints: ClassVar[Hints] = Hints(destructive=True, idempotent=True)
    task: ClassVar[Literal["optional"]] = "optional"

    project: Purgeable

    async def run(self, call: Call) -> Purged:
        """Count, ask, remove."""
        if self.project.strip() == ALL:
            raise ToolError('"project" was "*", but one project is removed at a time: name it')
        project = await named(call, self.project)
        ids = await call.memories.store.memory_ids(project)
        total = len(ids)
        if not total:
            raise ToolError(f"nothing is remembered of {project!r}; status lists the projects")
        await self._confirm(call, project, total)
        await discard_training_set(call)
        progress = Progress(call.context.client, call.memories.clock, total)
        gone = 0
        async for gone in call.memories.remembering.purge_project(project):
            progress.reached(gone, f"{gone:,} of {total:,} memories removed")
        exports = await exports_with(call, ids)
        return Purged(project=project, memories=gone, exports=exports)

    async def _confirm(self, call: Call, project: str, total: int) -> None:
        number = counted(total, "memory", "memories")
        repeated = await confirmation(
            call,
            f"Remove all {number} of the project “{project}” for good? This cannot be undone. "
            "To confirm, type the name of the project.",
            "project",
            {
                "type": "string",
                "title": "Name of the project",
                "description": f"{project} as it is written here; anything else removes nothing.",
            },
            f"{ON_THE_COMMAND_LINE}.",
        )
        if not isinstance(repeated, str) or repeated.strip() != project:
            raise ToolError(f"nothing was removed: the name was not repeated as {project!r}")
