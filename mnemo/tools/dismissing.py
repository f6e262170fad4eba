"""Taking away what is not worth knowing: dismiss_pattern, dismiss_abstraction."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.store.understanding import Abstraction, Pattern
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError

PatternId = Annotated[
    str, msgspec.Meta(description="The id of a pattern.", min_length=1, max_length=200)
]

AbstractionId = Annotated[
    str, msgspec.Meta(description="The id of an abstraction.", min_length=1, max_length=200)
]


@frozen(kw_only=True, slots=False)
class Dismissed:
    """What is shown no more."""

    id: str
    title: str

    def text(self) -> str:
        """That it is."""
        return f"{self.id} ({self.title}) is shown no more. Its memories are as they were."


@frozen(kw_only=True)
class DismissPattern(Tool):
    """
    Show a pattern no more, now and when it is found again. The memories behind it stay.
    """

    name: ClassVar[str] = "dismiss_pattern"
    title: ClassVar[str] = "Dismiss a pattern"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    pattern_id: PatternId

    async def run(self, call: Call) -> Dismissed:
        """Dismiss it."""
        kept, asked = call.memories.store.understanding, self.pattern_id.strip()
        if not await kept.dismiss_pattern(asked, call.now):
            raise ToolError(_unknown("pattern", asked, "get_patterns"))
        return _dismissed(asked, await kept.patterns(ids=[asked], dismissed=True))


@frozen(kw_only=True)
class DismissAbstraction(Tool):
    """
    Show an insight no more, now and when its patterns lead to it again. The memories behind it
    stay, and so do its patterns.
    """

    name: ClassVar[str] = "dismiss_abstraction"
    title: ClassVar[str] = "Dismiss an insight"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    abstraction_id: AbstractionId

    async def run(self, call: Call) -> Dismissed:
        """Dismiss it."""
        kept, asked = call.memories.store.understanding, self.abstraction_id.strip()
        if not await kept.dismiss_abstraction(asked, call.now):
            raise ToolError(_unknown("abstraction", asked, "get_insights"))
        return _dismissed(asked, await kept.abstractions(ids=[asked], dismissed=True))


def _unknown(what: str, asked: str, listed_by: str) -> str:
    return f"no {what} has the id {asked[:100]}: {listed_by} lists them"


def _dismissed(id: str, found: Sequence[Pattern | Abstraction]) -> Dismissed:
    return Dismissed(id=id, title=found[0].title if found else "")
