"""
Grammars that let a model write nothing but JSON of a given schema. Pure.

A grammar may be narrower than its schema, never wider: what it lets through is valid. An object
is written with its properties in the order of the schema and, unless C{additionalProperties}
says so, with no others; numbers have a size that every reader takes, and white space is short.
What cannot be held to is refused, whichever place of the schema asks for it.
"""

from collections.abc import Callable
from typing import Any, Final

from mnemo.inference.gbnf import (
    Inexpressible,
    Rules,
    json_literal,
    one_of,
    optional,
    sequence,
)
from mnemo.inference.grammar_numbers import Bounds, integers, numbers
from mnemo.inference.grammar_strings import FORMATS, of_pattern, other_than
from mnemo.inference.json_schema import (
    CHOICES,
    References,
    Schema,
    bounds_of,
    check,
    counts,
    is_of,
    is_remark,
    types_of,
    unfit,
)

_MOST_PLACES: Final = 2000
_MOST_APART: Final = 64


def of_schema(schema: Schema) -> str:
    """
    The grammar, in llama.cpp's GBNF, of JSON texts that are valid against C{schema}.

    @raise mnemo.inference.generation.UnfitRequest: where the schema asks for what a grammar
        cannot hold to; it names the place in the schema
    """
    writer = _Writer(schema)
    try:
        root = writer.value(schema, "#")
    except RecursionError:
        raise unfit("#", "has schemas too deep within each other") from None
    return writer.rules.text(root)


class _Writer:
    """Writes the rules for one schema, place by place."""

    def __init__(self, root: Schema) -> None:
        self.rules = Rules()
        self._references = References(root)
        self._named: dict[str, str] = {}
        self._places = 0
        self._of_type: dict[str, Callable[[Schema, str], str]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda schema, at: "boolean",
            "null": lambda schema, at: "null",
        }

    def value(self, schema: Any, at: str) -> str:
        """The expression of the values that C{schema}, found at C{at}, takes."""
        check(schema, at)
        self._places += 1
        if self._places > _MOST_PLACES:
            raise unfit("#", f"has over {_MOST_PLACES:,} schemas within it")
        if schema is True:
            return "value"
        if schema is False:
            raise unfit(at, "takes nothing")
        chosen = next((keyword for keyword in CHOICES if keyword in schema), None)
        try:
            if chosen is not None:
                return self._choice(chosen, schema, at)
            types = types_of(schema, at)
            return one_of(self._of_type[each](schema, at) for each in types) if types else "value"
        except Inexpressible as why:
            raise unfit(at, str(why)) from None

    # -- choices

    def _choice(self, keyword: str, schema: Schema, at: str) -> str:
        beside = {other for other in schema if not is_remark(other)} - {keyword}
        if keyword not in ("$ref", "allOf"):
            beside.discard("type")
        if beside:
            raise unfit(at, f"has {min(beside)!r} beside {keyword!r}; put one within the other")
        said, place = schema[keyword], f"{at}/{keyword}"
        if keyword == "$ref":
            return self._reference(said, at)
        if keyword in ("const", "enum"):
            return _literals([said] if keyword == "const" else said, schema, at)
        if keyword == "allOf" and len(said) > 1:
            raise unfit(place, "asks for several at once; write them as one")
        branches = [_with_type(each, schema, f"{place}/{n}") for n, each in enumerate(said)]
        if keyword == "oneOf":
            self._check_apart(branches, place)
        return one_of(self.value(each, f"{place}/{n}") for n, each in enumerate(branches))

    def _reference(self, reference: str, at: str) -> str:
        """The name of the rule for what is referred to, which may be on the way already."""
        if reference not in self._named:
            self._references.check(reference, at)
            name = self.rules.reserve(reference.rpartition("/")[2] or "whole")
            self._named[reference] = name
            target = self._references.target(reference, at)
            self.rules.define(name, self.value(target, reference))
        return self._named[reference]

    def _check_apart(self, branches: list[Any], at: str) -> None:
        """See that no value can be of two branches, which C{oneOf} does not take."""
        if len(branches) > _MOST_APART:
            raise unfit(at, f"has over {_MOST_APART} choices; use 'anyOf'")
        for number, one in enumerate(branches):
            for other in branches[:number]:
                if not self._references.apart(one, other, at):
                    raise unfit(at, "has choices that may hold together; use 'anyOf'")

    # -- types

    def _object(self, schema: Schema, at: str) -> str:
        properties = dict(schema.get("properties", {}))
        required = schema.get("required", ())
        others = schema.get("additionalProperties", not properties)
        for name in required:
            properties.setdefault(name, schema.get("additionalProperties", True))
        low, high = counts(schema, "Properties", at)
        if not properties:
            return self._map(others, low, high, at)
        most = len(properties) if others is False else None
        if low > len(required) or (high is not None and (most is None or high < most)):
            raise unfit(at, "counts properties that it also names")
        members = [
            (self._member(name, each, f"{at}/properties/{name}"), name in required)
            for name, each in properties.items()
        ]
        another = None
        if others is not False:
            pair = self._pair(
                other_than(properties, self.rules), others, f"{at}/additionalProperties"
            )
            another = self.rules.add("another", pair)
        return f'("{{" space {self._in_order(members, another)} "}}")'

    def _in_order(self, members: list[tuple[str, bool]], another: str | None) -> str:
        """
        Members with commas between them, and the space after the last.

        @param members: the expression of each, and whether it is required
        @param another: a member of which any number may follow these
        """
        tail = "space" if another is None else f"(comma {another})* space"
        first = next((n for n, (_, required) in enumerate(members) if required), None)
        if first is not None:
            before = [optional(f"{member} comma") for member, _ in members[:first]]
            after = [
                f"comma {member}" if required else optional(f"comma {member}")
                for member, required in members[first + 1 :]
            ]
            return " ".join([*before, members[first][0], *after, tail])
        choices = [] if another is None else [f"{another} {tail}"]
        for member, _ in reversed(members):
            choices.append(f"{member} {tail}")
            tail = self.rules.add("tail", f"(comma {member})? {tail}")
        return optional(" | ".join(reversed(choices)))

    def _member(self, name: str, schema: Any, at: str) -> str:
        return self.rules.add(name, self._pair(json_literal(name), schema, at))

    def _pair(self, key: str, schema: Any, at: str) -> str:
        return f"{key} colon {self.value(schema, at)}"

    def _map(self, schema: Any, low: int, high: int | None, at: str) -> str:
        """An object whose names nobody knows."""
        if low > 1:
            raise unfit(at, "wants several properties, and names none")
        if schema is False:
            high = 0
        if high == 0:
            return '("{" space "}")'
        pair = self.rules.add("pair", self._pair("string", schema, f"{at}/additionalProperties"))
        return f'("{{" space {self._listed(pair, low, high)} "}}")'

    def _array(self, schema: Schema, at: str) -> str:
        if schema.get("uniqueItems"):
            raise unfit(at, "wants items that are unique, which no grammar holds to")
        low, high = counts(schema, "Items", at)
        first = schema.get("prefixItems", [])[:high]
        others = schema.get("items", low > len(first) or not first)
        if high == len(first):
            others = False
        if low > len(first) and others is False:
            raise unfit(at, "wants more items than it takes")
        items = [self.value(each, f"{at}/prefixItems/{n}") for n, each in enumerate(first)]
        if others is False:
            return f'("[" space {self._tuple(items, "", low)} "]")'
        item = self.rules.add("item", self.value(others, f"{at}/items"))
        if not items:
            return f'("[" space {self._listed(item, low, high)} "]")'
        following = self.rules.add("following", f"comma {item}")
        most = None if high is None else high - len(items)
        rest = self.rules.repeated(following, max(0, low - len(items)), most)
        return f'("[" space {self._tuple(items, rest, low)} "]")'

    def _tuple(self, items: list[str], rest: str, low: int) -> str:
        """Items of which each has its own expression, C{rest}, and the space after the last."""
        for number in reversed(range(1, len(items))):
            rest = f"comma {items[number]} {rest}"
            rest = rest if number < low else optional(rest)
        if not items:
            return ""
        listed = f"{items[0]} {rest} space"
        return listed if low else optional(listed)

    def _listed(self, item: str, low: int, high: int | None) -> str:
        """Items with commas between them, and the space after the last."""
        following = self.rules.add("following", f"comma {item}")
        rest = self.rules.repeated(following, max(0, low - 1), None if high is None else high - 1)
        listed = f"{item} {rest} space"
        return listed if low else optional(listed)

    def _string(self, schema: Schema, at: str) -> str:
        low, high = counts(schema, "Length", at)
        limits = {"pattern", "format"} & schema.keys()
        limits |= {"length"} if (low, high) != (0, None) else set()
        if len(limits) > 1:
            raise unfit(at, f"limits its {' and its '.join(sorted(limits))}; one can be held to")
        if "pattern" in schema:
            return of_pattern(schema["pattern"], self.rules)
        if "format" in schema:
            if schema["format"] not in FORMATS:
                known = ", ".join(sorted(FORMATS))
                raise unfit(at, f"has the format {schema['format']!r}; known are {known}")
            return of_pattern(FORMATS[schema["format"]], self.rules)
        if not limits:
            return "string"
        return sequence(['"\\""', self.rules.repeated("char", low, high), '"\\""'])

    def _integer(self, schema: Schema, at: str) -> str:
        if schema.get("multipleOf", 1) != 1:
            raise unfit(at, "wants multiples of a number, which no grammar holds to")
        return self._between(schema, "integer", integers, at)

    def _number(self, schema: Schema, at: str) -> str:
        if "multipleOf" in schema:
            raise unfit(at, "wants multiples of a number, which no grammar holds to")
        return self._between(schema, "number", numbers, at)

    def _between(
        self, schema: Schema, kind: str, between: Callable[[Bounds], str | None], at: str
    ) -> str:
        bounds = bounds_of(schema, at)
        if bounds == Bounds():
            return kind
        found = between(bounds)
        if found is None:
            raise unfit(at, "takes nothing")
        return self.rules.add(f"bounded {kind}", found)


def _literals(values: list[Any], schema: Schema, at: str) -> str:
    """These values, as far as they are of the type that stands beside them."""
    types = types_of(schema, at) if "type" in schema else None
    fitting = [each for each in values if types is None or is_of(each, types)]
    if not fitting:
        raise unfit(at, "takes nothing")
    return one_of(map(json_literal, fitting))


def _with_type(branch: Any, schema: Schema, at: str) -> Any:
    """A branch together with the type that its choice has beside it."""
    if "type" not in schema:
        return branch
    check(branch, at)
    if isinstance(branch, bool) or branch.get("type", schema["type"]) != schema["type"]:
        raise unfit(at, "is of another type than the schema it stands in")
    if "$ref" in branch:
        raise unfit(at, "has '$ref' where the schema around it has 'type'")
    return {**branch, "type": schema["type"]}
