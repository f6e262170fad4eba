import json
from random import Random
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
from attrs import asdict, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import UnfitRequest
from mnemo.inference.grammar import of_schema
from tests.inference.gbnf import Grammar, parse


def grammar_of(schema: object) -> Grammar:
    return parse(of_schema(schema))  # type: ignore[arg-type]


def thing(*required: str, **properties: object) -> dict[str, Any]:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
NOTHING = {"type": "null"}
TREE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": thing(
            "name",
            name=TEXT,
            left={"anyOf": [{"$ref": "#/$defs/Node"}, NOTHING]},
            more={"type": "array", "items": {"$ref": "#/$defs/Node"}},
        )
    },
}
DOG = thing("kind", "barks", kind={"const": "dog"}, barks={"type": "boolean"})
CAT = thing("kind", kind={"const": "cat"}, name=TEXT)

CASES: dict[str, tuple[object, list[object], list[object]]] = {
    "text": (TEXT, ["", 'é\n"\\/\u2028😀', "\x7f"], [1, None, ["a"]]),
    "text of a length": (
        {"type": "string", "minLength": 2, "maxLength": 4},
        ["ab", "é\n😀\\"],
        ["a", "abcde"],
    ),
    "long text": (
        {"type": "string", "minLength": 1500, "maxLength": 4100},
        ["a" * 1500, "a" * 3000, "a" * 4100],
        ["a" * 1499, "a" * 4101],
    ),
    "text without a bound": ({"type": "string", "minLength": 2500}, ["a" * 2500], ["a" * 2499]),
    "integer": ({"type": "integer"}, [0, -1, 10**15], [1.5, "1", 10**17]),
    "number": (NUMBER, [0, -1.5, 1e-07, 12345.678, 1e99], ["1", None]),
    "boolean": ({"type": "boolean"}, [True, False], [0, None, "true"]),
    "null": (NOTHING, [None], [0, ""]),
    "several types": ({"type": ["string", "null"], "minLength": 1}, ["a", None], ["", 1]),
    "number or integer": ({"type": ["number", "integer"]}, [1, 1.5], ["1"]),
    "anything": ({}, [None, 1, "a", [1, {"a": [[]]}], {"": {}}], []),
    "true": (thing("a", a=True), [{"a": [1]}], [{}]),
    "any object": ({"type": "object"}, [{}, {"a": 1, "b": []}], [[], 1]),
    "any array": ({"type": "array"}, [[], [1, "a", {}]], [{}, 1]),
    "constant": ({"const": {"a": [1, None, "é"]}}, [{"a": [1, None, "é"]}], [{"a": []}]),
    "values": ({"enum": ["a", 'b"\\', 1, None, True]}, ["a", 'b"\\', 1, None, True], ["c", 2]),
    "values of a type": ({"type": "string", "enum": ["a", None]}, ["a"], [None]),
    "choice": ({"anyOf": [TEXT, {"type": "array", "items": TEXT}]}, ["a", ["a"]], [1, [1]]),
    "choice of a type": (
        {"type": "string", "anyOf": [{"const": "a"}, {"minLength": 3}]},
        ["a", "abc"],
        ["ab", None],
    ),
    "one choice": ({"oneOf": [TEXT, NUMBER, NOTHING]}, ["a", 1.5, None], [True]),
    "one of objects": (
        {"oneOf": [{"$ref": "#/$defs/dog"}, CAT], "$defs": {"dog": DOG}},
        [{"kind": "dog", "barks": True}, {"kind": "cat", "name": ""}],
        [{"kind": "cow"}, {"kind": "dog"}],
    ),
    "all of one": (
        {"allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": TEXT}},
        ["a"],
        [1],
    ),
    "properties": (
        thing("b", a=TEXT, b=NUMBER, c=NOTHING, d=NOTHING) | {"additionalProperties": False},
        [{"b": 1}, {"a": "", "b": 1}, {"b": 1, "d": None}, {"a": "", "b": 1, "c": None, "d": None}],
        [{}, {"a": ""}, {"b": ""}, {"b": 1, "e": 1}],
    ),
    "optional properties": (
        thing(a=TEXT, b=NUMBER, c=NOTHING),
        [{}, {"a": ""}, {"b": 1}, {"c": None}, {"a": "", "c": None}, {"a": "", "b": 1, "c": None}],
        [{"a": 1}],
    ),
    "no properties": (
        {"type": "object", "additionalProperties": False},
        [{}],
        [{"a": 1}],
    ),
    "strange names": (
        thing('a"b\\\n', "é$ref", **{'a"b\\\n': TEXT, "é$ref": TEXT}),
        [{'a"b\\\n': "", "é$ref": ""}],
        [{"a": ""}],
    ),
    "required without a schema": (thing("z", a=TEXT), [{"z": [1]}, {"a": "", "z": 1}], [{}]),
    "map": (
        {"type": "object", "additionalProperties": NUMBER, "maxProperties": 2},
        [{}, {"a": 1}, {"a": 1, "": 2}],
        [{"a": ""}, {"a": 1, "b": 2, "c": 3}],
    ),
    "map of some": (
        {"type": "object", "additionalProperties": NUMBER, "minProperties": 1},
        [{"a": 1}, {"a": 1, "": 2}],
        [{}],
    ),
    "properties and others": (
        thing("ab", ab=TEXT, a=TEXT) | {"additionalProperties": NUMBER},
        [{"ab": ""}, {"ab": "", "abc": 1, "": 2}, {"ab": "", "a": "", "b": 1}],
        [{"ab": 1}, {"ab": "", "a": 1}, {"ab": "", "x": ""}],
    ),
    "optional properties and others": (
        thing(a=TEXT, b=TEXT) | {"additionalProperties": NUMBER},
        [{}, {"c": 1}, {"a": "", "c": 1}, {"b": "", "c": 1, "d": 2}, {"a": "", "b": ""}],
        [{"a": 1}, {"c": ""}],
    ),
    "items": (
        {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 3},
        [[1, 2], [1, 2, 3]],
        [[], [1], [1, 2, 3, 4], ["a", "b"]],
    ),
    "few items": ({"type": "array", "items": NUMBER, "maxItems": 1}, [[], [1]], [[1, 2]]),
    "no items": ({"type": "array", "maxItems": 0}, [[]], [[1]]),
    "many items": ({"type": "array", "items": NUMBER, "minItems": 1}, [[1], [1] * 50], [[]]),
    "a tuple": (
        {
            "type": "array",
            "prefixItems": [NUMBER, TEXT],
            "items": False,
            "minItems": 2,
            "maxItems": 2,
        },
        [[1, "a"]],
        [[], [1], ["a", 1], [1, "a", 2]],
    ),
    "a tuple of which some may be missing": (
        {"type": "array", "prefixItems": [NUMBER, TEXT, NUMBER], "minItems": 1},
        [[1], [1, "a"], [1, "a", 2]],
        [[], ["a"], [1, 2]],
    ),
    "an empty tuple": ({"type": "array", "prefixItems": [NUMBER]}, [[], [1]], [[""]]),
    "a tuple and more": (
        {"type": "array", "prefixItems": [NUMBER], "items": TEXT, "minItems": 2, "maxItems": 3},
        [[1, "a"], [1, "a", "b"]],
        [[1], [1, 2], [1, "a", "b", "c"]],
    ),
    "a tree": (
        TREE,
        [
            {"name": ""},
            {"name": "", "left": {"name": ""}, "more": [{"name": "", "left": None, "more": []}]},
        ],
        [{}, {"name": "", "left": {}}, {"name": "", "more": [1]}],
    ),
    "itself": (thing(a={"$ref": "#"}), [{}, {"a": {"a": {}}}], [{"a": 1}]),
    "a place within": (
        {"anyOf": [thing("a", a=TEXT), thing("b", b={"$ref": "#/anyOf/0/properties/a"})]},
        [{"a": ""}, {"b": ""}],
        [{"b": 1}],
    ),
    "a name that has to be escaped": (
        {"$ref": "#/$defs/a~1b%20~0c", "$defs": {"a/b ~c": TEXT}},
        ["a"],
        [1],
    ),
    "remarks": (
        TEXT | {"title": "T", "description": "D", "default": 1, "x-more": {}, "examples": []},
        ["a"],
        [1],
    ),
    "what does not bear on its type": ({"type": "integer", "minLength": 3}, [1], ["abc"]),
    "types that are not named": ({"minLength": 1, "minimum": 5}, ["a", 5], ["", 4]),
}


SPELLED = {"constant", "strange names"}
"""What is written in one way alone, letter by letter."""


def written(value: object) -> list[str]:
    """How a model may lay it out."""
    return [
        json.dumps(value, ensure_ascii=False),
        json.dumps(value),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, indent=2),
    ]


class Grammars(SynchronousTestCase):
    def test_let_through_what_is_valid_and_nothing_else(self) -> None:
        for name, (schema, fine, wrong) in CASES.items():
            grammar = grammar_of(schema)
            for value in fine:
                jsonschema.validate(value, schema)  # type: ignore[arg-type]
                for text in written(value) if name not in SPELLED else written(value)[:1]:
                    self.assertTrue(grammar.accepts(text), f"{name}: {text}")
            for value in wrong:
                for text in written(value):
                    self.assertFalse(grammar.accepts(text), f"{name}: {text}")

    def test_have_no_sentence_that_is_not_valid(self) -> None:
        for name, (schema, _, _) in CASES.items():
            grammar = grammar_of(schema)
            for seed in range(30):
                text = grammar.sample(Random(seed))
                self.check(text, schema, name)
                self.assertTrue(len(text) > 1000 or grammar.accepts(text), f"{name}: {text}")

    def check(self, text: str, schema: Any, name: str = "") -> None:
        try:
            jsonschema.validate(json.loads(text), schema)
        except (ValueError, jsonschema.ValidationError) as error:
            self.fail(f"{name}: {text!r}: {error}")

    def test_write_properties_in_their_order(self) -> None:
        grammar = grammar_of(thing("a", "b", a=TEXT, b=TEXT))
        self.assertTrue(grammar.accepts('{"a": "", "b": ""}'))
        self.assertFalse(grammar.accepts('{"b": "", "a": ""}'))

    def test_do_not_say_a_name_twice(self) -> None:
        grammar = grammar_of(thing("a", a=TEXT) | {"additionalProperties": NUMBER})
        self.assertFalse(grammar.accepts('{"a": "", "a": 1}'))
        self.assertFalse(grammar.accepts('{"a": "", "\\u0061": 1}'))

    def test_have_no_halves_of_characters(self) -> None:
        grammar = grammar_of(TEXT)
        self.assertTrue(grammar.accepts('"\\ud83d\\uDE00"'))
        for text in ('"\\ud83d"', '"\\ude00"', '"\\ud83da"', '"\ud83d"'):
            self.assertFalse(grammar.accepts(text), text.encode("utf-8", "backslashreplace"))

    def test_have_no_white_space_without_end(self) -> None:
        grammar = grammar_of(thing("a", a=TEXT))
        self.assertTrue(grammar.accepts('{\n  "a": ""\n}'))
        for text in ('{\n\n"a": ""}', '{  "a": ""}', ' {"a": ""}', '{"a": ""}\n', '{"a"  : ""}'):
            self.assertFalse(grammar.accepts(text), text)


def schemas() -> st.SearchStrategy[Any]:
    names = st.lists(st.sampled_from(["a", "b", "ab", "é", '"', ""]), unique=True, max_size=4)
    small = st.integers(0, 3)
    leaves = st.one_of(
        st.sampled_from([TEXT, NUMBER, {"type": "integer"}, NOTHING, {"const": "x"}, {}, True]),
        st.builds(
            lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
            small,
            small,
        ),
        st.builds(
            lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
            st.integers(-1000, 1000),
            st.integers(0, 1000),
        ),
        st.lists(st.one_of(st.none(), st.integers(), st.text()), min_size=1, max_size=3).map(
            lambda values: {"enum": values}
        ),
    )

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        def an_object(
            properties: dict[str, Any], required: list[str], others: Any
        ) -> dict[str, Any]:
            needed = [name for name in required if name in properties or others is not False]
            return thing(*needed, **properties) | {"additionalProperties": others}

        arrays = st.builds(
            lambda items, first, low, more: {
                "type": "array",
                "items": items,
                "prefixItems": first,
                "minItems": low,
                "maxItems": low + more,
            },
            inner,
            st.lists(inner, min_size=1, max_size=3),
            small,
            small,
        )
        objects = st.builds(
            an_object,
            names.flatmap(lambda found: st.fixed_dictionaries(dict.fromkeys(found, inner))),
            names,
            st.one_of(st.just(False), inner),
        )
        return st.one_of(arrays, objects, st.lists(inner, min_size=1).map(lambda s: {"anyOf": s}))

    return st.recursive(leaves, grown, max_leaves=8)


class AnySchema(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(schemas(), st.integers(0, 1000))
    def test_has_a_grammar_whose_sentences_are_valid(self, schema: Any, seed: int) -> None:
        grammar = grammar_of(schema)
        for number in range(3):
            text = grammar.sample(Random(seed + number))
            jsonschema.validate(json.loads(text), schema)
            self.assertTrue(grammar.accepts(text), text)


@frozen
class Part:
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    parts: "tuple[Part, ...]" = ()


@frozen
class Whole:
    """All that the attrs classes of results are made of."""

    kind: Literal["a", "b"]
    level: Literal[1, 2]
    part: Part
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    count: Annotated[int, msgspec.Meta(gt=0)]
    place: tuple[int, str]
    maybe: str | None
    either: int | str
    sure: bool
    numbers: dict[str, int]
    few: Annotated[list[str], msgspec.Meta(max_length=3)] = field(factory=list)
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]{3}-[0-9]+$")] = "abc-1"


class AttrsClasses(SynchronousTestCase):
    def test_are_read_from_every_sentence(self) -> None:
        grammar = grammar_of(msgspec.json.schema(Whole))
        for seed in range(100):
            text = grammar.sample(Random(seed), size=seed * 10)
            self.assertIsInstance(msgspec.json.decode(text, type=Whole), Whole)

    def test_are_sentences(self) -> None:
        whole = Whole("a", 2, Part("p", (Part("q"),)), 0.25, 7, (1, "x"), None, 3, True, {"n": 1})
        grammar = grammar_of(msgspec.json.schema(Whole))
        self.assertTrue(grammar.accepts(json.dumps(asdict(whole))))


class Refusals(SynchronousTestCase):
    def assert_refused(self, schema: object, *said: str) -> None:
        with self.assertRaises(UnfitRequest) as caught:
            of_schema(schema)  # type: ignore[arg-type]
        text = str(caught.exception)
        self.assertNotIn("\n", text)
        for each in said:
            self.assertIn(each, text)

    def test_name_the_place_in_the_schema(self) -> None:
        deep = thing(a={"type": "array", "items": {"anyOf": [TEXT, {"not": {}}]}})
        self.assert_refused(deep, "#/properties/a/items/anyOf/1", "'not'")
        self.assert_refused(
            {"$ref": "#/$defs/a", "$defs": {"a": thing(b={"not": {}})}}, "#/$defs/a/properties/b"
        )

    def test_nothing_is_left_out_in_silence(self) -> None:
        for keyword, said in {
            "not": {},
            "if": {},
            "patternProperties": {},
            "propertyNames": {},
            "dependentRequired": {},
            "unevaluatedProperties": False,
            "contains": {},
            "contentEncoding": "base64",
            "nullable": True,
        }.items():
            self.assert_refused({"type": "object", keyword: said}, f"{keyword!r}")

    def test_what_no_grammar_can_say(self) -> None:
        self.assert_refused({"type": "array", "uniqueItems": True}, "unique")
        self.assert_refused({"type": "integer", "multipleOf": 5}, "multiples")
        self.assert_refused({"type": "number", "multipleOf": 1}, "multiples")
        self.assert_refused({"allOf": [thing(a=TEXT), thing(b=TEXT)]}, "#/allOf", "as one")
        self.assert_refused({"type": "object", "minProperties": 2}, "several properties")
        self.assert_refused(thing(a=TEXT, b=TEXT) | {"maxProperties": 1}, "counts properties")
        self.assert_refused({"type": "string", "maxLength": 10**9}, "100,000")
        self.assert_refused({"type": "string", "format": "iri"}, "'iri'", "date-time")
        self.assert_refused(
            {"type": "string", "format": "date", "minLength": 1}, "format", "length"
        )
        self.assert_refused({"type": "string", "pattern": "a"}, "^", "$")

    def test_choices_that_may_hold_together(self) -> None:
        for one, other in (
            (TEXT, {"type": "string", "minLength": 3}),
            (NUMBER, {"type": "integer"}),
            (thing("a", a=TEXT), thing("b", b=TEXT)),
            (thing(kind={"const": 1}), thing(kind={"const": 2})),
            ({}, NOTHING),
            ({"enum": [1, 2]}, {"enum": [2, 3]}),
        ):
            self.assert_refused({"oneOf": [one, other]}, "#/oneOf", "anyOf")

    def test_what_would_be_left_out_beside_a_choice(self) -> None:
        self.assert_refused({"anyOf": [TEXT], "minLength": 3}, "'minLength' beside 'anyOf'")
        self.assert_refused({"$ref": "#/$defs/a", "type": "string"}, "'type' beside '$ref'")
        self.assert_refused(
            {"type": "object", "anyOf": [{"type": "string"}]}, "#/anyOf/0", "another type"
        )

    def test_references_to_what_is_not_there(self) -> None:
        self.assert_refused({"$ref": "https://example.com/a"}, "https://example.com/a")
        self.assert_refused({"$ref": "#/$defs/a"}, "'#/$defs/a', which is not there")
        self.assert_refused({"$ref": "#/type/0", "type": "object"}, "beside")

    def test_values_without_end(self) -> None:
        node = {"$ref": "#/$defs/a"}
        for schema in (
            thing("next", next=node),
            {"type": "array", "items": node, "minItems": 1},
            {"anyOf": [node]},
            {"anyOf": [node, TEXT]},
            node,
            {"$ref": "#/$defs/b"},
        ):
            self.assert_refused({**node, "$defs": {"a": schema, "b": node}}, "refers to")

    def test_what_takes_nothing(self) -> None:
        schema: object
        for schema in (
            False,
            {"type": "string", "enum": [1]},
            {"type": "integer", "minimum": 3, "maximum": 2},
            {"type": "number", "exclusiveMinimum": 1, "maximum": 1},
        ):
            self.assert_refused(schema if schema else thing("a", a=False), "takes nothing")
        self.assert_refused({"type": "string", "minLength": 3, "maxLength": 2}, "maxLength")
        self.assert_refused(
            {"type": "array", "prefixItems": [], "items": False, "minItems": 1}, "more"
        )

    def test_what_is_no_schema(self) -> None:
        schema: object
        for schema in (
            {"type": "text"},
            {"type": []},
            {"type": [{}]},
            {"type": "object", "properties": []},
            {"type": "object", "properties": {"a": "string"}},
            {"type": "object", "required": "a"},
            {"type": "object", "required": [1]},
            {"type": "string", "minLength": -1},
            {"type": "string", "minLength": True},
            {"type": "string", "maxLength": None},
            {"type": "string", "pattern": 5},
            {"type": "integer", "minimum": "5"},
            {"type": "number", "minimum": True},
            {"type": "number", "minimum": 1e300},
            {"anyOf": []},
            {"anyOf": {}},
            {"oneOf": [5, 6]},
            {"enum": "ab"},
            {"$ref": 5},
            {"$ref": "#/$defs", "$defs": []},
            [],
            "string",
        ):
            self.assert_refused(schema, "The JSON Schema cannot be kept to: #")

    def test_schemas_too_deep_within_each_other(self) -> None:
        schema: dict[str, Any] = TEXT
        for _ in range(5000):
            schema = {"anyOf": [schema]}
        self.assert_refused(schema, "too deep")

    def test_more_than_a_schema_may_have(self) -> None:
        many = {f"a{number}": TEXT for number in range(3000)}
        self.assert_refused(thing(**many), "2,000")
        constants = [{"const": number} for number in range(65)]
        self.assert_refused({"oneOf": constants}, "64", "anyOf")
        of_schema({"anyOf": constants})

    def test_many_schemas_that_refer_to_each_other_take_no_time(self) -> None:
        names = [f"s{number}" for number in range(40)]
        every = {name: {"$ref": f"#/$defs/{name}"} for name in names}
        self.assert_refused(
            {"$ref": "#/$defs/s0", "$defs": dict.fromkeys(names, thing(*names, **every))},
            "never end",
        )
