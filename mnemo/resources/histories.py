"""What became of single memories, by their id."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from mnemo.memory.moments import iso
from mnemo.resources.addresses import Kind
from mnemo.resources.completion import memory_ids
from mnemo.resources.family import Family, template
from mnemo.resources.markdown import document
from mnemo.store.interfaces import IStore
from mnemo.store.records import Memory, Version
from mnemo.tools.interfaces import CallContext, NoSuchResource, TemplateDescription

LONGEST_CHAIN = 50
"""How many memories that replaced one another are followed."""


class HistoryResources(Family):
    """
    The versions of a memory, and of those that it replaced.
    """

    kind: ClassVar[Kind] = "history"
    template: ClassVar[TemplateDescription] = template(
        "history",
        "history",
        "The history of a memory",
        "Every text that a memory had, the newest first, each with the span in which it held, and "
        "what it replaced.",
    )

    async def text(self, name: str, context: CallContext) -> str:
        """The versions of the memory, then those of the one it replaced, and so on."""
        store = self._memories.store
        lines: list[str] = []
        asked = name
        followed: set[str] = set()
        while asked and asked not in followed and len(followed) < LONGEST_CHAIN:
            followed.add(asked)
            memories = await store.get([asked])
            if not memories:
                break
            if lines:
                lines += ["", f"It replaced {asked}:", ""]
            lines += _versions(memories[0], await store.versions(asked))
            asked = await _replaced(store, asked)
        if not lines:
            raise NoSuchResource("No memory has this id: it was never kept, or removed for good.")
        return document(f"History of memory {name}", lines)

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """The newest memories of the project."""
        return await memory_ids(self._memories, value, context)


def _versions(memory: Memory, earlier: Sequence[Version]) -> Iterator[str]:
    """The texts of a memory, the newest first."""
    state = ", and is forgotten" if memory.archived else ""
    yield f"## Version {memory.version}, since {iso(memory.updated)}{state}"
    yield from ("", memory.text)
    for each in reversed(earlier):
        yield from ("", f"## Version {each.version}, {iso(each.since)} to {iso(each.until)}", "")
        yield each.text


async def _replaced(store: IStore, id: str) -> str:
    """The memory that this one replaced; C{""} where there is none."""
    links = (await store.links([id])).get(id, [])
    return next((each.id for each in links if each.relation == "supersedes" and each.outgoing), "")
