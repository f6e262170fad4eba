"""All the prompts there are, and the page that describes them."""

from mnemo.memory.memories import Memories
from mnemo.prompts.base import Prompt
from mnemo.prompts.briefing import Briefing
from mnemo.prompts.handoff import Handoff
from mnemo.prompts.review_session import ReviewSession
from mnemo.prompts.what_do_we_know import WhatDoWeKnow
from mnemo.tools.base import ResolveProject
from mnemo.tools.interfaces import IPrompt, PromptDescription

PROMPTS: tuple[type[Prompt], ...] = (Briefing, Handoff, ReviewSession, WhatDoWeKnow)
"""Every prompt, in order of name."""

_PREFACE = """\
# Prompts

What a user can pick for the agent to do. Each brings what is remembered with it, so that the
agent begins with it in front of its eyes. Clients show them in a menu; Claude Code has them as
commands, such as `/mcp__mnemo__briefing`. Their arguments are completed.
"""


def all_prompts(memories: Memories, resolve_project: ResolveProject) -> list[IPrompt]:
    """
    Every prompt.

    @param resolve_project: the name of the project that a path stands for
    """
    return [prompt(memories, resolve_project) for prompt in PROMPTS]


def render_reference() -> str:
    """The page of the documentation that describes every prompt."""
    return "\n".join([_PREFACE, *(_described(prompt.description) for prompt in PROMPTS)])


def _described(prompt: PromptDescription) -> str:
    lines = [f"## {prompt.name}", "", f"*{prompt.title}.* {prompt.description}", ""]
    lines += ["| argument | needed | what it is |", "|---|---|---|"]
    for argument in prompt.arguments:
        needed = "yes" if argument.required else ""
        lines.append(f"| `{argument.name}` | {needed} | {argument.description} |")
    return "\n".join([*lines, ""])
