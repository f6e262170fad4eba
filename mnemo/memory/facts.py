"""
The facts in a text that may change while the rest of it stays: figures, versions, dates, names,
negations. Found by rule, no model needed. Pure.
"""

import re
from typing import Final, Literal

from attrs import frozen

Kind = Literal["date", "time", "version", "quantity", "number", "identifier", "name", "negation"]


@frozen
class Fact:
    """
    A fact in a text.

    @ivar value: the same for what means the same: C{30 s} for 30 seconds
    @ivar said: as it was written
    """

    kind: Kind
    value: str
    said: str


@frozen
class Told:
    """
    A text taken apart.

    @ivar facts: in the order of the text
    @ivar words: all else, in small letters
    """

    facts: tuple[Fact, ...]
    words: tuple[str, ...]


_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}

_UNITS: Final = {
    name: names.split()[0]
    for names in (
        "ms msec millisecond milliseconds",
        "s sec secs second seconds",
        "min mins minute minutes",
        "h hr hrs hour hours",
        "d day days",
        "week weeks",
        "month months",
        "year years",
        "B byte bytes",
        "kB KB kb KiB kilobyte kilobytes",
        "MB mb MiB megabyte megabytes",
        "GB gb GiB gigabyte gigabytes",
        "TB tb TiB terabyte terabytes",
        "% percent",
        "px pixel pixels",
        "k",
        "€ EUR eur euro euros",
        "$ USD usd dollar dollars",
    )
    for name in names.split()
}

_NUMBERS: Final = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}

_NEGATIONS: Final = frozenset(
    ("not", "no", "never", "none", "nothing", "cannot", "without", "neither", "nor", "nobody")
)

_month = "|".join(sorted(_MONTHS, key=len, reverse=True))
_unit = "|".join(re.escape(name) for name in sorted(_UNITS, key=len, reverse=True))

_token = re.compile(
    rf"""
      (?P<iso>\b\d{{4}}-\d{{2}}(?:-\d{{2}})?\b(?![.\w-]))
    | (?P<dmy>\b\d{{1,2}}(?:st|nd|rd|th)?[ ](?i:{_month})\b\.?(?:,?[ ]\d{{4}}\b)?)
    | (?P<mdy>\b(?i:{_month})\b\.?[ ]\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?[ ]\d{{4}}\b)?)
    | (?P<time>\b\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?![.\w:]))
    | (?P<version>\bv\d+(?:\.\d+)*(?:[-.]?(?:rc|a|b|alpha|beta|dev|post)\.?\d*)?\b
        | \b\d+\.\d+(?:\.\d+)+(?:[-.]?(?:rc|a|b|alpha|beta|dev|post)\.?\d*)?\b)
    | (?P<identifier>\b[A-Za-z]\w{{0,60}}_\w+\b | \b[a-z]{{1,60}}[A-Z]\w*\b
        | (?<![\w/.-])(?:[\w.-]{{0,60}}/)+[\w.-]+ | \b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\b
        | \b[A-Za-z][\w-]{{0,60}}\d[\w-]*\b | `[^`\n]{{1,80}}` )
    | (?P<quantity>[€$]?(?<![\w.])[-+]?\d+(?:,\d{{3}})*(?:\.\d+)?[ ]?(?:{_unit})(?!\w)
        | [€$]\d+(?:,\d{{3}})*(?:\.\d+)?)
    | (?P<number>(?<![\w.])[-+]?\d+(?:,\d{{3}})*(?:\.\d+)?)
    | (?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)?)
    """,
    re.VERBOSE,
)

_amount = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?")
_sentence_end = re.compile(r"[.!?:;\n\"“(\[*•-]\s*\Z|\A\s*\Z")


def told(text: str) -> Told:
    """Take a text apart. Takes time in proportion to its length."""
    facts: list[Fact] = []
    words: list[str] = []
    for match in _token.finditer(text):
        said = match[0]
        group = match.lastgroup
        if group == "word":
            fact = _of_word(said, text[max(0, match.start() - 4) : match.start()])
        else:
            fact = _of_token(group or "", said)
        if fact is None:
            words.append(said.casefold())
        else:
            facts.append(fact)
    return Told(tuple(facts), tuple(words))


def _of_word(said: str, before: str) -> Fact | None:
    small = said.casefold().replace("\u2019", "'")
    if small in _NEGATIONS or small.endswith("n't"):
        return Fact("negation", "not", said)
    if small in _NUMBERS:
        return Fact("number", _NUMBERS[small], said)
    # A capital says nothing where every sentence has one.
    if (
        said[0].isupper()
        and len(said) > 1
        and not said.startswith("I'")
        and not _sentence_end.search(before)
    ):
        return Fact("name", small, said)
    return None


def _of_token(group: str, said: str) -> Fact:
    if group == "iso":
        return Fact("date", said, said)
    if group in ("dmy", "mdy"):
        return Fact("date", _date(said), said)
    if group == "time":
        return Fact("time", said.zfill(5) if len(said) < 6 else said, said)
    if group == "version":
        return Fact("version", said.removeprefix("v"), said)
    if group == "identifier":
        return Fact("identifier", said.strip("`"), said)
    if group == "quantity":
        return Fact("quantity", _quantity(said), said)
    return Fact("number", _plain(said), said)


def _date(said: str) -> str:
    """A date in words as ISO 8601 has it, its year left out where it has none."""
    parts = re.findall(r"[A-Za-z]{3,}|\d+", said)
    month = next(_MONTHS[part.casefold()] for part in parts if part.casefold() in _MONTHS)
    numbers = [part for part in parts if part.isdigit()]
    year = next((part for part in numbers if len(part) == 4), "")
    day = int(next(part for part in numbers if len(part) < 3))
    return f"{year}-{month:02d}-{day:02d}".lstrip("-")


def _quantity(said: str) -> str:
    amount = _amount.search(said)
    assert amount is not None
    unit = (said[: amount.start()] + said[amount.end() :]).strip()
    return f"{_plain(amount[0])} {_UNITS.get(unit, unit)}"


def _plain(number: str) -> str:
    return number.replace(",", "").removeprefix("+")
