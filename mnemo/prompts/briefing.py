"""The start of work: what is known of a project."""

from collections.abc import Mapping
from typing import ClassVar

from mnemo.prompts.base import CAUTION, PROJECT, Prompt, embedded, said
from mnemo.resources.projects import ProjectResources
from mnemo.tools.interfaces import CallContext, PromptDescription, PromptResult
from mnemo.tools.shown import shown


class Briefing(Prompt):
    """
    Shows the context of a project, and lets the agent go on from there.
    """

    description: ClassVar[PromptDescription] = PromptDescription(
        "briefing",
        "Start of work",
        "Begin work in a project: the note that the last session left, the decisions, and what "
        "was remembered last.",
        (PROJECT,),
    )

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """The context, and what to do with it."""
        project = await self._project(arguments, context)
        # It is asked for by name: that nothing is remembered yet is an answer.
        contexts = ProjectResources(self._memories)
        known = await contexts.known(project)
        return PromptResult(
            [
                embedded(contexts.uri(project), known),
                said(
                    f"We begin to work in the project {project!r}. Above is what mnemo "
                    f"remembers of it. {CAUTION}\n\n"
                    "Tell me in a few sentences where the work stands and what is open, with the "
                    "ids of the memories that say so, and propose what to do first. Keep to the "
                    "decisions, or say why one should be revised. Before you decide something or "
                    "when an error looks familiar, ask the tool recall."
                ),
            ],
            f"Start of work in {shown(project)}",
        )
