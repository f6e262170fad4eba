"""The reference of the tools, in Markdown, made from their descriptions. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mnemo.tools.arguments import accepted
from mnemo.tools.interfaces import ToolDescription
from mnemo.tools.schema import resolve

_PREFACE = """\
# Tools

Every tool answers twice: as text, written for an agent to read, and as structured content, which
has everything. A call that cannot be done as asked answers an error whose text says what to do
instead.
"""


def page(tools: Sequence[ToolDescription]) -> str:
    """The page that describes C{tools}, in their order."""
    return "\n".join([_PREFACE, *map(_described, tools)])


def _described(tool: ToolDescription) -> str:
    lines = [f"## {tool.name}", "", tool.description, "", f"*{_hints(tool.annotations)}*", ""]
    if tool.input_schema["properties"]:
        lines += ["| argument | accepts | default | what it is |", "|---|---|---|---|"]
        lines += _arguments(tool.input_schema, tool.input_schema, "")
        lines.append("")
    if tool.output_schema is not None:
        lines += [f"Answers: {', '.join(_code(name) for name in _fields(tool.output_schema))}.", ""]
    return "\n".join(lines)


def _arguments(schema: Mapping[str, Any], root: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, each in schema["properties"].items():
        required = name in schema.get("required", ())
        default = "**needed**" if required else _default(each)
        cells = (_code(prefix + name), accepted(each, root), default, each.get("description", ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        if each.get("type") == "array":
            item = resolve(each["items"], root)
            if item.get("type") == "object":
                yield from _arguments(item, root, f"{prefix}{name}[].")


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if default is None else _code(msgspec.json.encode(default).decode())


def _hints(annotations: Mapping[str, Any]) -> str:
    if annotations["readOnlyHint"]:
        return "Changes nothing."
    kinds = ["Can remove for good." if annotations["destructiveHint"] else "Removes nothing."]
    if annotations["idempotentHint"]:
        kinds.append("The same call again changes nothing more.")
    return " ".join(kinds)


def _fields(schema: Mapping[str, Any]) -> list[str]:
    return list(schema["properties"])


def _code(text: str) -> str:
    return f"`{text}`"
