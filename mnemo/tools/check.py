"""Looking at one memory: check_memory."""

from typing import Any, ClassVar

import msgspec
from attrs import field, frozen

from mnemo.memory.moments import iso
from mnemo.store.records import DerivedField, Version
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.remember import MemoryId, RawId, one_id
from mnemo.tools.views import (
    Association,
    MemoryView,
    association,
    association_as_text,
    heading,
    view,
)


@frozen(kw_only=True, slots=False)
class VersionView:
    """An earlier text of a memory, and from when until when it held."""

    version: int
    text: str
    since: str
    until: str


@frozen(kw_only=True, slots=False)
class DerivedView:
    """
    Something that was derived from a memory's text: not its words. Model says what made it,
    "extractive" being rules that only copy; scores say how true it was found to be.
    """

    field: str
    value: Any
    model: str
    prompt: str
    scores: dict[str, Any]
    made: str


@frozen(kw_only=True, slots=False)
class Checked:
    """
    What is known of an id. The text of a memory can be searched from the moment it is kept; by
    its meaning it is found once its vector is made.
    """

    id: str
    found: bool
    memory: MemoryView | None = None
    text_searchable: bool = False
    meaning_searchable: bool = False
    versions: list[VersionView] = field(factory=list)
    associations: list[Association] = field(factory=list)
    derived: list[DerivedView] = field(factory=list)

    def text(self) -> str:
        """All of it; the text of the memory whole."""
        if self.memory is None:
            return f"No memory has the id {self.id}: it was never kept, or was removed for good."
        lines = [heading(self.memory), self._searchable(), "", self.memory.text]
        if self.associations:
            lines += ["", "Associations:", *map(association_as_text, self.associations)]
        if self.derived:
            lines += [
                "",
                "Derived from it, in the background:",
                *map(_derived_as_text, self.derived),
            ]
        for version in self.versions:
            lines += [
                "",
                f"Version {version.version}, {version.since} to {version.until}:",
                version.text,
            ]
        return "\n".join(lines)

    def _searchable(self) -> str:
        if not self.text_searchable:
            return "Forgotten: not found by a search unless archived memories are asked for."
        vector = "has" if self.meaning_searchable else "waits for"
        return f"Searchable by its words; it {vector} its vector."


@frozen(kw_only=True)
class CheckMemory(Tool):
    """
    Look at one memory by its id: its whole text, its state, whether it can be found by its
    words and by its meaning, its earlier versions and its links. Use it where an answer shows
    only the beginning of a memory, or a line, or to see whether an id still exists.
    """

    name: ClassVar[str] = "check_memory"
    title: ClassVar[str] = "Check a memory"
    hints: ClassVar[Hints] = READS

    memory_id: MemoryId = ""
    raw_id: RawId = ""

    async def run(self, call: Call) -> Checked:
        """Look it up."""
        asked = one_id(self.memory_id, self.raw_id)
        store = call.memories.store
        for memory in await store.get([asked]):
            links = await store.links([asked])
            return Checked(
                id=asked,
                found=True,
                memory=view(memory, call.now),
                text_searchable=not memory.archived,
                meaning_searchable=memory.embedded and not memory.archived,
                versions=[_version(each) for each in await store.versions(asked)],
                associations=[association(each) for each in links.get(asked, ())],
                derived=await _derived(call, asked),
            )
        return Checked(id=asked, found=False)


def _version(version: Version) -> VersionView:
    return VersionView(
        version=version.version,
        text=version.text,
        since=iso(version.since),
        until=iso(version.until),
    )


async def _derived(call: Call, id: str) -> list[DerivedView]:
    found = await call.memories.store.jobs.derived([id])
    return [_derived_view(each) for each in found.get(id, ())]


def _derived_view(derived: DerivedField) -> DerivedView:
    return DerivedView(
        field=derived.name,
        value=derived.value,
        model=derived.model,
        prompt=derived.prompt,
        scores=dict(derived.scores),
        made=iso(derived.made),
    )


def _derived_as_text(derived: DerivedView) -> str:
    value = derived.value
    told = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"- {derived.field}, by {derived.model}: {told}"
