"""JSON Schemas of attrs classes, in the form that MCP clients take. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]

_REFERENCE = "#/$defs/{name}"


def input_schema(cls: type) -> Schema:
    """
    The schema of a call's arguments: an object at its root that takes no other names.

    An argument that may be left out is shown without the C{null} that stands for that.
    """
    return _root(cls, closed=True)


def output_schema(cls: type) -> Schema:
    """The schema of a result: an object at its root."""
    return _root(cls, closed=False)


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """What C{schema} stands for, where it is only a reference into C{root}."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = root["$defs"][reference.rpartition("/")[2]]
    return found


def _root(cls: type, closed: bool) -> Schema:
    _, components = msgspec.json.schema_components([cls], ref_template=_REFERENCE)
    tidy = {name: _tidy(schema, closed) for name, schema in components.items()}
    root: Schema = tidy.pop(cls.__name__)
    root.pop("description", None)  # the tool's own, listed beside the schema
    if tidy:
        root["$defs"] = tidy
    return root


def _tidy(schema: Any, closed: bool) -> Any:
    """C{schema} without what says nothing, and with what some clients need."""
    if isinstance(schema, list):
        return [_tidy(each, closed) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _tidy(value, closed) for key, value in schema.items()}
    if "enum" in made and all(isinstance(value, str) for value in made["enum"]):
        made["type"] = "string"
    if isinstance(made.get("properties"), dict):
        made.pop("title", None)
        if not made.get("required"):
            made.pop("required", None)
        if closed:
            made["additionalProperties"] = False
    return _without_nothing(made) if closed else made


def _without_nothing(schema: Schema) -> Schema:
    """C{schema} without the C{null} or the empty text that stands for what was left out."""
    if schema.get("default") in ("", None):
        schema.pop("default", None)
    null = {"type": "null"}
    if null not in schema.get("anyOf", ()):
        return schema
    rest = [each for each in schema.pop("anyOf") if each != null]
    return schema | (rest[0] if len(rest) == 1 else {"anyOf": rest})
