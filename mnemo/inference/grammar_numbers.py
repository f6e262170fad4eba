"""Numbers between bounds, as grammars: digit by digit. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from math import ceil, floor
from typing import Final

from attrs import evolve, frozen

from mnemo.inference.gbnf import one_of, optional

_DIGITS: Final = 16
"""How many digits a number has where no bound says more."""

_MORE: Final = f"[0-9]{{0,{_DIGITS - 1}}}"


@frozen
class Bounds:
    """
    Between what a number is.

    @ivar low: C{None} for no bound
    @ivar above: whether it is more than C{low}, not C{low} itself
    @ivar below: whether it is less than C{high}, not C{high} itself
    """

    low: Decimal | None = None
    high: Decimal | None = None
    above: bool = False
    below: bool = False

    def at_least(self, low: Decimal, above: bool) -> "Bounds":
        """These and one more lower bound."""
        if self.low is not None and (low, above) <= (self.low, self.above):
            return self
        return evolve(self, low=low, above=above)

    def at_most(self, high: Decimal, below: bool) -> "Bounds":
        """These and one more upper bound."""
        if self.high is not None and (high, not below) >= (self.high, not self.below):
            return self
        return evolve(self, high=high, below=below)

    def mirrored(self) -> "Bounds":
        """Of the number with the other sign."""
        return Bounds(
            None if self.high is None else -self.high,
            None if self.low is None else -self.low,
            self.below,
            self.above,
        )

    def from_zero(self) -> "Bounds":
        """Of the numbers among these that are not negative."""
        if self.low is not None and self.low >= 0:
            return self
        return evolve(self, low=Decimal(0), above=False)


def integers(bounds: Bounds) -> str | None:
    """The expression of the integers between C{bounds}, C{None} where there are none."""
    low = None if bounds.low is None else ceil(bounds.low)
    high = None if bounds.high is None else floor(bounds.high)
    if low is not None and low == bounds.low and bounds.above:
        low += 1
    if high is not None and high == bounds.high and bounds.below:
        high -= 1
    choices = []
    if low is None or low < 0:
        negative = _natural(max(1, -high) if high is not None else 1, None if low is None else -low)
        choices += [f'"-" {one_of(negative)}'] if negative else []
    choices += _natural(max(0, low or 0), high)
    return one_of(choices) if choices else None


def numbers(bounds: Bounds) -> str | None:
    """
    The expression of the numbers between C{bounds}, C{None} where there are none. They are
    written without exponents.
    """
    choices = list(_positive(bounds.from_zero()))
    if bounds.low is None or bounds.low < 0:
        negative = list(_positive(bounds.mirrored().from_zero()))
        choices += [f'"-" {one_of(negative)}'] if negative else []
    return one_of(choices) if choices else None


@frozen
class _Fraction:
    """
    The digits after the point.

    @ivar some: the expression of those that there may be, C{None} where there may be none
    @ivar none: whether there may be no such digits
    """

    some: str | None
    none: bool

    def after(self, before: str) -> Iterator[str]:
        """The expressions of C{before} and what follows it here."""
        if self.some is not None:
            yield f"{before} {optional(self.some) if self.none else self.some}"
        elif self.none:
            yield before


_ANY: Final = _Fraction(f"[0-9] {_MORE}", none=True)


def _positive(bounds: Bounds) -> Iterator[str]:
    """The expressions of the numbers between bounds of which the lower is not negative."""
    assert bounds.low is not None
    whole, fraction = _split(bounds.low)
    if bounds.high is None:
        yield from _with_point(_literal(whole), _from(fraction, bounds.above))
        yield from _wholes_with_any(whole + 1, None)
    elif bounds.high >= bounds.low:
        last, last_fraction = _split(bounds.high)
        if whole == last:
            inside = _between(fraction, last_fraction, bounds.above, bounds.below)
            yield from _with_point(_literal(whole), inside)
            return
        yield from _with_point(_literal(whole), _from(fraction, bounds.above))
        yield from _wholes_with_any(whole + 1, last - 1)
        yield from _with_point(_literal(last), _to(last_fraction, bounds.below))


def _wholes_with_any(low: int, high: int | None) -> Iterator[str]:
    wholes = _natural(low, high)
    if wholes:
        yield from _with_point(one_of(wholes), _ANY)


def _with_point(whole: str, fraction: _Fraction) -> Iterator[str]:
    some = None if fraction.some is None else f'"." {fraction.some}'
    yield from map(_bracketed, _Fraction(some, fraction.none).after(whole))


def _split(number: Decimal) -> tuple[int, str]:
    """The whole part, and the digits after the point that matter."""
    whole, _, fraction = f"{number:f}".partition(".")
    return int(whole), fraction.rstrip("0")


def _from(digits: str, above: bool) -> _Fraction:
    """At least (or above) these digits."""
    if not digits:
        return _Fraction(f'"0"{{0,{_DIGITS - 1}}} [1-9] {_MORE}', none=False) if above else _ANY
    choices = [f"{_digit(int(digits[0]) + 1, 9)} {_MORE}"] if digits[0] < "9" else []
    choices += _from(digits[1:], above).after(_literal(digits[0]))
    return _Fraction(one_of(map(_bracketed, choices)), none=False)


def _to(digits: str, below: bool) -> _Fraction:
    """At most (or below) these digits."""
    if not digits:
        return _Fraction(None if below else f'"0"{{1,{_DIGITS}}}', none=not below)
    choices = [f"{_digit(0, int(digits[0]) - 1)} {_MORE}"] if digits[0] > "0" else []
    choices += _to(digits[1:], below).after(_literal(digits[0]))
    return _Fraction(one_of(map(_bracketed, choices)), none=True)


def _between(low: str, high: str, above: bool, below: bool) -> _Fraction:
    """At least C{low} and at most C{high}."""
    if not low and not above:
        return _to(high, below)
    if not high:
        return _Fraction(None, none=False)
    first, last = low[:1] or "0", high[0]
    if first > last:
        return _Fraction(None, none=False)
    if first == last:
        inside = _between(low[1:], high[1:], above, below)
        choices = list(inside.after(_literal(first)))
    else:
        choices = list(_from(low[1:], above).after(_literal(first)))
        if int(last) - int(first) > 1:
            choices.append(f"{_digit(int(first) + 1, int(last) - 1)} {_MORE}")
        choices += _to(high[1:], below).after(_literal(last))
    return _Fraction(one_of(map(_bracketed, choices)) if choices else None, none=False)


def _natural(low: int, high: int | None) -> list[str]:
    """The expressions of the integers from C{low}, not negative, to C{high}."""
    if high is not None and high < low:
        return []
    longest = max(_DIGITS, len(str(low))) if high is None else len(str(high))
    choices = []
    for length in range(len(str(low)), longest + 1):
        smallest = 0 if length == 1 else 10 ** (length - 1)
        largest = 10**length - 1
        first, last = max(low, smallest), largest if high is None else min(high, largest)
        choices.append(_bracketed(_same_length(str(first), str(last))))
    return choices


def _same_length(low: str, high: str) -> str:
    """The expression of the texts of digits from C{low} to C{high}, which are as long."""
    if low == high:
        return _literal(low)
    rest = len(low) - 1
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        return f"{_digit(int(low[0]), int(high[0]))}{f' [0-9]{{{rest}}}' if rest else ''}"
    if low[0] == high[0]:
        return f"{_literal(low[0])} {_bracketed(_same_length(low[1:], high[1:]))}"
    choices = [f"{_literal(low[0])} {_bracketed(_same_length(low[1:], '9' * rest))}"]
    if int(high[0]) - int(low[0]) > 1:
        choices.append(f"{_digit(int(low[0]) + 1, int(high[0]) - 1)} [0-9]{{{rest}}}")
    choices.append(f"{_literal(high[0])} {_bracketed(_same_length('0' * rest, high[1:]))}")
    return one_of(map(_bracketed, choices))


def _digit(first: int, last: int) -> str:
    return f"[{first}-{last}]"


def _literal(digits: int | str) -> str:
    return f'"{digits}"'


def _bracketed(expression: str) -> str:
    return f"({expression})" if " " in expression else expression
