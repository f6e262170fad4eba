"""Single memories, by their id."""

from collections.abc import Sequence
from typing import ClassVar

from mnemo.resources.addresses import Kind
from mnemo.resources.completion import memory_ids
from mnemo.resources.family import Family, template
from mnemo.resources.markdown import whole
from mnemo.tools.interfaces import CallContext, NoSuchResource, TemplateDescription


class MemoryResources(Family):
    """
    Memories, not listed: there are too many.
    """

    kind: ClassVar[Kind] = "memory"
    template: ClassVar[TemplateDescription] = template(
        "memory",
        "memory",
        "A memory",
        "One memory by its id: what it is and where it comes from, then its text, word for word.",
    )

    async def text(self, name: str, context: CallContext) -> str:
        """The memory, forgotten or not."""
        for memory in await self._memories.store.get([name]):
            return whole(memory, self._memories.clock.seconds())
        raise NoSuchResource("No memory has this id: it was never kept, or removed for good.")

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """The newest memories of the project."""
        return await memory_ids(self._memories, value, context)
