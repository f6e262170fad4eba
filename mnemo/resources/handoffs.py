"""The notes that sessions left to those after them."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from mnemo.memory.moments import iso
from mnemo.resources.addresses import Kind
from mnemo.resources.completion import memory_ids
from mnemo.resources.family import MARKDOWN, Family, template
from mnemo.resources.markdown import whole
from mnemo.store.search import Filter
from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    ResourceDescription,
    TemplateDescription,
)
from mnemo.tools.views import beginning

LISTED = 50
"""How many are listed, the newest."""


class HandoffResources(Family):
    """
    Handoffs; the newest are listed.
    """

    kind: ClassVar[Kind] = "handoff"
    template: ClassVar[TemplateDescription] = template(
        "handoff",
        "handoff",
        "A handoff",
        "The note that a session left to the next one, by its id, word for word.",
    )

    async def listed(self, context: CallContext) -> Iterable[ResourceDescription]:
        """The newest."""
        now = self._memories.clock.seconds()
        wanted = Filter(now=now, project=context.session.project or None, types=("handoff",))
        return [
            ResourceDescription(
                self.uri(each.id),
                f"handoff {each.id}",
                f"Handoff of {each.project or 'no project'}, {iso(each.created)}",
                beginning(each.text),
                MARKDOWN,
                {
                    "audience": ["user", "assistant"],
                    "priority": 0.6,
                    "lastModified": iso(each.updated),
                },
            )
            for each in await self._memories.store.newest(wanted, LISTED)
        ]

    async def text(self, name: str, context: CallContext) -> str:
        """The note."""
        for memory in await self._memories.store.get([name]):
            if memory.type == "handoff":
                return whole(memory, self._memories.clock.seconds())
        raise NoSuchResource("No handoff has this id.")

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """The newest handoffs of the project."""
        return await memory_ids(self._memories, value, context, ("handoff",))
