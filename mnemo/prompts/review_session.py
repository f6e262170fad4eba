"""A look at what was remembered in a session."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from mnemo.prompts.base import Prompt, embedded, said
from mnemo.resources.completion import session_ids
from mnemo.resources.sessions import SessionResources
from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    PromptArgument,
    PromptDescription,
    PromptResult,
    ToolError,
)
from mnemo.tools.scope import CURRENT


class ReviewSession(Prompt):
    """
    Shows what a session remembered, and has the agent put it right.
    """

    description: ClassVar[PromptDescription] = PromptDescription(
        "review_session",
        "Review what was remembered",
        "Go through what this session, or another, remembered: the agent amends or forgets what "
        "is wrong, doubled or of no use to anybody.",
        (
            PromptArgument(
                "session", 'The id of a session. Left out or "current": this one.', title="Session"
            ),
        ),
    )

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """What was remembered, and what to look for."""
        asked = arguments.get("session", "").strip()
        session = context.session.id if asked in ("", CURRENT) else asked
        sessions = SessionResources(self._memories)
        try:
            text = await sessions.text(session, context)
        except NoSuchResource:
            raise ToolError(
                f"no session has the id {session[:80]!r}; list_sessions shows them"
            ) from None
        return PromptResult(
            [
                embedded(sessions.uri(session), text),
                said(
                    "Above is what was remembered. Go through it, one memory after the other, and "
                    "compare it with what you know and with the code:\n"
                    "- true, and of use to a later session: leave it;\n"
                    "- wrong, out of date, or hard to understand without this conversation: "
                    "correct it with amend, the whole new text;\n"
                    "- said twice, or what the code says anyway: forget it, which can be undone;\n"
                    "- a password or a key: tell me, and forget it with hard: true.\n\n"
                    "Show me first, in a table, what you would do with each id and why, and do it "
                    "when I agree."
                ),
            ],
            "Review of what was remembered",
        )

    async def complete(
        self, argument: str, value: str, others: Mapping[str, str], context: CallContext
    ) -> Sequence[str]:
        """Sessions of the project."""
        return await session_ids(self._memories, value, context)
