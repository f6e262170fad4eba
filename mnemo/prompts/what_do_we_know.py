"""What is remembered about something."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, get_args

from mnemo.memory.recall import Question
from mnemo.prompts.base import CAUTION, PROJECT, Prompt, said
from mnemo.resources.completion import beginning_with
from mnemo.resources.markdown import document, section
from mnemo.store.records import Type
from mnemo.store.search import Filter
from mnemo.tools.interfaces import (
    CallContext,
    PromptArgument,
    PromptDescription,
    PromptResult,
    ToolError,
)
from mnemo.tools.recall import degraded_as_text
from mnemo.tools.scope import ALL, project_shown
from mnemo.tools.shown import shown

LIMIT = 10
"""How many memories are shown."""

TYPES: tuple[Type, ...] = get_args(Type)


class WhatDoWeKnow(Prompt):
    """
    Shows what a recall finds, and has the agent answer from nothing else.
    """

    description: ClassVar[PromptDescription] = PromptDescription(
        "what_do_we_know",
        "What do we know about …",
        "Ask the memory: the agent answers from what is remembered, names the memories it "
        "answers from, and says so where nothing is.",
        (
            PromptArgument(
                "topic", "What to look for: a question, a name, an error.", True, "Topic"
            ),
            PromptArgument(
                "project",
                'The project, by name or path. Left out: this session\'s project. "*": all.',
                title="Project",
            ),
            PromptArgument(
                "type", f"Only memories of this type: {', '.join(TYPES)}.", title="Type"
            ),
        ),
    )

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """What is found, and how to answer."""
        topic, kind = arguments["topic"].strip(), arguments.get("type", "").strip()
        if not topic:
            raise ToolError('"topic" is blank: say what to look for')
        if kind and kind not in TYPES:
            raise ToolError(f'"type" was {kind[:60]!r}; accepted: {", ".join(TYPES)}')
        wanted = Filter(
            now=self._memories.clock.seconds(),
            project=await self._scope(arguments, context),
            types=tuple(each for each in TYPES if each == kind),
        )
        answer = await self._memories.recalling.recall(
            Question(topic, wanted, LIMIT), context.session.id
        )
        found = [each.memory for each in answer.ranked]
        where = project_shown(wanted.project)
        lines = [
            f"Searched in {where}, query_id {answer.query_id}.",
            *degraded_as_text(answer.degraded),
            *(section("Found, best first", found) if found else ("Nothing relevant was found.",)),
        ]
        return PromptResult(
            [
                said(document(f"What mnemo remembers about “{topic}”", lines)),
                said(
                    f"What do we know about “{topic}”? Answer from the memories above "
                    "alone, and put the id of the memory in brackets behind each statement. Where "
                    "they contradict each other, say so and trust the newer. Where they do not "
                    f"answer it, say that we do not know: guess nothing. {CAUTION}\n\n"
                    f"Afterwards call feedback with query_id {answer.query_id}: did they help?"
                ),
            ],
            f"What do we know about {shown(topic)}",
        )

    async def complete(
        self, argument: str, value: str, others: Mapping[str, str], context: CallContext
    ) -> Sequence[str]:
        """Projects and types."""
        if argument == "type":
            return beginning_with(value, TYPES)
        return await super().complete(argument, value, others, context)

    async def _scope(self, arguments: Mapping[str, str], context: CallContext) -> str | None:
        asked = arguments.get(PROJECT.name, "").strip()
        if asked == ALL or not (asked or context.session.project):
            return None
        return await self._project(arguments, context)
