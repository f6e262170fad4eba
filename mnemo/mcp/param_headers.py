"""
Arguments of a call that its HTTP headers repeat, so that what stands between can route by them.

A property of a tool's schema that has C{x-mcp-header} is one: C{"x-mcp-header": "Region"} wants
C{Mcp-Param-Region}.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from mnemo.mcp import headers
from mnemo.mcp.errors import header_mismatch
from mnemo.mcp.headers import Headers

ANNOTATION = "x-mcp-header"

_TYPES = ("string", "integer", "boolean")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,64}(\.[0-9]{0,64})?")

# Keywords whose value is no schema, and those that hold schemas by name.
_DATA = ("enum", "const", "default", "examples")
_NAMED = ("patternProperties", "dependentSchemas", "$defs", "definitions")

_Found = tuple[tuple[str, ...], Mapping[str, Any]]


def validate(schema: Mapping[str, Any]) -> None:
    """
    Raise C{ValueError} where a schema asks for a header that no client can send: of anything
    but a string, an integer or a boolean that C{properties} alone lead to, of a name that no
    header can have, or of one name twice.
    """
    seen: set[str] = set()
    for path, part in _everywhere(schema, ()):
        name = part[ANNOTATION]
        if not path:
            raise ValueError(f"{ANNOTATION} {name!r}: only properties lead to an argument")
        place = f"{ANNOTATION} of {'.'.join(path)}"
        if part.get("type") not in _TYPES:
            raise ValueError(f"{place}: the type must be one of {', '.join(_TYPES)}")
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise ValueError(f"{place}: no header can be named {name!r}")
        if name.lower() in seen:
            raise ValueError(f"{place}: {name!r} is taken already")
        seen.add(name.lower())


def check_params(given: Headers, schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """
    Raise L{ProtocolError} where the headers of a C{tools/call} do not repeat what they must.

    @param schema: the tool's input schema, which is valid
    """
    for path, part in _annotated(schema):
        name = f"mcp-param-{part[ANNOTATION].lower()}"
        value = _at(arguments, path)
        if name not in given:
            if isinstance(value, (str, int, float)):
                raise header_mismatch(f"The header {name} is missing; the body has {path[-1]!r}")
            continue
        said = headers.plain(headers.single(given, name))
        if value is None:
            raise header_mismatch(f"The header {name} is there, but the body has no {path[-1]!r}")
        if not _same(said, value):
            raise header_mismatch(f"The header {name} says {said[:128]!r}, the body otherwise")


def _same(said: str, value: Any) -> bool:
    if isinstance(value, bool):
        return said == ("true" if value else "false")
    if isinstance(value, (int, float)):
        return _NUMBER.fullmatch(said) is not None and bool(Decimal(said) == value)
    return bool(said == value)


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(arguments, dict):
            return None
        arguments = arguments.get(name)
    return arguments


def _annotated(schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[_Found]:
    """The annotated properties of a valid schema."""
    for name, part in schema.get("properties", {}).items():
        if isinstance(part, Mapping):
            if ANNOTATION in part:
                yield (*path, name), part
            if "properties" in part:
                yield from _annotated(part, (*path, name))


def _everywhere(schema: Mapping[str, Any], path: tuple[str, ...] | None) -> Iterator[_Found]:
    """
    Every annotated part of a schema, its path empty where more than C{properties} leads to it.

    @param path: C{None} where that is so already
    """
    if ANNOTATION in schema:
        yield path or (), schema
    for keyword, value in schema.items():
        if keyword == "properties" and isinstance(value, Mapping):
            for name, part in value.items():
                if isinstance(part, Mapping):
                    yield from _everywhere(part, None if path is None else (*path, name))
        elif keyword not in _DATA:
            for part in _parts(keyword, value):
                if isinstance(part, Mapping):
                    yield from _everywhere(part, None)


def _parts(keyword: str, value: Any) -> Iterable[Any]:
    """What a keyword other than C{properties} holds that may be schemas."""
    if isinstance(value, Mapping):
        return value.values() if keyword in _NAMED else (value,)
    return value if isinstance(value, list) else ()
