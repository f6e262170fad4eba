"""Strings of JSON that match a regular expression, as grammars. Pure."""

from collections.abc import Collection, Iterable
from typing import Final

from mnemo.inference.gbnf import Inexpressible, Rules, class_of, literal, one_of, optional, sequence

Ranges = list[tuple[int, int]]

_DAY: Final = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_TIME: Final = (
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?"
_HOST: Final = f"{_LABEL}(?:[.]{_LABEL}){{0,5}}"
_BYTE: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

FORMATS: Final = {
    # The 29th of February is left out: a grammar does not count years.
    "date": f"^[12][0-9]{{3}}-{_DAY}$",
    "time": f"^{_TIME}$",
    "date-time": f"^[12][0-9]{{3}}-{_DAY}T{_TIME}$",
    "duration": "^P(?:[0-9]{1,4}W|[0-9]{1,4}D(?:T[0-9]{1,4}H)?|T[0-9]{1,4}[HMS])$",
    "uuid": "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "email": f"^[A-Za-z0-9_+-]{{1,32}}(?:[.][A-Za-z0-9_+-]{{1,32}}){{0,3}}@{_HOST}$",
    "hostname": f"^{_HOST}$",
    "ipv4": f"^{_BYTE}(?:[.]{_BYTE}){{3}}$",
    "ipv6": "^[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7}$",
    "uri": f"^https?://{_HOST}(?::[0-9]{{2,4}})?(?:/[A-Za-z0-9_.~-]{{1,80}}){{0,20}}/?$",
}
"""Patterns of the formats of strings: each matches nothing but what is of the format."""

_ALL: Final[Ranges] = [(0, 0xD7FF), (0xE000, 0x10FFFF)]
_DIGIT: Final[Ranges] = [(0x30, 0x39)]
_WORD: Final[Ranges] = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_SPACE: Final[Ranges] = [(0x09, 0x0D), (0x20, 0x20)]
_LINE_ENDS: Final[Ranges] = [(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
_SHORT: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"t": 0x09, "n": 0x0A, "r": 0x0D, "f": 0x0C, "v": 0x0B, "0": 0x00}

# What stands in a JSON string for a character that cannot stand there itself.
_ESCAPES: Final = {
    0x22: r"\"",
    0x5C: r"\\",
    0x08: r"\b",
    0x09: r"\t",
    0x0A: r"\n",
    0x0C: r"\f",
    0x0D: r"\r",
}


def of_pattern(pattern: str, rules: Rules) -> str:
    """
    The expression of the JSON strings that match C{pattern} from end to end, quotes and all.

    @raise Inexpressible: where the pattern has what cannot be held to while text is written
    """
    return sequence(['"\\""', _Pattern(pattern, rules).whole(), '"\\""'])


def other_than(names: Collection[str], rules: Rules) -> str:
    """The expression of the JSON strings that are none of C{names} and have no escapes."""
    raw = _raw(_ALL)
    plain = [name for name in names if all(_within(ord(each), raw) for each in name)]
    return sequence(['"\\""', _not_one_of(plain, raw, rules), '"\\""'])


def _not_one_of(names: list[str], raw: Ranges, rules: Rules) -> str:
    """What is left of a string that so far began like each of C{names}."""
    begun = {name[0] for name in names if name}
    rest = _without(raw, [(ord(each), ord(each)) for each in begun])
    choices = [f"{class_of(rest)} {class_of(raw)}*"]
    choices += [
        f"{literal(each)} {_not_one_of([n[1:] for n in names if n[:1] == each], raw, rules)}"
        for each in sorted(begun)
    ]
    expression = rules.add("other", " | ".join(choices))
    return expression if "" in names else optional(expression)


class _Pattern:
    """Reads a regular expression, from left to right."""

    def __init__(self, pattern: str, rules: Rules) -> None:
        self._pattern = pattern
        self._rules = rules
        self._at = 1

    def whole(self) -> str:
        """The expression of what is between C{^} and C{$}."""
        if not self._pattern.startswith("^"):
            raise self._unfit("does not begin with ^ and end with $")
        choices = self._choices()
        if self._pattern[self._at :] != "$":
            raise self._unfit("does not begin with ^ and end with $")
        if len(choices) > 1:
            raise self._unfit("has | outside of brackets, where ^ and $ bind but one choice")
        return choices[0]

    def _choices(self) -> list[str]:
        found = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            found.append(self._sequence())
        return found

    def _sequence(self) -> str:
        parts = []
        while self._next() not in ("", "|", ")", "$"):
            parts.append(self._counted(self._atom()))
        return sequence(parts) if parts else '""'

    def _counted(self, atom: str) -> str:
        """C{atom}, as often as the pattern says after it."""
        sign = self._next()
        if sign not in ("*", "+", "?", "{"):
            return atom
        self._at += 1
        if sign == "{":
            low, high = self._counts()
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        if self._next() == "?":  # lazy: the same texts
            self._at += 1
        return optional(atom) if (low, high) == (0, 1) else self._rules.repeated(atom, low, high)

    def _counts(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at : end].partition(",")
        if end < 0 or not low.isdecimal() or not (high.isdecimal() or not high):
            raise self._unfit("has a { that counts nothing")
        self._at = end + 1
        most = int(high) if high else None if comma else int(low)
        if most is not None and most < int(low):
            raise self._unfit("counts more at least than at most")
        return int(low), most

    def _atom(self) -> str:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class(self._members())
        if character == ".":
            return self._class(_without(_ALL, _LINE_ENDS))
        if character == "\\":
            return self._class(self._escape())
        if character in "*+?{}^":
            raise self._unfit(f"has {character} where nothing stands before it to repeat")
        return self._class([(ord(character), ord(character))])

    def _group(self) -> str:
        if self._next() == "?":
            if not self._pattern.startswith("?:", self._at):
                raise self._unfit("looks ahead or behind, or names a group")
            self._at += 2
        choices = self._choices()
        if self._next() != ")":
            raise self._unfit("has a bracket or a $ out of place")
        self._at += 1
        return one_of(choices)

    def _members(self) -> Ranges:
        """The characters of a class, up to its closing bracket."""
        negated = self._next() == "^"
        self._at += negated
        found: Ranges = []
        while self._next() != "]":
            first = self._member()
            if self._next() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                last = self._member()
                one_each = all(
                    len(each) == 1 and each[0][0] == each[0][1] for each in (first, last)
                )
                if not one_each or first[0][0] > last[0][0]:
                    raise self._unfit("has a class with a range of nothing")
                first = [(first[0][0], last[0][1])]
            found += first
        self._at += 1
        return _without(_ALL, found) if negated else found

    def _member(self) -> Ranges:
        character = self._take()
        return self._escape() if character == "\\" else [(ord(character), ord(character))]

    def _escape(self) -> Ranges:
        """The characters that are meant by what stands after a backslash."""
        character = self._take()
        if character.lower() in _SHORT:
            ranges = _SHORT[character.lower()]
            return ranges if character.islower() else _without(_ALL, ranges)
        if character in _CONTROLS:
            code = _CONTROLS[character]
        elif character in "xu":
            length = 2 if character == "x" else 4
            digits = self._pattern[self._at : self._at + length]
            self._at += length
            try:
                code = int(digits, 16)
            except ValueError:
                raise self._unfit("has an escape that names no character") from None
        elif character.isalnum():
            raise self._unfit(f"has \\{character}")
        else:
            code = ord(character)
        return [(code, code)]

    def _class(self, ranges: Ranges) -> str:
        """One of these characters, as it is written in a JSON string."""
        choices = [class_of(raw)] if (raw := _raw(ranges)) else []
        choices += [literal(text) for code, text in _ESCAPES.items() if _within(code, ranges)]
        if not choices:
            raise self._unfit("has a class of no characters")
        return one_of(choices)

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        if not self._next():
            raise self._unfit("ends too early")
        self._at += 1
        return self._pattern[self._at - 1]

    def _unfit(self, why: str) -> Inexpressible:
        return Inexpressible(f"has the pattern {self._pattern!r}, which {why}")


def _raw(ranges: Ranges) -> Ranges:
    """Those that may stand in a JSON string as they are."""
    within = _without(ranges, [(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)])
    return _without(within, [(0xD800, 0xDFFF)])


def _within(code: int, ranges: Ranges) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _without(ranges: Ranges, taken: Iterable[tuple[int, int]]) -> Ranges:
    """C{ranges} without the characters of C{taken}."""
    left = ranges
    for out_first, out_last in taken:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, out_first - 1)), (max(first, out_last + 1), last))
            if part[0] <= part[1]
        ]
    return left
