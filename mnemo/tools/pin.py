"""Keeping a memory from fading: pin."""

from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.memory_ids import MemoryId, RawId, one_id
from mnemo.tools.views import MemoryView, view

ToPin = Annotated[bool, msgspec.Meta(description="False lets it fade with age again.")]


@frozen(kw_only=True, slots=False)
class Pinned:
    """A memory, and whether it never fades."""

    memory: MemoryView
    pinned: bool

    def text(self) -> str:
        """What holds from now on."""
        if self.pinned:
            return f"{self.memory.id} is pinned: it does not fade, however old it gets."
        if self.memory.type in ("decision", "handoff"):
            return f"{self.memory.id} is a {self.memory.type}: it does not fade, pinned or not."
        return f"{self.memory.id} is not pinned any more: it fades with age."


@frozen(kw_only=True)
class Pin(Tool):
    """
    Keep a memory from fading: something that stays true and should go on being found first, such
    as a rule of the project or a wish of the user. Decisions and handoffs never fade anyway. With
    pinned: false it fades with age again.
    """

    name: ClassVar[str] = "pin"
    title: ClassVar[str] = "Pin a memory"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    memory_id: MemoryId = ""
    raw_id: RawId = ""
    pinned: ToPin = True

    async def run(self, call: Call) -> Pinned:
        """Pin it, or no longer."""
        known = one_id(self.memory_id, self.raw_id)
        memory = await call.memories.remembering.pin(known, self.pinned)
        return Pinned(memory=view(memory, call.now), pinned=self.pinned)
