from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.gbnf import Rules
from mnemo.inference.grammar_numbers import Bounds, integers, numbers
from tests.inference.gbnf import Grammar, parse

WHOLE = st.one_of(st.integers(-120, 120), st.integers(-(10**6), 10**6))
HUNDREDTHS = st.integers(-500, 500).map(lambda number: Decimal(number) / 100)


def grammar_of(expression: str) -> Grammar:
    return parse(Rules().text(expression))


def has(bounds: Bounds, number: Decimal) -> bool:
    above = bounds.low is None or number > bounds.low
    below = bounds.high is None or number < bounds.high
    return (above or (number == bounds.low and not bounds.above)) and (
        below or (number == bounds.high and not bounds.below)
    )


def bounds(
    numbers: st.SearchStrategy[int | Decimal],
) -> st.SearchStrategy[Bounds]:
    bound = st.one_of(st.none(), numbers.map(Decimal))
    return st.builds(Bounds, bound, bound, st.booleans(), st.booleans())


class Integers(SynchronousTestCase):
    @given(bounds(st.one_of(WHOLE, HUNDREDTHS)), st.lists(WHOLE, min_size=1))
    def test_are_those_between_the_bounds(self, given_bounds: Bounds, tried: list[int]) -> None:
        expression = integers(given_bounds)
        near = [
            int(each) + n
            for each in (given_bounds.low, given_bounds.high)
            if each is not None
            for n in (-2, -1, 0, 1, 2)
        ]
        fitting = [number for number in tried + near if has(given_bounds, Decimal(number))]
        if expression is None:
            self.assertEqual(fitting, [])
            return
        grammar = grammar_of(expression)
        for number in tried + near:
            self.assertEqual(grammar.accepts(str(number)), number in fitting, number)
        sample = grammar.sample(Random(len(tried)))
        self.assertTrue(has(given_bounds, Decimal(sample)), sample)
        self.assertEqual(sample, str(int(sample)))

    def test_large_ones(self) -> None:
        grammar = grammar_of(integers(Bounds(Decimal(-(2**63)), Decimal(2**63 - 1))) or "")
        for number in (0, 2**63 - 1, -(2**63)):
            self.assertTrue(grammar.accepts(str(number)))
        for number in (2**63, -(2**63) - 1):
            self.assertFalse(grammar.accepts(str(number)))


class Numbers(SynchronousTestCase):
    @given(bounds(HUNDREDTHS), st.lists(HUNDREDTHS, min_size=1))
    def test_are_those_between_the_bounds(self, given_bounds: Bounds, tried: list[Decimal]) -> None:
        expression = numbers(given_bounds)
        steps = [Decimal(step) for step in ("-0.1", "-0.01", "-0.001", "0", "0.001", "0.1", "1")]
        near = [
            each + n
            for each in (given_bounds.low, given_bounds.high)
            if each is not None
            for n in steps
        ]
        fitting = [number for number in tried + near if has(given_bounds, number)]
        if expression is None:
            self.assertEqual(fitting, [])
            return
        grammar = grammar_of(expression)
        for number in tried + near:
            self.assertEqual(grammar.accepts(f"{number:f}"), number in fitting, number)
        sample = grammar.sample(Random(len(tried)))
        self.assertTrue(has(given_bounds, Decimal(sample)), sample)

    def test_a_share(self) -> None:
        grammar = grammar_of(numbers(Bounds(Decimal(0), Decimal(1))) or "")
        for text in ("0", "1", "0.0", "1.0", "1.00", "0.25", "0.999", "-0"):
            self.assertTrue(grammar.accepts(text) or text == "-0", text)
        for text in ("1.01", "2", "-0.1", "01", "1.", ".5", "10", "0.5e9"):
            self.assertFalse(grammar.accepts(text), text)


class Several(SynchronousTestCase):
    def test_bounds_of_one_side_are_held_to_all(self) -> None:
        one, two = Decimal(1), Decimal(2)
        both = Bounds(two, above=False)
        self.assertEqual(Bounds().at_least(one, True).at_least(two, False), both)
        self.assertEqual(Bounds().at_least(two, False).at_least(one, True), both)
        self.assertEqual(Bounds().at_least(one, False).at_least(one, True), Bounds(one, above=True))
        self.assertEqual(Bounds().at_most(two, True).at_most(one, False), Bounds(high=one))
        self.assertEqual(
            Bounds().at_most(one, True).at_most(one, False), Bounds(high=one, below=True)
        )
