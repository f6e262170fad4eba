"""A reader of GBNF: says whether a text is a sentence of a grammar, and makes up sentences."""

from collections.abc import Callable
from random import Random

from attrs import define, field, frozen


@frozen
class Characters:
    """One character of a class."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool

    def has(self, character: str) -> bool:
        inside = any(first <= ord(character) <= last for first, last in self.ranges)
        return inside is not self.negated


@frozen
class Named:
    """What the rule of that name stands for."""

    name: str


@frozen
class Repeated:
    """The same, several times."""

    what: "Expression"
    low: int
    high: int | None


Expression = str | Characters | Named | Repeated | list["list[Expression]"]
"""A literal, a class, a name, a repetition, or choices of sequences."""


@define
class Grammar:
    """The rules of a grammar, of which C{root} is the first."""

    rules: dict[str, list[list[Expression]]]
    _shortest: dict[str, int] = field(factory=dict)

    def accepts(self, text: str) -> bool:
        """Whether the whole of C{text} is a sentence."""
        return len(text) in self._ends(Named("root"), text, 0, {})

    def sample(self, random: Random, size: int = 60) -> str:
        """
        Some sentence.

        @param size: after how many literals and characters it is to come to its end
        """
        if not self._shortest:
            self._measure()
        made: list[str] = []
        self._write(Named("root"), random, made, size)
        return "".join(made)

    def _ends(
        self, what: Expression, text: str, start: int, known: dict[tuple[int, int], set[int]]
    ) -> set[int]:
        """Where C{what} may end in C{text} if it begins at C{start}."""
        if isinstance(what, str):
            return {start + len(what)} if text.startswith(what, start) else set()
        if isinstance(what, Characters):
            return {start + 1} if start < len(text) and what.has(text[start]) else set()
        if isinstance(what, Named):
            what = self.rules[what.name]
        key = (id(what), start)
        if key not in known:
            known[key] = set()
            if isinstance(what, Repeated):
                known[key] = self._repeated_ends(what, text, start, known)
            else:
                for sequence in what:
                    places = {start}
                    for part in sequence:
                        places = {e for s in places for e in self._ends(part, text, s, known)}
                    known[key] |= places
        return known[key]

    def _repeated_ends(
        self, what: Repeated, text: str, start: int, known: dict[tuple[int, int], set[int]]
    ) -> set[int]:
        found, places, count = set[int](), {start}, 0
        seen: set[int] = set()
        while places:
            if count >= what.low:
                places -= seen
                seen |= places
                found |= places
            if count == what.high:
                break
            places = {e for s in places for e in self._ends(what.what, text, s, known)}
            count += 1
        return found

    def _measure(self) -> None:
        """How long the shortest sentence of each rule is."""
        self._shortest = dict.fromkeys(self.rules, 10**9)
        changed = True
        while changed:
            changed = False
            for name, choices in self.rules.items():
                length = min(map(self._length, choices))
                if length < self._shortest[name]:
                    self._shortest[name], changed = length, True

    def _length(self, what: "Expression | list[Expression]") -> int:
        if isinstance(what, str):
            return len(what)
        if isinstance(what, Characters):
            return 1
        if isinstance(what, Named):
            return self._shortest[what.name]
        if isinstance(what, Repeated):
            return what.low and what.low * self._length(what.what)
        if what and isinstance(what[0], list):
            return min(self._length(sequence) for sequence in what)
        return sum(self._length(part) for part in what)

    def _write(self, what: Expression, random: Random, made: list[str], size: int) -> None:
        done = len(made) >= size
        if isinstance(what, str):
            made.append(what)
        elif isinstance(what, Characters):
            made.append(_some_character(what, random))
        elif isinstance(what, Named):
            self._write(self.rules[what.name], random, made, size)
        elif isinstance(what, Repeated):
            most = what.low + 4 if what.high is None else min(what.high, what.low + 4)
            for _ in range(what.low if done else random.randint(what.low, most)):
                self._write(what.what, random, made, size)
        else:
            choice = min(what, key=self._length) if done else random.choice(what)
            for part in choice:
                self._write(part, random, made, size)


def _some_character(what: Characters, random: Random) -> str:
    first, last = random.choice(what.ranges)
    assert not what.negated, "a negated class is not sampled"
    return chr(random.randint(first, last))


def parse(text: str) -> Grammar:
    """Read a grammar. Rules are written on one line each."""
    rules = {}
    for line in text.splitlines():
        name, sign, body = line.partition(" ::= ")
        assert sign, line
        assert name not in rules, line
        rules[name] = _Reader(body).whole()
    grammar = Grammar(rules)
    for choices in rules.values():
        _each_name(choices, lambda name: rules[name])
    return grammar


def _each_name(what: object, use: Callable[[str], object]) -> None:
    if isinstance(what, Named):
        use(what.name)
    elif isinstance(what, Repeated):
        _each_name(what.what, use)
    elif isinstance(what, list):
        for part in what:
            _each_name(part, use)


class _Reader:
    """Reads the body of a rule."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.at = 0

    def whole(self) -> list[list[Expression]]:
        choices = self.choices()
        assert self.at == len(self.body), self.body[self.at :]
        return choices

    def choices(self) -> list[list[Expression]]:
        found = [self.sequence()]
        while self.next() == "|":
            self.at += 1
            found.append(self.sequence())
        return found

    def sequence(self) -> list[Expression]:
        parts: list[Expression] = []
        while self.next() not in ("", "|", ")"):
            if self.next() == " ":
                self.at += 1
                continue
            parts.append(self.counted(self.part()))
        return parts

    def counted(self, what: Expression) -> Expression:
        sign = self.next()
        if sign == "{":
            end = self.body.index("}", self.at)
            low, comma, high = self.body[self.at + 1 : end].partition(",")
            self.at = end + 1
            most = int(high) if high else None if comma else int(low)
            assert int(low) <= 2000
            assert (most or 0) <= 2000, "llama.cpp takes no more"
            return Repeated(what, int(low), most)
        if sign in ("*", "+", "?") and sign:
            self.at += 1
            return Repeated(what, int(sign == "+"), 1 if sign == "?" else None)
        return what

    def part(self) -> Expression:
        start = self.body[self.at]
        self.at += 1
        if start == '"':
            literal = []
            while self.next() != '"':
                literal.append(self.character())
            self.at += 1
            return "".join(literal)
        if start == "[":
            return self.characters()
        if start == "(":
            found = self.choices()
            assert self.next() == ")"
            self.at += 1
            return found
        self.at -= 1
        end = self.at
        while end < len(self.body) and (self.body[end].isalnum() or self.body[end] == "-"):
            end += 1
        name, self.at = self.body[self.at : end], end
        assert name, self.body
        return Named(name)

    def characters(self) -> Characters:
        negated = self.next() == "^"
        self.at += negated
        ranges = []
        while self.next() != "]":
            first = last = self.character()
            if self.next() == "-" and self.body[self.at + 1] != "]":
                self.at += 1
                last = self.character()
            ranges.append((ord(first), ord(last)))
        self.at += 1
        return Characters(tuple(ranges), negated)

    def character(self) -> str:
        self.at += 1
        if self.body[self.at - 1] != "\\":
            return self.body[self.at - 1]
        sign = self.body[self.at]
        self.at += 1
        if sign in "xuU":
            length = {"x": 2, "u": 4, "U": 8}[sign]
            self.at += length
            return chr(int(self.body[self.at - length : self.at], 16))
        return {"n": "\n", "t": "\t", "r": "\r"}.get(sign) or {s: s for s in '"\\[]'}[sign]

    def next(self) -> str:
        return self.body[self.at : self.at + 1]
