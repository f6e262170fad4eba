"""Reading the arguments of a call, and saying what is wrong with them. Pure."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from mnemo.tools.interfaces import ToolError
from mnemo.tools.schema import resolve

T = TypeVar("T")

_LONGEST_SHOWN = 60


def read(cls: type[T], tool: str, schema: Mapping[str, Any], given: Mapping[str, Any]) -> T:
    """
    The arguments C{given}, as an instance of C{cls}. C{null} counts as not given.

    @param schema: the input schema of C{cls}
    @raise ToolError: they do not fit; its text names the argument, what was given and what
        is accepted
    """
    present = {name: value for name, value in given.items() if value is not None}
    try:
        made = msgspec.convert(present, cls)
    except msgspec.ValidationError as error:
        problem = next(_problems(schema, present, schema, ""), str(error))
        raise ToolError(f"{tool}: {problem}") from None
    # What msgspec passes over: names that there are none of, here and in nested objects.
    if "$defs" in schema or not schema["properties"].keys() >= present.keys():
        for problem in _problems(schema, present, schema, ""):
            raise ToolError(f"{tool}: {problem}")
    return made


def accepted(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a schema accepts, in words."""
    schema = resolve(schema, root)
    if "anyOf" in schema:
        return " or ".join(accepted(each, root) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(_shown(value) for value in schema["enum"])
    match schema["type"]:
        case "string":
            return "a string" + _sized(schema, "minLength", "maxLength", "characters")
        case "integer":
            return "an integer" + _ranged(schema)
        case "number":
            return "a number" + _ranged(schema)
        case "boolean":
            return "true or false"
        case "array":
            size = _sized(schema, "minItems", "maxItems", "items")
            return f"a list{size}, each {accepted(schema['items'], root)}"
        case _:
            return "an object with " + _names(schema)


def _problems(
    schema: Mapping[str, Any], value: Any, root: Mapping[str, Any], path: str
) -> Iterator[str]:
    """What is wrong with C{value}, most telling first; nothing where it fits."""
    schema = resolve(schema, root)
    if schema.get("type") == "object" and isinstance(value, dict):
        yield from _object_problems(schema, value, root, path)
    elif schema.get("type") == "array" and isinstance(value, list) and _fits_size(schema, value):
        for number, each in enumerate(value):
            yield from _problems(schema["items"], each, root, f"{path}[{number}]")
    elif not _fits(schema, value, root):
        yield (
            f'"{path}" was {_shown(value)}{_meant(value, schema.get("enum", ()))}; '
            f"accepted: {accepted(schema, root)}"
        )


def _object_problems(
    schema: Mapping[str, Any], value: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    known = schema["properties"]
    where = f'"{path}" ' if path else ""
    for name in value:
        if name not in known:
            meant = _meant(name, known)
            yield f"{where}has no argument {_shown(name)}{meant}; accepted: {_names(schema)}"
    for name in schema.get("required", ()):
        if name not in value:
            yield f'{where}needs "{name}": {accepted(known[name], root)}'
    for name, each in value.items():
        if name in known:
            yield from _problems(known[name], each, root, f"{path}.{name}" if path else name)


def _fits(schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    """Whether a value that is no object, or no list of the right size, is what is asked for."""
    if "anyOf" in schema:
        return any(_fits(resolve(each, root), value, root) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "string":
            size = len(value) if isinstance(value, str) else -1
            return size >= 0 and _within(size, schema, "minLength", "maxLength")
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return whole and _within(value, schema, "minimum", "maximum")
        case "number":
            numeric = isinstance(value, int | float) and not isinstance(value, bool)
            return numeric and _within(value, schema, "minimum", "maximum")
        case _:
            return False


def _fits_size(schema: Mapping[str, Any], value: list[Any]) -> bool:
    return _within(len(value), schema, "minItems", "maxItems")


def _within(value: float, schema: Mapping[str, Any], low: str, high: str) -> bool:
    return bool(schema.get(low, value) <= value <= schema.get(high, value))


def _sized(schema: Mapping[str, Any], low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is not None and most is not None:
        return f" of {least:,} to {most:,} {unit}"
    if most is not None:
        return f" of at most {most:,} {unit}"
    return "" if least is None else f" of {least:,} {unit} or more"


def _ranged(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    if most is not None:
        return f", at most {most:,}"
    return "" if least is None else f", {least:,} or more"


def _names(schema: Mapping[str, Any]) -> str:
    return ", ".join(schema["properties"]) or "none"


def _meant(given: Any, known: Any) -> str:
    near = difflib.get_close_matches(given, list(known), 1) if isinstance(given, str) else []
    return f" (did you mean {_shown(near[0])}?)" if near else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
