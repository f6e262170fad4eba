"""Relating two memories: link."""

from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.remember import Stated

From = Annotated[
    str,
    msgspec.Meta(description="The memory that the link goes from.", min_length=1, max_length=200),
]

To = Annotated[
    str, msgspec.Meta(description="The memory that it leads to.", min_length=1, max_length=200)
]

How = Annotated[
    Stated, msgspec.Meta(description="How the first relates to the second: caused_by, and so on.")
]


@frozen(kw_only=True, slots=False)
class Linked:
    """A link between two memories."""

    source_id: str
    target_id: str
    relation: Stated

    def text(self) -> str:
        """The link."""
        return f"Linked: {self.source_id} {self.relation} → {self.target_id}."


@frozen(kw_only=True)
class Link(Tool):
    """
    Relate two memories that are there already: what caused what, what is part of what, what
    contradicts what. recall with include_associations and check_memory show it from both ends.
    The same link again changes nothing. To link a memory as it is made use associate_with of
    remember; where one replaces the other use supersedes.
    """

    name: ClassVar[str] = "link"
    title: ClassVar[str] = "Link two memories"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    source_id: From
    target_id: To
    relation: How = "similar"

    async def run(self, call: Call) -> Linked:
        """Make the link."""
        source, target = self.source_id.strip(), self.target_id.strip()
        await call.memories.remembering.link(source, target, self.relation)
        return Linked(source_id=source, target_id=target, relation=self.relation)
