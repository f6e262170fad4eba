from typing import Annotated, Literal

import msgspec
from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.schema import input_schema, output_schema, resolve


@frozen(kw_only=True)
class Part:
    """A part."""

    name: str
    kind: Literal["b", "a"] = "a"


@frozen(kw_only=True)
class Whole:
    """A whole."""

    text: Annotated[str, msgspec.Meta(min_length=1, description="Words.")]
    kind: Annotated[Literal["x", "y"] | None, msgspec.Meta(description="Its kind.")] = None
    when: str | Annotated[float, msgspec.Meta(ge=0)] | None = None
    note: str = ""
    many: Annotated[int, msgspec.Meta(ge=1, le=9)] = 5
    parts: list[Part] = field(factory=list)


@frozen(kw_only=True)
class Empty:
    """Nothing."""


class InputSchema(SynchronousTestCase):
    def test_its_root_is_an_object_that_takes_no_other_names(self) -> None:
        schema = input_schema(Whole)
        self.assertEqual(schema["type"], "object")
        self.assertEqual(schema["required"], ["text"])
        self.assertIs(schema["additionalProperties"], False)
        self.assertNotIn("$ref", schema)
        self.assertNotIn("description", schema)

    def test_constraints_and_descriptions_are_in_it(self) -> None:
        properties = input_schema(Whole)["properties"]
        self.assertEqual(
            properties["text"], {"description": "Words.", "type": "string", "minLength": 1}
        )
        self.assertEqual(
            properties["many"], {"type": "integer", "minimum": 1, "maximum": 9, "default": 5}
        )

    def test_what_may_be_left_out_is_shown_without_what_stands_for_that(self) -> None:
        properties = input_schema(Whole)["properties"]
        self.assertEqual(
            properties["kind"], {"description": "Its kind.", "enum": ["x", "y"], "type": "string"}
        )
        self.assertEqual(
            properties["when"], {"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]}
        )
        self.assertEqual(properties["note"], {"type": "string"})

    def test_objects_within_are_closed_too(self) -> None:
        schema = input_schema(Whole)
        part = resolve(schema["properties"]["parts"]["items"], schema)
        self.assertIs(part["additionalProperties"], False)
        self.assertEqual(part["required"], ["name"])

    def test_no_arguments_are_an_empty_object(self) -> None:
        self.assertEqual(
            input_schema(Empty),
            {"type": "object", "properties": {}, "additionalProperties": False},
        )


class OutputSchema(SynchronousTestCase):
    def test_it_says_where_there_may_be_nothing(self) -> None:
        kind = output_schema(Whole)["properties"]["kind"]
        self.assertIn({"type": "null"}, kind["anyOf"])

    def test_it_leaves_room_to_grow(self) -> None:
        self.assertNotIn("additionalProperties", output_schema(Whole))
