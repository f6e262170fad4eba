"""Completion: what may stand where somebody is typing an argument."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from mnemo.mcp.errors import invalid_params
from mnemo.mcp.prompts import Prompts, texts
from mnemo.mcp.resources import Resources
from mnemo.tools.interfaces import CallContext, IPrompt, IResources

VALUES = 100
"""How many values the protocol allows in one answer."""

URI_LIMIT = 2048
"""Characters of the longest URI that is compared with the templates."""

_EXPRESSION = re.compile(r"\{([^{}]*)\}")


@frozen
class OfPrompt:
    """An argument of a prompt, and what was typed of it."""

    prompt: IPrompt
    argument: str
    value: str
    others: Mapping[str, str]

    async def values(self, context: CallContext) -> Sequence[str]:
        """What it may become."""
        return await self.prompt.complete(self.argument, self.value, self.others, context)


@frozen
class OfTemplate:
    """A variable of a resource template, and what was typed of it."""

    family: IResources
    uri_template: str
    variable: str
    value: str
    others: Mapping[str, str]

    async def values(self, context: CallContext) -> Sequence[str]:
        """What it may become."""
        return await self.family.complete(
            self.uri_template, self.variable, self.value, self.others, context
        )


def asked(
    params: Mapping[str, Any], prompts: Prompts, resources: Resources
) -> OfPrompt | OfTemplate:
    """
    What a C{completion/complete} asks to have completed.

    Raises L{ProtocolError} where that is nothing on offer, or the params are malformed.
    """
    ref, argument = params.get("ref"), params.get("argument")
    if not isinstance(ref, dict):
        raise invalid_params("completion/complete needs ref, an object")
    if not isinstance(argument, dict):
        raise invalid_params("completion/complete needs argument, an object")
    name, value = argument.get("name"), argument.get("value")
    if not isinstance(name, str) or not isinstance(value, str):
        raise invalid_params("argument needs name and value, both strings")
    said = params.get("context")
    if said is not None and not isinstance(said, dict):
        raise invalid_params("context must be an object")
    others = texts((said or {}).get("arguments"), "context.arguments")
    kind = ref.get("type")
    if kind == "ref/prompt":
        return _of_prompt(prompts.named(ref.get("name")), name, value, others)
    if kind == "ref/resource":
        return _of_template(resources, ref.get("uri"), name, value, others)
    raise invalid_params("ref.type must be ref/prompt or ref/resource")


async def complete(of: OfPrompt | OfTemplate, context: CallContext) -> dict[str, Any]:
    """The result of C{completion/complete}."""
    values = await of.values(context)
    return {
        "completion": {
            "values": list(values[:VALUES]),
            "total": len(values),
            "hasMore": len(values) > VALUES,
        }
    }


def _of_prompt(prompt: IPrompt, name: str, value: str, others: Mapping[str, str]) -> OfPrompt:
    known = [argument.name for argument in prompt.description.arguments]
    if name not in known:
        raise _unknown_argument(f"The prompt {prompt.description.name!r}", name, known)
    return OfPrompt(prompt, name, value, others)


def _of_template(
    resources: Resources, uri: object, name: str, value: str, others: Mapping[str, str]
) -> OfTemplate:
    """By the template itself, or by a URI that was made with one."""
    if not isinstance(uri, str):
        raise invalid_params("ref.uri must be a string")
    for template, family in resources.templates():
        pattern = template.uri_template
        told = {} if uri == pattern else matched(pattern, uri)
        if told is None:
            continue
        known = variables(pattern)
        if name not in known:
            raise _unknown_argument(f"The template {pattern!r}", name, known)
        told.pop(name, None)
        return OfTemplate(family, pattern, name, value, {**told, **others})
    there = ", ".join(template.uri_template for template, _ in resources.templates())
    raise invalid_params(f"Unknown resource template {uri[:256]!r}: there is {there or 'none'}")


def _unknown_argument(what: str, name: str, known: Sequence[str]) -> Exception:
    return invalid_params(f"{what} has no {name[:128]!r}: it has {', '.join(known) or 'none'}")


# -- RFC 6570, as far as completion needs it


def variables(uri_template: str) -> list[str]:
    """The names of the variables in a template."""
    return [
        specification.partition(":")[0].rstrip("*")
        for expression in _EXPRESSION.findall(uri_template)
        for specification in expression.lstrip("+#./;?&").split(",")
    ]


def matched(uri_template: str, uri: str) -> dict[str, str] | None:
    """
    The variables of a URI made with a template, C{None} where it was not.

    Only simple expressions, of one variable each, can be told apart again; a variable's text
    is given as it stands in the URI.
    """
    if len(uri) > URI_LIMIT:
        return None
    pattern, names = "", list[str]()
    for place, part in enumerate(_EXPRESSION.split(uri_template)):
        if place % 2 == 0:
            pattern += re.escape(part)
        elif re.fullmatch(r"\w+", part):
            pattern += "([^/?#]*)"
            names.append(part)
        else:
            return None
    found = re.fullmatch(pattern, uri)
    return None if found is None else dict(zip(names, found.groups(), strict=True))
