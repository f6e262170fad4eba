"""Results as structured content. Pure."""

from typing import Any

import attrs
import msgspec


def structured(result: Any) -> Any:
    """
    A result as JSON has it, without what says nothing and may be left out by its schema: fields
    with a default that are C{None} or empty. Clients pass the rest on to a model, word by word.
    """
    if isinstance(result, list):
        return [structured(each) for each in result]
    if not attrs.has(type(result)):
        return msgspec.to_builtins(result)
    fields = ((each, getattr(result, each.name)) for each in attrs.fields(type(result)))
    return {
        each.name: structured(value)
        for each, value in fields
        if each.default is attrs.NOTHING or not _says_nothing(value)
    }


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)
