"""What is known of each project."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import ClassVar

from mnemo.memory.context import ProjectContext, project_context
from mnemo.memory.moments import iso
from mnemo.resources.addresses import Kind
from mnemo.resources.completion import project_names
from mnemo.resources.family import MARKDOWN, Family, template
from mnemo.resources.markdown import document, section
from mnemo.store.records import ProjectRow
from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    ResourceDescription,
    TemplateDescription,
)
from mnemo.tools.shown import shown
from mnemo.tools.views import counted

LISTED = 1000
"""How many are listed, those with the newest memories."""


class ProjectResources(Family):
    """
    The contexts of projects. A session that works in a project lists that one alone.
    """

    kind: ClassVar[Kind] = "project"
    template: ClassVar[TemplateDescription] = template(
        "project",
        "project context",
        "What is known of a project",
        "The latest handoff of a project, or a draft where the last session left none, then its "
        "newest decisions and its newest other memories. Read it when work begins; it changes with "
        "each memory of the project.",
    )

    async def listed(self, context: CallContext) -> Iterable[ResourceDescription]:
        """The session's own, or all."""
        own = context.session.project
        rows = await self._memories.store.projects()
        if own:
            rows = [row for row in rows if row.name == own] or [ProjectRow(own, 0, 0.0)]
        return [self._described(row) for row in rows[:LISTED]]

    async def text(self, name: str, context: CallContext) -> str:
        """What is known of it; that may be nothing for the session's own alone."""
        held = {row.name for row in await self._memories.store.projects()}
        if name not in held and name != context.session.project:
            near = get_close_matches(name, held)
            meant = f": is it {shown(', '.join(near))}?" if near else "."
            raise NoSuchResource(f"Nothing is remembered of this project{meant}")
        return await self.known(name)

    async def known(self, name: str) -> str:
        """What is known of a project, be it nothing."""
        memories = self._memories
        context = await project_context(memories.store, name, memories.clock.seconds())
        return document(f"Project {name}", _lines(context))

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """Projects by name."""
        return await project_names(self._memories, value, context)

    def _described(self, row: ProjectRow) -> ResourceDescription:
        modified = {"lastModified": iso(row.latest)} if row.memories else {}
        return ResourceDescription(
            self.uri(row.name),
            f"{row.name} context",
            f"What is known of {row.name}",
            f"The latest handoff, decisions and newest memories of "
            f"{counted(row.memories, 'memory', 'memories')}.",
            MARKDOWN,
            {"audience": ["assistant"], "priority": 0.9, **modified},
        )


def _lines(known: ProjectContext) -> Iterator[str]:
    if not known.total:
        yield "Nothing is remembered of it yet."
        return
    yield f"{counted(known.total, 'memory', 'memories')}; each heading begins with its id."
    if known.draft:
        yield from ("", "## Draft of a handoff that the last session did not leave", "")
        yield (
            f"Made from its memories up to {iso(known.draft.at)}; nobody has written it. "
            "Each entry ends with the id of the memory whose words it has."
        )
        yield from ("", known.draft.text)
    handoff = [known.handoff] if known.handoff else []
    yield from section("Latest handoff: what was done and what is open", handoff, full=True)
    yield from section("Decisions, newest first", known.decisions)
    yield from section("Other memories, newest first", known.recent)
