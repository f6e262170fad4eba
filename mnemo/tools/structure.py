"""Results as structured content. Pure."""

from functools import cache
from typing import Any

import attrs
import msgspec


def structured(result: Any) -> Any:
    """
    A result as JSON has it, without what says nothing and may be left out by its schema: fields
    with a default that are C{None} or empty. Clients pass the rest on to a model, word by word.
    """
    if isinstance(result, str | int | float | None):
        return result
    if isinstance(result, list):
        return [structured(each) for each in result]
    fields = _fields(type(result))
    if fields is None:
        return msgspec.to_builtins(result)
    values = ((name, is_needed, getattr(result, name)) for name, is_needed in fields)
    return {
        name: structured(value)
        for name, is_needed, value in values
        if is_needed or not _says_nothing(value)
    }


@cache
def _fields(kind: type) -> tuple[tuple[str, bool], ...] | None:
    """The fields of a class, and of each whether it is never left out; C{None} of others."""
    if not attrs.has(kind):
        return None
    return tuple((each.name, each.default is attrs.NOTHING) for each in attrs.fields(kind))


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)
