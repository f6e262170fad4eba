"""
Writing grammars in GBNF, llama.cpp's form of them. Pure.

An expression here is a text that can stand beside others as it is: a name, a literal, a class
of characters, or something in brackets.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

MOST_REPEATS: Final = 100_000
"""How often something may be repeated at most."""

# llama.cpp takes no number over 2000 in a repetition, so that longer ones are made of blocks.
_BLOCK: Final = 1000

_BUILT_IN: Final = {
    # A model may lay its JSON out, but never write white space without end.
    "space": r'(" " | "\n" [ \t]{0,20})?',
    "colon": r'":" " "?',
    "comma": '"," space',
    "string": r'"\"" char* "\""',
    # Whole characters alone: half a surrogate pair, raw or escaped, is no text.
    "char": r'raw | "\\" (["\\/bfnrt] | "u" code)',
    "raw": r"[ !#-\[\]-\uD7FF\uE000-\U0010FFFF]",
    "code": r'[0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2} | [dD] [89abAB] hex{2} "\\u" low',
    "low": "[dD] [c-fC-F] hex{2}",
    "hex": "[0-9a-fA-F]",
    # Of a size that every reader of JSON takes.
    "integer": '"-"? ("0" | [1-9] [0-9]{0,15})',
    "number": 'integer ("." [0-9]{1,20})? ([eE] [+-]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" space (member (comma member)* space)? "}"',
    "member": "string colon value",
    "array": '"[" space (value (comma value)* space)? "]"',
}


class Inexpressible(Exception):
    """No grammar can hold to it. Its text says why, and goes on after the name of a place."""


class Rules:
    """The rules of one grammar."""

    def __init__(self) -> None:
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._numbers: defaultdict[str, int] = defaultdict(lambda: 1)

    def add(self, hint: str, body: str) -> str:
        """
        Have C{body} under a name, the same name for the same body.

        @param hint: what the name should tell its reader
        @return: the name
        """
        if body not in self._names:
            name = self.reserve(hint)
            self.define(name, body)
            self._names[body] = name
        return self._names[body]

    def reserve(self, hint: str) -> str:
        """A new name, for a rule that is defined later and may be named before."""
        wanted = re.sub("[^a-zA-Z0-9]+", "-", hint).strip("-") or "part"
        name = wanted
        while name in self._bodies or name in _BUILT_IN or name == "root":
            self._numbers[wanted] += 1
            name = f"{wanted}-{self._numbers[wanted]}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        """Say what a reserved name stands for."""
        self._bodies[name] = body

    def repeated(self, item: str, low: int, high: int | None) -> str:
        """
        C{item} at least C{low} and at most C{high} times, without an upper bound for C{None}.

        @raise Inexpressible: where that is more than L{MOST_REPEATS}
        """
        if max(low, high or 0) > MOST_REPEATS:
            raise Inexpressible(f"asks for more than {MOST_REPEATS:,} of something")
        if item not in self._bodies and item not in _BUILT_IN and not item.startswith("["):
            item = self.add("repeated", item)
        blocks, rest = divmod(low, _BLOCK)
        parts = [self.add("block", f"{item}{{{_BLOCK}}}")] * blocks if blocks else []
        if high is None:
            parts.append(item + ("*" if rest == 0 else f"{{{rest},}}"))
        elif high - low + rest <= _BLOCK:
            parts.append(f"{item}{{{rest},{high - blocks * _BLOCK}}}")
        else:
            parts += [f"{item}{{{rest}}}"] if rest else []
            parts.append(self._up_to(item, high - low))
        return sequence(parts)

    def text(self, root: str) -> str:
        """The grammar whose sentences are those of the expression C{root}."""
        lines = [f"root ::= {root}"]
        lines += [f"{name} ::= {body}" for name, body in self._bodies.items()]
        lines += [f"{name} ::= {body}" for name, body in _BUILT_IN.items()]
        return "\n".join(lines) + "\n"

    def _up_to(self, item: str, most: int) -> str:
        """At most so many, so that there is one way alone to read each number of them."""
        rest = most % _BLOCK
        expression = f"{item}{{0,{rest}}}" if rest else '""'
        for _ in range(most // _BLOCK):
            block = self.add("block", f"{item}{{{_BLOCK}}}")
            body = f"{item}{{0,{_BLOCK - 1}}} | {block} {expression}"
            expression = self.add("up-to", body)
        return expression


def literal(text: str) -> str:
    """The expression of this one text."""
    return '"' + "".join(_escaped(character, '"\\') for character in text) + '"'


def json_literal(value: Any) -> str:
    """The expression of one JSON value, written on one line."""
    return literal(json.dumps(value, ensure_ascii=False))


def sequence(parts: Iterable[str]) -> str:
    """One after the other."""
    found = list(parts)
    return found[0] if len(found) == 1 else f"({' '.join(found)})"


def one_of(choices: Iterable[str]) -> str:
    """Any of these, at least one."""
    found = list(dict.fromkeys(choices))
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def optional(expression: str) -> str:
    """This or nothing."""
    return f"({expression})?"


def class_of(ranges: Iterable[tuple[int, int]]) -> str:
    """
    One character out of these.

    @param ranges: first and last code points
    """
    written = (
        _in_class(first) if first == last else f"{_in_class(first)}-{_in_class(last)}"
        for first, last in ranges
    )
    return f"[{''.join(written)}]"


def _in_class(code: int) -> str:
    return _escaped(chr(code), "\\]^-[")


def _escaped(character: str, special: str) -> str:
    code = ord(character)
    if character in special:
        return f"\\{character}" if character in '"\\[]' else f"\\x{code:02X}"
    if character.isprintable():
        return character
    return f"\\x{code:02X}" if code < 0x100 else f"\\U{code:08X}"
