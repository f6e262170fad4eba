"""Where log events go: plain lines, one an event, with what failed below it."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from attrs import define, field
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

NAME = "mnemo.log"

LONGEST = 10 * 1024 * 1024
"""Bytes after which a log file is put aside for a new one."""

KEPT = 3
"""How many files that were put aside are kept."""


def line_of(event: LogEvent) -> str | None:
    """
    An event as a line: local time, level, who, what; a failure's traceback follows, indented.

    C{None} for an event that says nothing.
    """
    failure = event.get("log_failure")
    details = failure.getTraceback() if failure is not None else ""
    return _line(event, f"{formatEvent(event)}\n{details}")


def brief_line_of(event: LogEvent) -> str | None:
    """The same for somebody who watches: a failure as its message, without the traceback."""
    failure = event.get("log_failure")
    why = f" [{failure.getErrorMessage()}]" if failure is not None else ""
    return _line(event, formatEvent(event) + why)


@implementer(ILogObserver)
class Silence:
    """An observer for processes that log nowhere."""

    def __call__(self, event: LogEvent) -> None:
        """Say nothing."""


def to_terminal() -> ILogObserver:
    """
    For whoever watches the daemon: what mnemo does, and warnings of what it is made of.
    """
    return _filtered(FileLogObserver(sys.stdout, brief_line_of), LogLevel.warn, LogLevel.info)


@define(eq=False)
class LogInHome:
    """
    The log file of a home.

    @ivar level: the least severe level that is kept: C{debug}, C{info}, C{warn} or C{error}
    """

    home: Path
    level: str
    publisher: LogPublisher = globalLogPublisher
    _file: LogFile | None = field(default=None, init=False)
    _observer: ILogObserver | None = field(default=None, init=False)

    def start(self) -> None:
        """Write events from now on."""
        self._file = LogFile(NAME, str(self.home), LONGEST, 0o600, maxRotatedFiles=KEPT)
        level = LogLevel.levelWithName(self.level)
        lines = FileLogObserver(cast(IO[Any], self._file), line_of)
        self._observer = _filtered(lines, level, level)
        self.publisher.addObserver(self._observer)

    def stop(self) -> None:
        """Write no more."""
        if self._file is not None and self._observer is not None:
            self.publisher.removeObserver(self._observer)
            self._file.close()
            self._file = self._observer = None


def _filtered(observer: ILogObserver, others: LogLevel, ours: LogLevel) -> ILogObserver:
    """An observer of events at or above a level: one for mnemo, one for what it is made of."""
    predicate = LogLevelFilterPredicate(defaultLogLevel=others)
    predicate.setLogLevelForNamespace("mnemo", ours)
    return FilteringLogObserver(observer, [predicate])


def _line(event: LogEvent, text: str) -> str | None:
    text = text.strip()
    if not text:
        return None
    time = datetime.fromtimestamp(event.get("log_time", 0.0), UTC).astimezone()
    level = event.get("log_level", LogLevel.info).name
    who = event.get("log_namespace", "-")
    # Whatever a text holds, a line that begins with a time is an event.
    return f"{time:%Y-%m-%d %H:%M:%S%z} {level:8} {who}: " + text.replace("\n", "\n    ") + "\n"
