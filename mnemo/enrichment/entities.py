"""
What a text names, found by rule: numbers, paths, versions, names, mentions, identifiers.

Pure, and linear in the text: every expression looks at one line at a time, and at no more than
L{LONGEST_LINE} characters of it at once.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from mnemo.store.index.analyser import STOP_WORDS

LONGEST_LINE: Final = 1000
"""Longer lines are looked at in pieces: an expression holds the interpreter while it matches."""

SHORTEST_NAME: Final = 3
"""Characters of the shortest name."""

_LETTERS = range(0x590)
_UPPER = "".join(re.escape(chr(code)) for code in _LETTERS if chr(code).isupper())
# Comma, underscore, apostrophe, and the narrow spaces and the one that does not break.
_SEPARATORS = "".join(map(chr, (0x2C, 0x5F, 0x27, 0x2009, 0x202F, 0xA0)))
_ENDINGS = (
    "c|cc|cfg|conf|cpp|cs|css|csv|db|env|gguf|go|gz|h|hpp|html|ini|ipynb|java|js|json|jsonl|jsx|kt"
    "|lock|log|lua|md|mjs|mod|pdf|php|png|proto|py|pyi|rb|rs|scss|service|sh|sql|sqlite3?|svg"
    "|swift|tar|tf|toml|ts|tsx|txt|vue|wasm|xml|ya?ml|zip|zig"
)

_number = re.compile(
    rf"(?<![\w.])(?:(?<![\w.)\]])[-\u2212])?"
    rf"(?:[0-9]{{1,3}}(?:[{_SEPARATORS}][0-9]{{3}})+(?![0-9])|[0-9]+)(?:\.[0-9]+)*"
)
_version = re.compile(r"(?<![\w.])v[0-9]+\.[0-9]+(?:\.[0-9]+)?", re.IGNORECASE)
_path = re.compile(
    r"(?<![\w/.:~-])(?:"
    r"[A-Za-z]:\\(?:[\w .@+-]+\\)*[\w.@+-]*[\w@+-]"
    r"|(?:~|\.{1,2})?/(?:[\w.@+-]+/)*[\w.@+-]*[\w@+-]"
    r"|(?:[\w.@+-]+/){2,}[\w.@+-]*[\w@+-]"
    rf"|(?:[\w.@+-]+/)?[\w@+-][\w.@+-]*\.(?:{_ENDINGS})(?!\w)"
    r")"
)
_word = rf"[{_UPPER}][\w'\u2019-]*\w"
_names = re.compile(rf"(?<![\w@/.-]){_word}(?:[ \t]{_word})+")
_within = re.compile(rf"(?<=[^\W{_UPPER}][ ]|[,;)][ ])[{_UPPER}][\w-]*\w")
_mention = re.compile(r"(?<![\w.@])@[A-Za-z][\w-]*(?:/[\w.-]+)?")
_camel = re.compile(
    r"(?<![\w/.-])(?:[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,}[A-Z]?)(?![\w/])"
)
_url = re.compile(r"(?<!\w)[a-z][a-z0-9+.-]{1,15}://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]")
_identifier = re.compile(
    r"(?<![\w/.-])(?:[A-Za-z]\w*_\w+|_\w+[a-z]\w*|[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w+)*\(\)"
    r"|[A-Za-z_]\w+(?:::[A-Za-z_]\w+)+|--[a-z][\w-]+)(?![\w/])"
)
_date = re.compile(
    r"(?<![\w.-])[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?Z?)?"
    r"(?![\w-])"
)
_quantity = re.compile(
    rf"{_number.pattern} ?(?:%|°[CF]|[kKMGT]i?B(?:/s)?|[num\u00b5]?s|sec(?:onds?)?|min(?:utes?)?"
    r"|hours?|days?|weeks?|months?|years?|[kKMG]?Hz|[kcm]?m|k?g|px|rpm|req/s|tok/s|tokens?|rows?"
    r"|bytes?|USD|EUR)(?!\w)"
)
_spaces = re.compile(r"\s+")


@frozen
class Named:
    """
    Something that a text names.

    @ivar text: as it stands there
    @ivar kind: what it was found to be
    """

    text: str
    kind: str


@frozen
class Names:
    """
    What the metrics count in a text.

    @ivar numbers: without the separators of thousands
    @ivar others: folded to one case, each space one blank
    """

    numbers: frozenset[str]
    others: frozenset[str]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.others)


def pieces(text: str) -> Iterator[str]:
    """The lines of a text, long ones in pieces, cut at a space where there is one."""
    for line in text.splitlines():
        start = 0
        while len(line) - start > LONGEST_LINE:
            limit = start + LONGEST_LINE
            end = line.rfind(" ", start, limit)
            end = limit if end <= start else end
            yield line[start:end]
            start = end
        yield line[start:]


def folded(text: str) -> str:
    """C{text} as two writings of the same words compare."""
    return _spaces.sub(" ", text).casefold()


def plain_number(text: str) -> str:
    """A number as it compares: without separators of thousands."""
    for separator in _SEPARATORS:
        text = text.replace(separator, "")
    return text.replace("\u2212", "-")


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, as they compare."""
    return frozenset(plain_number(m[0]) for piece in pieces(text) for m in _number.finditer(piece))


def names(text: str) -> Names:
    """
    What the metrics count: numbers, file paths, versions C{vN.N[.N]}, names of several
    capitalised words, capitalised words within a sentence, mentions, and CamelCase.
    """
    found = {folded(each.text) for each in _counted(text)}
    return Names(numbers(text), frozenset(found))


def named(text: str) -> tuple[Named, ...]:
    """
    Everything that a text names, each once, in the order in which it comes.

    Beside what the metrics count these are addresses, identifiers, dates and quantities; a
    number that is part of one of them is not told again.
    """
    told: dict[str, Named] = {}
    for piece in pieces(text):
        covered: list[tuple[int, int]] = []
        found: list[tuple[int, Named]] = []
        for kind, expression, fits in _KINDS:
            for match in expression.finditer(piece):
                start, end = match.span()
                inside = any(low <= start and end <= high for low, high in covered)
                for text_found in () if inside else fits(match[0]):
                    covered.append((start, end))
                    found.append((start, Named(text_found, kind)))
        for _, each in sorted(found, key=lambda pair: pair[0]):
            told.setdefault(folded(each.text), each)
    return tuple(told.values())


def _counted(text: str) -> Iterator[Named]:
    for piece in pieces(text):
        for kind, expression, fits in _METRIC_KINDS:
            for match in expression.finditer(piece):
                for each in fits(match[0]):
                    yield Named(each, kind)


def _as_it_is(found: str) -> tuple[str, ...]:
    return (found,)


def _name(found: str) -> tuple[str, ...]:
    """A name without the little words that begin a sentence; C{()} where nothing is left."""
    words = found.split()
    while words and words[0].casefold() in STOP_WORDS:
        del words[0]
    while words and words[-1].casefold() in STOP_WORDS:
        del words[-1]
    kept = found[found.index(words[0]) : found.rindex(words[-1]) + len(words[-1])] if words else ""
    return (kept,) if len(kept) >= SHORTEST_NAME else ()


def _several(found: str) -> tuple[str, ...]:
    return tuple(each for each in _name(found) if len(each.split()) > 1)


_Kind = tuple[str, re.Pattern[str], Callable[[str], tuple[str, ...]]]

_METRIC_KINDS: tuple[_Kind, ...] = (
    ("path", _path, _as_it_is),
    ("version", _version, _as_it_is),
    ("name", _names, _several),
    ("name", _within, _name),
    ("mention", _mention, _as_it_is),
    ("identifier", _camel, _as_it_is),
)
_KINDS: tuple[_Kind, ...] = (
    ("address", _url, _as_it_is),
    *_METRIC_KINDS,
    ("identifier", _identifier, _as_it_is),
    ("date", _date, _as_it_is),
    ("quantity", _quantity, _as_it_is),
    ("number", _number, _as_it_is),
)
