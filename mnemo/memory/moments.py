"""Moments as an agent writes them: a date, a date and time, or hours ago. Pure."""

from datetime import UTC, date, datetime, time, timedelta

HOUR = 3600.0

ACCEPTED = (
    'an ISO 8601 date or time such as "2026-11-01" or "2026-11-01T09:30:00Z" '
    "(UTC where it names no zone), or a number of hours ago"
)


class NotAMoment(ValueError):
    """It cannot be read as a moment. Its text is one line that says what can."""


def since(moment: str | float, now: float) -> float:
    """The first second of C{moment}, in seconds since the epoch. Raises L{NotAMoment}."""
    return _seconds(moment, now, timedelta(0))


def until(moment: str | float, now: float) -> float:
    """
    The first second after C{moment}, in seconds since the epoch: a date counts whole.
    Raises L{NotAMoment}.
    """
    return _seconds(moment, now, timedelta(days=1))


def iso(seconds: float) -> str:
    """C{seconds} since the epoch as C{2026-11-01T09:30:00Z}."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(moment: str | float, now: float, day: timedelta) -> float:
    if not isinstance(moment, str):
        return now - moment * HOUR
    text = moment.strip()
    try:
        if len(text) <= len("2026-11-01"):
            read = datetime.combine(date.fromisoformat(text), time(), UTC) + day
        else:
            read = datetime.fromisoformat(text)
            read = read if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise NotAMoment(f"{moment[:40]!r} is no moment; accepted: {ACCEPTED}") from None
    return read.timestamp()
