"""Prompts: listing them, and filling one in."""

from collections.abc import Mapping
from typing import Any

from mnemo.mcp import pages, results
from mnemo.mcp.catalogue import Catalogue, check_text
from mnemo.mcp.errors import invalid_params
from mnemo.tools.interfaces import CallContext, IPrompt


class Prompts(Catalogue[IPrompt]):
    """The prompts on offer."""

    def add(self, offered: IPrompt) -> None:
        """Offer one more. Raises C{ValueError} for one that cannot be offered."""
        described = offered.description
        for argument in described.arguments:
            check_text(f"{argument.name!r} of the prompt {described.name!r}", argument.description)
        super().add(offered)

    def listed(self, behind: str, size: int, version: str) -> dict[str, Any]:
        """The result of C{prompts/list}."""
        found, last = self.page(behind, size)
        result: dict[str, Any] = {
            "prompts": [results.prompt(prompt.description, version) for prompt in found]
        }
        if last:
            result["nextCursor"] = pages.cursor("prompts/list", last)
        return result

    def named(self, name: object) -> IPrompt:
        """The prompt of this name. Raises L{ProtocolError} where there is none."""
        if not isinstance(name, str):
            raise invalid_params("The name of a prompt must be a string")
        prompt = self.find(name)
        if prompt is None:
            raise invalid_params(f"Unknown prompt {name[:128]!r}: there is {self.near(name)}")
        return prompt

    def asked(self, params: Mapping[str, Any]) -> tuple[IPrompt, Mapping[str, str]]:
        """
        The prompt and the arguments of a C{prompts/get}.

        Raises L{ProtocolError} for an unknown prompt, and for arguments that it does not have,
        lacks, or that are no text.
        """
        prompt = self.named(params.get("name"))
        arguments = texts(params.get("arguments"), "arguments")
        described = prompt.description
        known = {argument.name for argument in described.arguments}
        for name in arguments:
            if name not in known:
                has = ", ".join(sorted(known)) or "none"
                raise invalid_params(
                    f"The prompt {described.name!r} has no argument {name[:128]!r}: it has {has}"
                )
        lacking = [
            argument.name
            for argument in described.arguments
            if argument.required and argument.name not in arguments
        ]
        if lacking:
            raise invalid_params(f"The prompt {described.name!r} needs {', '.join(lacking)}")
        return prompt, arguments


async def get(
    prompt: IPrompt, arguments: Mapping[str, str], context: CallContext, version: str
) -> dict[str, Any]:
    """The result of C{prompts/get}."""
    return results.prompt_result(await prompt.get(arguments, context), version)


def texts(value: object, what: str) -> Mapping[str, str]:
    """
    An object whose values are all strings; one that is absent is empty.

    Raises L{ProtocolError} for anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise invalid_params(f"{what} must be an object of strings")
    return value
