"""A user who picks the prompts of a real store."""

from typing import Any

from mnemo.prompts.catalogue import all_prompts
from mnemo.tools.interfaces import CallContext, IPrompt, PromptResult, ToolError
from tests.tools.room import ToolTestCase, resolve


class PromptTestCase(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.prompts: dict[str, IPrompt] = {
            prompt.description.name: prompt for prompt in all_prompts(self.memories, resolve)
        }

    @property
    def context(self) -> CallContext:
        return CallContext(self.session)

    def get(self, name: str, **arguments: str) -> list[Any]:
        """The contents of a prompt's messages."""
        result: PromptResult = self.done(self.prompts[name].get(arguments, self.context))
        self.assertTrue(result.description)
        self.assertEqual({message["role"] for message in result.messages}, {"user"})
        return [message["content"] for message in result.messages]

    def refusal(self, name: str, **arguments: str) -> str:
        return self.refused(ToolError, self.prompts[name].get(arguments, self.context))

    def completed(self, name: str, argument: str, value: str) -> list[str]:
        prompt = self.prompts[name]
        return list(self.done(prompt.complete(argument, value, {}, self.context)))
