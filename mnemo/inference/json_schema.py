"""What a JSON Schema says, place by place. Pure."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from mnemo.inference.generation import UnfitRequest
from mnemo.inference.grammar_numbers import Bounds

Schema = Mapping[str, Any]

_COUNT: Final = "a number of things"
_NUMBER: Final = (int, float)

# What bears on the values of each type, and how it is written.
_OF_TYPE: Final[Mapping[str, Mapping[str, Any]]] = {
    "object": {
        "properties": Mapping,
        "required": list,
        "additionalProperties": (Mapping, bool),
        "minProperties": _COUNT,
        "maxProperties": _COUNT,
    },
    "array": {
        "items": (Mapping, bool),
        "prefixItems": list,
        "minItems": _COUNT,
        "maxItems": _COUNT,
        "uniqueItems": bool,
    },
    "string": {"minLength": _COUNT, "maxLength": _COUNT, "pattern": str, "format": str},
    "number": {
        "minimum": _NUMBER,
        "maximum": _NUMBER,
        "exclusiveMinimum": _NUMBER,
        "exclusiveMaximum": _NUMBER,
        "multipleOf": _NUMBER,
    },
    "boolean": {},
    "null": {},
}

CHOICES: Final = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""What says by itself which values there are."""

_REMARKS: Final = {
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("$schema", "$id", "$comment", "$defs", "definitions", "discriminator"),
}

_SHAPES: Final[Mapping[str, Any]] = {
    "type": (str, list),
    "$ref": str,
    **dict.fromkeys(("enum", "anyOf", "oneOf", "allOf"), list),
    **{keyword: shape for of_type in _OF_TYPE.values() for keyword, shape in of_type.items()},
}


def unfit(at: str, why: str) -> UnfitRequest:
    """The refusal of what stands at a place of a schema."""
    return UnfitRequest(f"The JSON Schema cannot be kept to: {at} {why}.")


def is_remark(keyword: str) -> bool:
    """Whether it says nothing of what is valid."""
    return keyword in _REMARKS or keyword.startswith("x-")


def check(schema: Any, at: str) -> None:
    """
    See that C{schema} has nothing but what is known here, written as it should be.

    @raise UnfitRequest: where it has
    """
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise unfit(at, "is no schema")
    for keyword, said in schema.items():
        if keyword not in _SHAPES and keyword != "const" and not is_remark(keyword):
            raise unfit(at, f"has {keyword!r}, which no grammar holds to")
        fits = _fits(said, _SHAPES.get(keyword, object))
        if keyword in ("required", "type") and isinstance(said, list):
            fits = all(isinstance(each, str) for each in said)
        if not fits or (keyword in ("enum", "anyOf", "oneOf", "allOf", "type") and not said):
            raise unfit(f"{at}/{keyword}", "is not what JSON Schema has there")


def _fits(said: Any, shape: Any) -> bool:
    if shape in (_COUNT, _NUMBER) and isinstance(said, bool):
        return False
    if shape == _COUNT:
        return isinstance(said, int) and said >= 0
    return isinstance(said, shape)


def types_of(schema: Schema, at: str) -> list[str]:
    """The types that C{schema} names, else those that it says something of; none for any."""
    said = schema.get("type")
    if said is None:
        return [each for each, keywords in _OF_TYPE.items() if keywords.keys() & schema.keys()]
    types: list[str] = [said] if isinstance(said, str) else said
    for each in types:
        if each != "integer" and each not in _OF_TYPE:
            raise unfit(f"{at}/type", f"is {each!r}, which is no type")
    return [each for each in types if each != "integer" or "number" not in types]


def is_of(value: Any, types: list[str]) -> bool:
    """Whether a value is of one of these types."""
    names: dict[type, tuple[str, ...]] = {
        bool: ("boolean",),
        int: ("integer", "number"),
        float: ("number",),
        str: ("string",),
        type(None): ("null",),
        list: ("array",),
        dict: ("object",),
    }
    return not set(types).isdisjoint(names.get(type(value), ()))


def counts(schema: Schema, of: str, at: str) -> tuple[int, int | None]:
    """How many there are at least and at most of C{Items}, C{Length} or C{Properties}."""
    low, high = schema.get(f"min{of}", 0), schema.get(f"max{of}")
    if high is not None and high < low:
        raise unfit(at, f"has a min{of} over its max{of}")
    return low, high


def bounds_of(schema: Schema, at: str) -> Bounds:
    """Between what a number is."""
    bounds = Bounds()
    for keyword, said in schema.items():
        if keyword in ("minimum", "exclusiveMinimum"):
            bounds = bounds.at_least(_decimal(said, f"{at}/{keyword}"), keyword != "minimum")
        elif keyword in ("maximum", "exclusiveMaximum"):
            bounds = bounds.at_most(_decimal(said, f"{at}/{keyword}"), keyword != "maximum")
    return bounds


def _decimal(said: float, at: str) -> Decimal:
    number = Decimal(str(said))
    if not math.isfinite(said) or len(f"{number:f}") > 40:
        raise unfit(at, "has more than 40 digits")
    return number


class References:
    """What the references within one schema stand for."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._ending: set[str] = set()

    def target(self, reference: str, at: str) -> Any:
        """
        What C{reference}, found at C{at}, refers to.

        @raise UnfitRequest: where that is not within the schema
        """
        if not reference.startswith("#"):
            raise unfit(at, f"refers to {reference!r}; only what is in the schema is known")
        found: Any = self._root
        for step in reference[1:].split("/")[1:]:
            key: Any = unquote(step).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise unfit(at, f"refers to {reference!r}, which is not there") from None
        check(found, reference)
        return found

    def check(self, reference: str, at: str) -> None:
        """
        See that a value of C{reference} can be written, from its first character to its last.

        @raise UnfitRequest: where it would be itself, or hold another one without end
        """
        leads_to = self._direct(self.target(reference, at), at)
        while reference not in leads_to:
            before = len(leads_to)
            for each in list(leads_to):
                leads_to |= self._direct(self.target(each, at), each)
            if len(leads_to) == before:
                break
        else:
            raise unfit(at, f"refers to {reference!r}, which refers to itself")
        if not self._ends(reference, at):
            raise unfit(at, f"refers to {reference!r}, whose values would never end")

    def _direct(self, schema: Any, at: str) -> set[str]:
        """The references that a value of C{schema} may be a value of."""
        check(schema, at)
        if isinstance(schema, bool):
            return set()
        found = {schema["$ref"]} if "$ref" in schema else set()
        for keyword in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(keyword, ()):
                found |= self._direct(each, at)
        return found

    def _ends(self, reference: str, at: str) -> bool:
        """Whether there is a value of it that does not hold another one, without end."""
        met = {reference}
        grown = True
        while grown and reference not in self._ending:
            before = len(met), len(self._ending)
            for each in met - self._ending:
                if self._schema_ends(self.target(each, at), each, met):
                    self._ending.add(each)
            grown = (len(met), len(self._ending)) != before
        return reference in self._ending

    def _schema_ends(self, schema: Any, at: str, met: set[str]) -> bool:
        """Whether a value ends, by what is known to end; references go into C{met}."""
        check(schema, at)
        if isinstance(schema, bool) or "const" in schema or "enum" in schema:
            return True
        if "$ref" in schema:
            met.add(schema["$ref"])
            return schema["$ref"] in self._ending
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return any(self._schema_ends(each, at, met) for each in schema[keyword])
        types = types_of(schema, at)
        if types not in (["object"], ["array"]):
            return True
        needed = _needed_items(schema) if types == ["array"] else _needed_properties(schema)
        return all(self._schema_ends(each, at, met) for each in needed)

    def apart(self, one: Any, other: Any, at: str) -> bool:
        """Whether no value is of both, as far as types and constants show."""
        one, other = self._looked_up(one, at), self._looked_up(other, at)
        if not isinstance(one, Mapping) or not isinstance(other, Mapping):
            return False
        constants, other_constants = _constants(one), _constants(other)
        if constants is not None and other_constants is not None:
            return not any(each in other_constants for each in constants)
        types, other_types = set(_kinds(one, at)), set(_kinds(other, at))
        if not types or not other_types:
            return False
        if types != {"object"} or other_types != {"object"}:
            return types.isdisjoint(other_types)
        shared = set(one.get("required", ())) & set(other.get("required", ()))
        of_one, of_other = one.get("properties", {}), other.get("properties", {})
        return any(
            self.apart(of_one.get(name, True), of_other.get(name, True), at) for name in shared
        )

    def _looked_up(self, schema: Any, at: str) -> Any:
        met: list[str] = []
        check(schema, at)
        while isinstance(schema, Mapping) and "$ref" in schema and schema["$ref"] not in met:
            met.append(schema["$ref"])
            schema = self.target(schema["$ref"], at)
        return schema


def _constants(schema: Schema) -> list[Any] | None:
    constants: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return constants


def _kinds(schema: Schema, at: str) -> Iterator[str]:
    """The types of its values, integers among the numbers; none where that is not plain."""
    constants = _constants(schema)
    if constants is not None:
        yield from (kind for kind in _OF_TYPE for value in constants if is_of(value, [kind]))
    elif not any(keyword in schema for keyword in CHOICES):
        yield from ("number" if each == "integer" else each for each in types_of(schema, at))


def _needed_properties(schema: Schema) -> list[Any]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    return [properties.get(name, others) for name in schema.get("required", ())]


def _needed_items(schema: Schema) -> list[Any]:
    first = list(schema.get("prefixItems", ()))
    low = schema.get("minItems", 0)
    return first[:low] + [schema.get("items", True)] * (low > len(first))
