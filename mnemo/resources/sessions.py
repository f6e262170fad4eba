"""Sessions, and what each remembered."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from mnemo.memory.moments import iso
from mnemo.resources.addresses import Kind
from mnemo.resources.completion import session_ids
from mnemo.resources.family import MARKDOWN, Family, template
from mnemo.resources.markdown import document, section
from mnemo.store.search import Filter
from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    ResourceDescription,
    TemplateDescription,
)
from mnemo.tools.sessions import session_as_text, session_view
from mnemo.tools.views import counted

LISTED = 50
"""How many are listed, the latest."""

DAYS = 30
"""For how many days a session is listed that does nothing more."""

SHOWN = 100
"""How many memories of a session are shown, the newest."""


class SessionResources(Family):
    """
    Sessions; the latest that remembered something are listed.
    """

    kind: ClassVar[Kind] = "session"
    template: ClassVar[TemplateDescription] = template(
        "session",
        "session",
        "A session",
        "One session by its id: which client it was and when, and what it remembered, newest "
        "first.",
    )

    async def listed(self, context: CallContext) -> Iterable[ResourceDescription]:
        """The latest that remembered something."""
        since = self._memories.clock.seconds() - DAYS * 86400
        project = context.session.project or None
        found = await self._memories.store.sessions.summaries(since, LISTED, project)
        return [
            ResourceDescription(
                self.uri(each.row.id),
                f"session {each.row.id}",
                f"Session of {each.row.client or 'a client'}, {iso(each.row.created)}",
                f"Remembered {counted(each.memories, 'memory', 'memories')}.",
                MARKDOWN,
                {
                    "audience": ["user", "assistant"],
                    "priority": 0.3,
                    "lastModified": iso(each.row.active if each.last is None else each.last),
                },
            )
            for each in found
            if each.memories
        ]

    async def text(self, name: str, context: CallContext) -> str:
        """The session and its memories."""
        store, now = self._memories.store, self._memories.clock.seconds()
        row = await store.sessions.find(name)
        if row is None:
            raise NoSuchResource("No session has this id; list_sessions shows them.")
        found = await store.newest(Filter(now=now, session=name), SHOWN)
        lines = [session_as_text(session_view(row)), *section("Remembered", found)]
        return document(f"Session {name}", lines if found else [*lines, "", "Nothing remembered."])

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """The latest sessions of the project."""
        return await session_ids(self._memories, value, context)
