"""The end of work: a note to the next session."""

from collections.abc import Mapping
from typing import ClassVar

from mnemo.prompts.base import PROJECT, Prompt, embedded, said
from mnemo.resources.sessions import SessionResources
from mnemo.tools.interfaces import CallContext, PromptDescription, PromptResult
from mnemo.tools.shown import shown


class Handoff(Prompt):
    """
    Shows what this session remembered, and has the agent write the note.
    """

    description: ClassVar[PromptDescription] = PromptDescription(
        "handoff",
        "End of work",
        "End or pause the work: the agent leaves a note to the next session, from what it did "
        "and what it remembered in this one.",
        (PROJECT,),
    )

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """What was remembered, and what to write."""
        project = await self._project(arguments, context)
        sessions, own = SessionResources(self._memories), context.session.id
        return PromptResult(
            [
                embedded(sessions.uri(own), await sessions.text(own, context)),
                said(
                    "We stop here. Above is what you remembered in this session. Call the tool "
                    f"create_handoff once, with project {project!r}:\n"
                    "- completed: what was done, with files and figures;\n"
                    "- pending: what is left to do, the most important first;\n"
                    "- to_test: what was written but not tried, and how to try it;\n"
                    "- known_issues: what is wrong and not mended;\n"
                    "- next_session_hint: the first thing to do next time.\n\n"
                    "Write for somebody who has seen nothing of this conversation. Leave out "
                    "what is empty, and claim nothing that was not done. What the next session "
                    "needs beyond that, and is not above, keep with remember first."
                ),
            ],
            f"End of work in {shown(project)}",
        )
