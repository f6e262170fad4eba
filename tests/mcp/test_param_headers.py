"""Headers that repeat the arguments of a call."""

from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.errors import HEADER_MISMATCH, ProtocolError
from mnemo.mcp.param_headers import check_params, validate


def schema(**properties: Any) -> dict[str, Any]:
    """An object with these properties."""
    return {"type": "object", "properties": properties}


def annotated(name: Any, kind: Any = "string", **more: Any) -> dict[str, Any]:
    """A property that a header repeats."""
    return {"type": kind, "x-mcp-header": name, **more}


REGION = schema(region=annotated("Region"))
NESTED = schema(
    place=schema(region=annotated("Region"), zone=annotated("Zone", "integer")),
    dry=annotated("Dry-Run", "boolean"),
    plain={"type": "string"},
)


class ValidTests(SynchronousTestCase):
    def test_strings_integers_and_booleans_that_properties_lead_to_may_be_repeated(self) -> None:
        for good in ({}, {"type": "object"}, schema(), REGION, NESTED):
            validate(good)

    def test_a_name_must_fit_into_that_of_a_header(self) -> None:
        validate(schema(a=annotated("aZ09!#$%&'*+-.^_`|~")))
        for name in ("", "a b", "a:b", "a\n", "é", "a(b)", 1, None, "x" * 1000):
            self.assertRaises(ValueError, validate, schema(a=annotated(name)))

    def test_no_two_may_have_one_name_in_whatever_case(self) -> None:
        twice = schema(a=annotated("Region"), b=schema(c=annotated("REGION")))
        problem = self.assertRaises(ValueError, validate, twice)
        self.assertIn("b.c", str(problem))

    def test_other_types_are_not_repeated(self) -> None:
        for kind in ("number", "array", "object", "null", ["string", "null"], None):
            self.assertRaises(ValueError, validate, schema(a=annotated("A", kind)))

    def test_nothing_but_properties_may_lead_there(self) -> None:
        inner = schema(a=annotated("A"))
        for bad in (
            annotated("A"),
            schema(a={"type": "array", "items": annotated("A")}),
            schema(a={"type": "array", "items": inner}),
            schema(a={"type": "array", "prefixItems": [annotated("A")]}),
            {"anyOf": [inner]},
            {"allOf": [{"oneOf": [inner]}]},
            {"if": inner},
            {"then": inner},
            {"not": inner},
            {"additionalProperties": annotated("A")},
            {"patternProperties": {"^a": annotated("A")}},
            {"$defs": {"a": annotated("A")}},
            {"dependentSchemas": {"a": inner}},
        ):
            self.assertRaises(ValueError, validate, bad)

    def test_what_only_looks_like_an_annotation_is_none(self) -> None:
        for good in (
            schema(**{"x-mcp-header": {"type": "array"}}),
            schema(a={"type": "object", "default": {"x-mcp-header": "A"}}),
            schema(a={"enum": [{"x-mcp-header": "A"}]}),
            schema(a={"const": {"x-mcp-header": "A"}}),
            {"examples": [{"x-mcp-header": "A"}]},
        ):
            validate(good)


class CheckTests(SynchronousTestCase):
    def refused(self, wanted: dict[str, Any], arguments: Any, **given_headers: Any) -> bool:
        """Whether these headers are refused for these arguments."""
        said = {
            f"mcp-param-{name.replace('_', '-')}": value if isinstance(value, tuple) else (value,)
            for name, value in given_headers.items()
        }
        try:
            check_params(said, wanted, arguments)
        except ProtocolError as problem:
            self.assertEqual((problem.code, problem.status), (HEADER_MISMATCH, 400))
            self.assertLess(len(problem.message), 400)
            return True
        return False

    def test_a_header_must_say_what_the_argument_says(self) -> None:
        arguments = {"region": "eu-west"}
        self.assertFalse(self.refused(REGION, arguments, region="eu-west"))
        self.assertFalse(self.refused(REGION, arguments, region=" eu-west\t"))
        for said in ("us-east", "EU-WEST", "", "eu-west,eu-west", ("eu-west", "eu-west")):
            self.assertTrue(self.refused(REGION, arguments, region=said), said)

    def test_a_header_must_be_there_where_the_argument_is(self) -> None:
        self.assertTrue(self.refused(REGION, {"region": "eu"}))
        self.assertTrue(self.refused(REGION, {"region": ""}))
        self.assertFalse(self.refused(REGION, {"region": ""}, region=""))

    def test_and_absent_where_it_is_not_or_is_null(self) -> None:
        for arguments in ({}, {"region": None}):
            self.assertFalse(self.refused(REGION, arguments))
            for said in ("eu", "", "null"):
                self.assertTrue(self.refused(REGION, arguments, region=said))

    def test_integers_are_compared_as_numbers(self) -> None:
        wanted = schema(n=annotated("N", "integer"))
        same: list[tuple[Any, str]] = [
            (42, "42"),
            (42, "42.0"),
            (42.0, "42"),
            (-7, "-7"),
            (0, "-0"),
            (2**60 + 1, str(2**60 + 1)),
            (10, "0010"),
        ]
        for value, said in same:
            self.assertFalse(self.refused(wanted, {"n": value}, n=said), said)
        for value, said in (
            (42, "43"),
            (42, "4 2"),
            (42, "forty-two"),
            (42, "0x2a"),
            (42, ""),
            (1, "true"),
            (2**60 + 1, str(2**60)),
            (1, "1e0"),
            (1, "\u0661"),
            (10, "1e999999999"),
        ):
            self.assertTrue(self.refused(wanted, {"n": value}, n=said), said)

    def test_booleans_are_the_words_of_json(self) -> None:
        wanted = schema(b=annotated("B", "boolean"))
        self.assertFalse(self.refused(wanted, {"b": True}, b="true"))
        self.assertFalse(self.refused(wanted, {"b": False}, b="false"))
        for said in ("false", "True", "1", ""):
            self.assertTrue(self.refused(wanted, {"b": True}, b=said))

    def test_properties_of_properties_are_repeated_too(self) -> None:
        arguments = {"place": {"region": "eu", "zone": 3}, "dry": False, "plain": "x"}
        good = {"region": "eu", "zone": "3", "dry_run": "false"}
        self.assertFalse(self.refused(NESTED, arguments, **good))
        for name in good:
            self.assertTrue(self.refused(NESTED, arguments, **{**good, name: "else"}), name)

    def test_headers_that_no_property_asks_for_mean_nothing(self) -> None:
        self.assertFalse(self.refused(NESTED, {}, other="x", plain="y"))
        self.assertFalse(self.refused({"type": "object"}, {"region": "eu"}, region="us"))

    def test_arguments_of_the_wrong_type_are_left_to_the_tool(self) -> None:
        values: list[Any] = [[], {}, ["eu"]]
        for value in values:
            self.assertFalse(self.refused(REGION, {"region": value}))
            self.assertTrue(self.refused(REGION, {"region": value}, region="eu"))
        self.assertFalse(self.refused(NESTED, {"place": "eu"}))
        self.assertFalse(self.refused(REGION, []))

    def test_base64_that_is_none_is_refused(self) -> None:
        for inner in ("YQ", "YR==", "Y Q==", "_w==", "/w=="):
            self.assertTrue(self.refused(REGION, {"region": "a"}, region=f"=?base64?{inner}?="))

    def test_what_lacks_the_exact_wrapping_is_taken_as_it_is(self) -> None:
        for said in ("=?base64?YQ==", "=?BASE64?YQ==?="):
            self.assertFalse(self.refused(REGION, {"region": said}, region=said))

    @given(st.text(st.characters(codec="utf-8")))
    def test_any_text_survives_the_wrapping(self, text: str) -> None:
        wrapped = f"=?base64?{b64encode(text.encode()).decode()}?="
        self.assertFalse(self.refused(REGION, {"region": text}, region=wrapped))
        self.assertTrue(self.refused(REGION, {"region": text + "x"}, region=wrapped))

    @given(st.integers())
    def test_any_integer_is_itself(self, number: int) -> None:
        wanted = schema(n=annotated("N", "integer"))
        self.assertFalse(self.refused(wanted, {"n": number}, n=str(number)))
        self.assertTrue(self.refused(wanted, {"n": number + 1}, n=str(number)))
