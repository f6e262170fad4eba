"""What a naive reader finds in the bodies and headers of requests."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 128
"""How deep a message may be nested."""


def read(body: bytes) -> Any:
    """The body's JSON. Raises C{ValueError} for what is none, and for what is nested too deep."""

    def constant(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(body.decode("utf-8"), parse_constant=constant)
    except RecursionError:
        raise ValueError("too deep") from None
    if depth(value) > DEEPEST:
        raise ValueError("too deep")
    return value


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


def accepted(headers: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Which of the two types a client takes. One that does not say takes both."""
    both = {"application/json", "text/event-stream"}
    said = ",".join(headers.get("accept", ())).lower()
    if said.strip(" ,") == "":
        return both
    found = set()
    for part in said.split(","):
        name, _, rest = part.partition(";")
        if rest.strip() in ("q=0", "q=0.0"):
            continue
        for one in both:
            if name.strip() in (one, one.split("/")[0] + "/*", "*/*"):
                found.add(one)
    return found


def only(headers: Mapping[str, tuple[str, ...]], name: str) -> str | None:
    """The value of a header that was sent once."""
    values = headers.get(name, ())
    return values[0].strip() if len(values) == 1 else None


def decoded(value: str | None) -> str | None:
    """A value that may be base64; C{None} where it should be and is not."""
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    inner = value[len("=?base64?") : -len("?=")]
    try:
        raw = base64.b64decode(inner, validate=True)
        text = raw.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return text if base64.b64encode(raw).decode() == inner else None


def repeats(headers: Mapping[str, tuple[str, ...]], name: str, value: Any) -> bool:
    """Whether a header says what an argument says, and nothing where there is none."""
    if value is None:
        return name not in headers
    if name not in headers:
        # What is no text, number or truth cannot be said in a header.
        return isinstance(value, list | dict)
    said = decoded(only(headers, name))
    if said is None:
        return False
    if isinstance(value, bool):
        return said == str(value).lower()
    if isinstance(value, int):
        try:
            return float(said) == value
        except ValueError:
            return False
    return bool(said == value)
