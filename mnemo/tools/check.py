"""Looking at single memories: check_memory."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from attrs import asdict, evolve, field, frozen

from mnemo.memory.moments import iso
from mnemo.store.jobs import DerivedField
from mnemo.store.records import Version
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import LEAST, Cost, MaxTokens, characters, cost_of
from mnemo.tools.graphemes import cut
from mnemo.tools.interfaces import ToolError
from mnemo.tools.memory_ids import MemoryId, RawId, one_id
from mnemo.tools.views import (
    Association,
    MemoryView,
    association,
    association_as_text,
    heading,
    view,
)

SEVERAL = 20
"""How many memories one call looks at."""

SeveralIds = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=200)]],
    msgspec.Meta(description="Several ids at once; they share max_tokens.", max_length=SEVERAL),
]


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
    its meaning it is found once its vector is made. Where max_tokens has no room for all, cut
    names what was left out or shortened.
    """

    id: str
    found: bool
    memory: MemoryView | None = None
    text_searchable: bool = False
    meaning_searchable: bool = False
    versions: list[VersionView] = field(factory=list)
    associations: list[Association] = field(factory=list)
    derived: list[DerivedView] = field(factory=list)
    cut: list[str] = field(factory=list)

    def text(self) -> str:
        """All of it; the text of the memory whole, where there is room."""
        if self.memory is None:
            return f"No memory has the id {self.id}: it was never kept, or was removed for good."
        lines = [heading(self.memory), self._searchable(), "", self.memory.text + self._rest()]
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
        if self.cut:
            lines += [
                "",
                f"Cut for want of room: {', '.join(self.cut)}. mnemo://memory/{self.id}"
                " and its history have all of it.",
            ]
        return "\n".join(lines)

    def within(self, room: Cost) -> "Checked":
        """The same, cut to C{room}: first the earlier versions, then what was derived."""
        memory = self.memory
        if memory is None:
            return self
        without = evolve(self, versions=[], cut=["versions"])
        if len(memory.text) <= room.text:
            bare = evolve(without, derived=[], cut=["versions", "derived"])
            whole = sum(len(each.text) for each in self.versions) <= room.text
            for shorter in (self, without, bare) if whole else (without, bare):
                if cost_of(shorter).within(room):
                    return shorter
        cut_down = [name for name in ("versions", "derived", "associations") if getattr(self, name)]
        least = evolve(without, derived=[], associations=[], cut=["text", *cut_down])
        around = cost_of(_with_text(least, memory, 0))
        return _with_text(least, memory, characters(memory.text, room - around - _COUNTED))

    def _rest(self) -> str:
        left_out = self.memory.left_out if self.memory else None
        return "" if left_out is None else f"… ({left_out:,} more characters)"

    def _searchable(self) -> str:
        if not self.text_searchable:
            return "Forgotten: not found by a search unless archived memories are asked for."
        vector = "has" if self.meaning_searchable else "waits for"
        return f"Searchable by its words; it {vector} its vector."


@frozen(kw_only=True, slots=False)
class CheckResult(Checked):
    """What is known of an id, and in others of the other ids that were given."""

    others: list[Checked] = field(factory=list)

    def text(self) -> str:
        """One after the other."""
        return "\n\n".join([super().text(), *(each.text() for each in self.others)])


@frozen(kw_only=True)
class CheckMemory(Tool):
    """
    Look at one memory by its id, or at several: the whole text, the state, whether it can be
    found by its words and by its meaning, its links, what was derived from it and its earlier
    versions. Use it where an answer shows only the beginning of a memory, or a line, or to see
    whether an id still exists.
    """

    name: ClassVar[str] = "check_memory"
    title: ClassVar[str] = "Check a memory"
    hints: ClassVar[Hints] = READS

    memory_id: MemoryId = ""
    raw_id: RawId = ""
    memory_ids: SeveralIds = field(factory=list)
    max_tokens: MaxTokens = 20_000

    async def run(self, call: Call) -> CheckResult:
        """Look them up."""
        ids = self._ids()
        if self.max_tokens < LEAST * len(ids):
            raise ToolError(f'"max_tokens" must be {LEAST * len(ids):,} or more for so many ids')
        return _together([await _checked(call, each) for each in ids], self.max_tokens)

    def _ids(self) -> list[str]:
        given = [each.strip() for each in self.memory_ids if each.strip()]
        if self.memory_id.strip() or self.raw_id.strip() or not given:
            given.insert(0, one_id(self.memory_id, self.raw_id))
        return list(dict.fromkeys(given))


async def _checked(call: Call, id: str) -> Checked:
    store = call.memories.store
    for memory in await store.get([id]):
        call.shows([memory])
        links = await store.links([id])
        return Checked(
            id=id,
            found=True,
            memory=view(memory, call.now),
            text_searchable=not memory.archived,
            meaning_searchable=memory.embedded and not memory.archived,
            versions=[_version(each) for each in await store.versions(id)],
            associations=[association(each) for each in links.get(id, ())],
            derived=await derived_views(call, id),
        )
    return Checked(id=id, found=False)


def _together(found: Sequence[Checked], max_tokens: int) -> CheckResult:
    """All of them, each cut to its share of the budget and what those before it left."""
    room = Cost.allowed(max_tokens) - _AROUND
    fitting: list[Checked] = []
    for number, each in enumerate(found):
        fitting.append(each.within(room // (len(found) - number) - _BETWEEN))
        room -= cost_of(fitting[-1]) + _BETWEEN
    return CheckResult(**asdict(fitting[0], recurse=False), others=fitting[1:])


_COUNTED = Cost(4, 4)
"""Of the digits by which the number of characters left out may grow or shrink."""

_AROUND = Cost(0, len('"others":[],'))
_BETWEEN = Cost(2, 1)


def _with_text(checked: Checked, memory: MemoryView, length: int) -> Checked:
    """C{checked}, with so many characters of its memory's text."""
    shown = cut(memory.text, length)
    left_out = len(memory.text) - len(shown)
    return evolve(checked, memory=evolve(memory, text=shown, left_out=left_out))


def _version(version: Version) -> VersionView:
    return VersionView(
        version=version.version,
        text=version.text,
        since=iso(version.since),
        until=iso(version.until),
    )


async def derived_views(call: Call, id: str) -> list[DerivedView]:
    """What was derived from a memory."""
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
