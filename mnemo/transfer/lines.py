"""mnemo's own export: JSON Lines, a header and then a line for each thing that is kept."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from attrs import frozen

from mnemo.store.exchange import KINDS, Kind, Line
from mnemo.transfer.systems.records import Bad

FORMAT: Final = 1
"""Which form the lines have. A later mnemo reads earlier forms."""

_encode = msgspec.json.Encoder(order="deterministic").encode


@frozen
class Numbered:
    """A line, and its number in the file."""

    number: int
    line: Line


Read = Numbered | Bad


def header(project: str | None) -> bytes:
    """The first line."""
    return _encode({"mnemo": "export", "format": FORMAT, "project": project}) + b"\n"


def is_header(first: object) -> bool:
    """Whether a file whose first line holds this is such a file."""
    return isinstance(first, dict) and first.get("mnemo") == "export"


def written(kind: Kind, line: Line) -> bytes:
    """A line."""
    return _encode({"line": kind, **msgspec.to_builtins(line, order="deterministic")}) + b"\n"


def read(path: Path) -> Iterator[Read]:
    """The lines of a file, one by one."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                found = json.loads(raw)
                if number == 1 and is_header(found):
                    _check_format(found)
                    continue
                yield Numbered(number, _line(found))
            except (ValueError, RecursionError) as error:
                yield Bad(f"line {number}", str(error).partition("\n")[0])
                if isinstance(error, _NewerFormat):
                    return


class _NewerFormat(ValueError):
    """Nothing of the file can be read."""


def _check_format(found: Mapping[str, Any]) -> None:
    if found.get("format") != FORMAT:
        raise _NewerFormat(f"it is of format {found.get('format')}; this mnemo reads {FORMAT}")


def _line(found: Any) -> Line:
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    kind = found.pop("line", None)
    if kind not in KINDS:
        raise ValueError(f'its "line" is {str(kind)[:40]!r}; there are {", ".join(KINDS)}')
    line: Line = msgspec.convert(found, KINDS[kind])
    return line
