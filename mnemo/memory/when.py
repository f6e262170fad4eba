"""
The times that a question speaks of, and how near a memory was made to one. Pure.

Dates are read as they are written in English or by ISO 8601, spans like "last week" from the
time of asking. All in UTC.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from attrs import frozen

_MONTH_NAMES: Final = """
    january february march april may june july august september october november december
"""
_MONTHS: Final = _MONTH_NAMES.split()
_NUMBER: Final = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}
_WEEKDAY_NAMES: Final = "monday tuesday wednesday thursday friday saturday sunday"
_WEEKDAYS: Final = _WEEKDAY_NAMES.split()

_MONTH = r"(?P<month>{}|sept)\b\.?".format("|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS))
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"

_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}-(?P<month>[01]?[0-9])-(?P<day>[0-3]?[0-9])\b",
        rf"\b{_DAY}(?: of)? {_MONTH},?(?: {_YEAR})?\b",
        rf"\b{_MONTH} {_DAY}\b(?:,? {_YEAR})?",
    )
)
_IN_MONTH = re.compile(rf"\b(?P<said>[a-z]+ )?{_MONTH},?(?: of)?(?: {_YEAR}\b)?", re.IGNORECASE)
_IN_YEAR = re.compile(rf"\b(?:in|of|during|since|throughout) {_YEAR}\b", re.IGNORECASE)
_WORDS_BEFORE = frozenset(
    ("in", "of", "during", "since", "by", "until", "early", "late", "mid", "last", "this")
)
"""Before "may" and "march", which are words of their own, one of these is wanted."""

_COUNTED = re.compile(
    r"\b(?P<count>an?|one|two|three|four|five|six|seven|ten|[0-9]{1,3})"
    r" (?P<unit>day|week|month|year)s? ago\b",
    re.IGNORECASE,
)
_COUNTS: Final = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "ten": 10,
}
_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
_SPAN = re.compile(
    rf"\b(?P<which>last|this|past) (?P<unit>week|weekend|month|year|{'|'.join(_WEEKDAYS)})\b",
    re.IGNORECASE,
)
_NAMED_DAY = re.compile(r"\b(today|yesterday)\b", re.IGNORECASE)

_AFTER = 7
"""Days after an event in which it is still spoken of."""

_BEFORE = 3
"""Days before an event in which it is already spoken of."""


@frozen
class Time:
    """
    A time that is spoken of; what is C{None} was left open.

    @ivar start: for a span, the first day; the fields before are C{None} then
    @ivar end: for a span, the last day
    """

    year: int | None = None
    month: int | None = None
    day: int | None = None
    start: date | None = None
    end: date | None = None


def times(text: str, now: float) -> tuple[Time, ...]:
    """The times that C{text} speaks of; a month or a year alone only where there is no date."""
    today = _date(now)
    if today is None:
        return ()
    found = [*_dates(text), *_spans(text, today)]
    found = found or list(_months(text))
    found = found or [Time(year=int(each["year"])) for each in _IN_YEAR.finditer(text)]
    return tuple(dict.fromkeys(found))


def without_times(text: str) -> str:
    """C{text} without the days and spans that it speaks of."""
    for pattern in (*_DATES, _NAMED_DAY, _COUNTED, _SPAN):
        text = pattern.sub(" ", text)
    return text


def bounds(spoken: Time, now: float) -> tuple[float, float] | None:
    """
    When a day or span that was spoken of began and ended, in seconds since the epoch; C{None}
    for a month, a year, and what the calendar does not have. A day without a year is the last.
    """
    start, end, today = spoken.start, spoken.end, _date(now)
    try:
        if spoken.month and spoken.day and today:
            start = end = date(spoken.year or today.year, spoken.month, spoken.day)
            if spoken.year is None and start > today:
                start = end = start.replace(year=start.year - 1)
        if start is None or end is None:
            return None
        return _midnight(start), _midnight(end + timedelta(days=1))
    except (ValueError, OverflowError):
        return None


def nearness(spoken: Time, made: float) -> float:
    """
    How near a memory was made to a time, 0 to 1.

    What happened is told on that day or in the week after it, and some of it days before. In a
    month everything is as near; a year says little.
    """
    day = _date(made)
    if day is None:
        return 0.0
    if spoken.start is not None and spoken.end is not None:
        return _near(spoken.start, spoken.end, day)
    if spoken.year is not None and spoken.year != day.year:
        return 0.0
    if spoken.month is None:
        return 0.5
    if spoken.day is None:
        return float(spoken.month == day.month)
    try:
        told = date(spoken.year or day.year, spoken.month, spoken.day)
    except ValueError:
        return 0.0
    return _near(told, told, day)


def _near(start: date, end: date, day: date) -> float:
    if start <= day <= end:
        return 1.0
    if day > end:
        late = (day - end).days
        return 1.0 - late / 10 if late <= _AFTER else 0.0
    return 0.3 if (start - day).days <= _BEFORE else 0.0


def _dates(text: str) -> Iterator[Time]:
    for pattern in _DATES:
        for found in pattern.finditer(text):
            month, day = found["month"], int(found["day"])
            number = int(month) if month.isdigit() else _NUMBER[month[:3].lower()]
            if 1 <= day <= 31 and 1 <= number <= 12:
                yield Time(int(found["year"]) if found["year"] else None, number, day)


def _months(text: str) -> Iterator[Time]:
    for found in _IN_MONTH.finditer(text):
        name, before = found["month"].lower(), (found["said"] or "").strip().lower()
        is_word = name in ("may", "mar", "march", "sep", "dec", "jan", "jun", "oct")
        if found["year"] or not is_word or before in _WORDS_BEFORE:
            yield Time(int(found["year"]) if found["year"] else None, _NUMBER[name[:3]])


def _spans(text: str, today: date) -> Iterator[Time]:
    for found in _NAMED_DAY.finditer(text):
        day = today - timedelta(days=found[1].lower() == "yesterday")
        yield Time(start=day, end=day)
    for found in _COUNTED.finditer(text):
        count, days = found["count"].lower(), _DAYS[found["unit"].lower()]
        number = int(count) if count.isdigit() else _COUNTS[count]
        middle = today - timedelta(days=number * days)
        slack = timedelta(days=days // 2)
        yield Time(start=middle - slack, end=middle + slack)
    for found in _SPAN.finditer(text):
        yield _span(found["which"].lower(), found["unit"].lower(), today)


def _span(which: str, unit: str, today: date) -> Time:
    """The days of "last week", "this month", "last friday"."""
    if unit in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(unit)) % 7
        day = today - timedelta(days=back if which == "this" else back or 7)
        return Time(start=day, end=day)
    if unit == "weekend":
        sunday = today - timedelta(days=(today.weekday() + 1) % 7 or 7 * (which == "last"))
        return Time(start=sunday - timedelta(days=1), end=sunday)
    starts = {
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    start = starts[unit]
    if which == "this":
        return Time(start=start, end=today)
    if which == "past":
        return Time(start=today - timedelta(days=_DAYS[unit]), end=today)
    end = start - timedelta(days=1)
    return Time(start=_starting(end, unit), end=end)


def _starting(end: date, unit: str) -> date:
    """The first day of the week, month or year that ends with C{end}."""
    if unit == "week":
        return end - timedelta(days=6)
    return end.replace(day=1) if unit == "month" else end.replace(month=1, day=1)


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _date(seconds: float) -> date | None:
    """The day of a time; C{None} beyond the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (OverflowError, ValueError, OSError):
        return None
