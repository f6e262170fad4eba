from typing import Annotated, Any, Literal

import msgspec
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.arguments import read
from mnemo.tools.interfaces import ToolError
from mnemo.tools.schema import input_schema


@frozen(kw_only=True)
class Topping:
    """On top."""

    name: str
    grams: Annotated[int, msgspec.Meta(ge=1)] = 10


@frozen(kw_only=True)
class Cake:
    """A cake."""

    flavour: Literal["plum", "lemon"]
    layers: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=5)] = "-"
    fresh: bool = True
    until: str | Annotated[float, msgspec.Meta(ge=0)] | None = None
    toppings: Annotated[list[Topping], msgspec.Meta(max_length=2)] = field(factory=list)


SCHEMA = input_schema(Cake)


def cake(**arguments: Any) -> Cake:
    return read(Cake, "cake", SCHEMA, {"flavour": "plum"} | arguments)


class Reading(SynchronousTestCase):
    def test_what_fits_becomes_the_tool(self) -> None:
        self.assertEqual(
            cake(layers=2, toppings=[{"name": "nuts"}]),
            Cake(flavour="plum", layers=2, toppings=[Topping(name="nuts")]),
        )

    def test_null_counts_as_not_given(self) -> None:
        self.assertEqual(cake(layers=None, until=None), Cake(flavour="plum"))

    def test_a_whole_number_will_do_for_a_fraction(self) -> None:
        self.assertEqual(cake(weight=2).weight, 2.0)

    def test_a_string_may_be_a_moment_and_so_may_a_number(self) -> None:
        self.assertEqual(cake(until="noon").until, "noon")
        self.assertEqual(cake(until=3).until, 3.0)


class Refusing(SynchronousTestCase):
    """Each refusal names the argument, what was given and what is accepted."""

    def assert_refused(self, expected: str, **arguments: Any) -> None:
        error = self.assertRaises(ToolError, cake, **arguments)
        self.assertEqual(str(error), "cake: " + expected)

    def test_an_unknown_name(self) -> None:
        self.assert_refused(
            'has no argument "layer" (did you mean "layers"?); accepted: flavour, layers, weight, '
            "note, fresh, until, toppings",
            layer=2,
        )

    def test_an_unknown_name_far_from_any_other(self) -> None:
        error = self.assertRaises(ToolError, cake, zzz=None, qqq=1)
        self.assertTrue(str(error).startswith('cake: has no argument "qqq"; accepted: '))

    def test_an_unknown_name_within_an_object(self) -> None:
        self.assert_refused(
            '"toppings[0]" has no argument "gram" (did you mean "grams"?); accepted: name, grams',
            toppings=[{"name": "nuts", "gram": 3}],
        )

    def test_a_missing_argument(self) -> None:
        error = self.assertRaises(ToolError, read, Cake, "cake", SCHEMA, {})
        self.assertEqual(str(error), 'cake: needs "flavour": one of "lemon", "plum"')

    def test_a_missing_part_of_an_object(self) -> None:
        self.assert_refused('"toppings[1]" needs "name": a string', toppings=[{"name": "a"}, {}])

    def test_a_wrong_choice(self) -> None:
        self.assert_refused(
            '"flavour" was "lemmon" (did you mean "lemon"?); accepted: one of "lemon", "plum"',
            flavour="lemmon",
        )

    def test_a_number_out_of_range(self) -> None:
        self.assert_refused('"layers" was 0; accepted: an integer from 1 to 9', layers=0)
        self.assert_refused('"weight" was -1.5; accepted: a number, 0 or more', weight=-1.5)

    def test_a_wrong_type(self) -> None:
        self.assert_refused('"layers" was "3"; accepted: an integer from 1 to 9', layers="3")
        self.assert_refused('"layers" was true; accepted: an integer from 1 to 9', layers=True)
        self.assert_refused('"fresh" was 1; accepted: true or false', fresh=1)
        self.assert_refused('"until" was []; accepted: a string or a number, 0 or more', until=[])
        self.assert_refused(
            '"toppings" was "nuts"; accepted: a list of at most 2 items, each an object with '
            "name, grams",
            toppings="nuts",
        )
        self.assert_refused(
            '"toppings[0]" was "nuts"; accepted: an object with name, grams', toppings=["nuts"]
        )

    def test_a_text_that_is_too_long_or_too_short(self) -> None:
        self.assert_refused('"note" was ""; accepted: a string of 1 to 5 characters', note="")
        self.assert_refused(
            f'"note" was "{"x" * 59}…; accepted: a string of 1 to 5 characters', note="x" * 1000
        )

    def test_a_list_that_is_too_long(self) -> None:
        error = self.assertRaises(ToolError, cake, toppings=[{"name": "a"}] * 3)
        self.assertIn('"toppings" was [{"name":"a"}', str(error))

    @given(
        st.dictionaries(
            st.sampled_from(list(SCHEMA["properties"])) | st.text(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda values: st.lists(values) | st.dictionaries(st.text(), values),
                max_leaves=8,
            ),
        )
    )
    def test_nothing_else_comes_of_any_arguments(self, arguments: dict[str, Any]) -> None:
        try:
            read(Cake, "cake", SCHEMA, arguments)
        except ToolError as error:
            self.assertNotIn("\n", str(error))
            self.assertTrue(str(error).startswith("cake: "))
