"""The prompts that the conformance suite picks."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from attrs import frozen

from mnemo.tools.interfaces import (
    CallContext,
    IPrompt,
    PromptArgument,
    PromptDescription,
    PromptResult,
)
from tests.conformance.asking_fixtures import form, needed
from tests.conformance.fixtures import IMAGE, Block, resource, text

Fill = Callable[[Mapping[str, str], CallContext], Awaitable[Sequence[Block]]]

CITIES = ("paris", "park", "party")


@frozen
class FixturePrompt:
    """A prompt that is one function (L{mnemo.tools.interfaces.IPrompt})."""

    description: PromptDescription
    fill: Fill

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """What the function makes of it, as the user says it."""
        blocks = await self.fill(arguments, context)
        return PromptResult([{"role": "user", "content": block} for block in blocks])

    async def complete(
        self, argument: str, value: str, others: Mapping[str, str], context: CallContext
    ) -> Sequence[str]:
        """The same few words for each argument."""
        return [city for city in CITIES if city.startswith(value)]


def prompt(name: str, does: str, **arguments: str) -> Callable[[Fill], IPrompt]:
    """Makes a function the prompt of this name."""
    needed = [PromptArgument(each, meaning, required=True) for each, meaning in arguments.items()]
    return lambda fill: FixturePrompt(PromptDescription(name, "", does, needed), fill)


@prompt("test_simple_prompt", "Says something simple.")
async def simple(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """Always the same."""
    return [text("This is a simple prompt for testing.")]


@prompt("test_prompt_with_arguments", "Repeats its arguments.", arg1="One.", arg2="Another.")
async def with_arguments(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """What was given."""
    given = f"arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'"
    return [text(f"Prompt with arguments: {given}")]


@prompt(
    "test_prompt_with_embedded_resource",
    "Has a resource in it.",
    resourceUri="The URI of the resource.",
)
async def with_resource(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """A resource, and what to do with it."""
    uri = arguments["resourceUri"]
    return [
        resource(uri, "text/plain", "Embedded resource content for testing."),
        text("Please process the embedded resource above."),
    ]


@prompt("test_prompt_with_image", "Has an image in it.")
async def with_image(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """An image, and what to do with it."""
    return [IMAGE, text("Please analyze the image above.")]


@prompt("test_input_required_result_prompt", "Asks the user what it is about.")
async def asking(arguments: Mapping[str, str], context: CallContext) -> Sequence[Block]:
    """What the user said."""
    question = form("What context should the prompt use?", context={"type": "string"})
    answers = await context.client.ask({"user_context": needed(question)})
    said = answers["user_context"].get("content", {}).get("context", "nothing")
    return [text(f"The context is {said}.")]


PROMPTS: Sequence[IPrompt] = (simple, with_arguments, with_resource, with_image, asking)
