"""The note one session leaves to the next: create_handoff."""

from typing import Annotated, ClassVar

import msgspec
from attrs import field, frozen

from mnemo.memory.handoff import compose
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.remember import Remembered, remembered
from mnemo.tools.scope import Home, home_of

Completed = Annotated[list[str], msgspec.Meta(description="What was done.", max_length=200)]

Pending = Annotated[list[str], msgspec.Meta(description="What is left to do.", max_length=200)]

ToTest = Annotated[
    list[str], msgspec.Meta(description="What is still to be tried.", max_length=200)
]

KnownIssues = Annotated[
    list[str], msgspec.Meta(description="What is known to be wrong.", max_length=200)
]

Hint = Annotated[
    str, msgspec.Meta(description="Where the next session should begin.", max_length=100_000)
]


@frozen(kw_only=True)
class CreateHandoff(Tool):
    """
    Leave a note to the next session of this project. Call it when the work ends or pauses, or
    before the conversation is compacted. It is kept word for word, never fades, and
    recall_project shows the latest one first. Give at least one of the fields; write for
    somebody who has read nothing: files, commands, figures.
    """

    name: ClassVar[str] = "create_handoff"
    title: ClassVar[str] = "Create a handoff"
    hints: ClassVar[Hints] = Hints()
    always_loaded: ClassVar[bool] = True

    completed: Completed = field(factory=list)
    pending: Pending = field(factory=list)
    to_test: ToTest = field(factory=list)
    known_issues: KnownIssues = field(factory=list)
    next_session_hint: Hint = ""
    project: Home = ""

    async def run(self, call: Call) -> Remembered:
        """Keep the note."""
        note = compose(
            self.completed, self.pending, self.to_test, self.known_issues, self.next_session_hint
        )
        if not note:
            raise ToolError(
                "a handoff needs something to say: give completed, pending, to_test, "
                "known_issues or next_session_hint"
            )
        kept = await call.memories.remembering.remember(
            note,
            type="handoff",
            source="mcp",
            project=await home_of(call, self.project),
            session=call.session.id,
        )
        return remembered(kept, 0)
