"""Changing the project of a session: activate_project."""

from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.scope import ALL, named, project_shown
from mnemo.tools.views import counted

Activatable = Annotated[
    str,
    msgspec.Meta(
        description="The project, by name or by the path of a folder in it.",
        min_length=1,
        max_length=4096,
    ),
]


@frozen(kw_only=True, slots=False)
class Activated:
    """The project in which a session works now, what it holds, and where the session was."""

    project: str
    memories: int
    earlier: str

    def text(self) -> str:
        """What has changed."""
        kept = counted(self.memories, "memory", "memories")
        if self.earlier == self.project:
            return f"This session stays in {self.project} ({kept}), whatever the client says."
        was = project_shown(self.earlier)
        return f"This session works in {self.project} now ({kept}); before: {was}."


@frozen(kw_only=True)
class ActivateProject(Tool):
    """
    Let this session, and no other, work in a project from now on: every tool then uses it where
    no project is named. It lasts until this session activates another, also across a restart.
    For a single look into another project, name it in the call instead.

    What comes first counts: the project named in a call; the one activated; the one that the
    client names in its header or address; the first of the client's roots; the daemon's default.
    All worktrees of a repository are one project. A client of the stateless protocol shares its
    session with its like in the same project, unless its requests name the session in
    _meta["mnemo/session"].
    """

    name: ClassVar[str] = "activate_project"
    title: ClassVar[str] = "Work in a project"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    project: Activatable

    async def run(self, call: Call) -> Activated:
        """Go there."""
        if self.project.strip() == ALL:
            raise ToolError('"project" was "*", but a session works in one project: name it')
        project = await named(call, self.project)
        earlier = call.session.project
        await call.choose_project(call.session, project)
        held = {row.name: row.memories for row in await call.memories.store.projects()}
        return Activated(project=project, memories=held.get(project, 0), earlier=earlier)
