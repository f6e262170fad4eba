"""Server-sent events, read from bytes as they come. Pure."""

import codecs
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 4 * 1024 * 1024
"""How many characters one event may have."""


class EventTooLong(Exception):
    """An event has no end."""


class EventReader:
    """
    Reads the data of events (the HTML standard, section 9.2.6). Names, ids and comments are
    passed over.

    However the bytes are split, between the bytes of a character or of a line's end, the events
    are the same.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._data: list[str] = []
        self._after_return = False
        self._at_start = True

    def feed(self, data: bytes) -> Iterator[str]:
        """The data of the events that C{data} completes. Raises L{EventTooLong}."""
        text = self._decoder.decode(data)
        if self._at_start and text:
            text, self._at_start = text.removeprefix("\ufeff"), False
        for line in self._lines(text):
            if line:
                name, _, value = line.partition(":")
                if name == "data":
                    self._data.append(value.removeprefix(" "))
            elif self._data:
                yield "\n".join(self._data)
                self._data = []
        if len(self._rest) + sum(map(len, self._data)) > LONGEST:
            raise EventTooLong(f"an event is longer than {LONGEST} characters")

    def _lines(self, text: str) -> Iterator[str]:
        """The lines that are complete; each ends with CR, LF or both."""
        if self._after_return and text:
            text, self._after_return = text.removeprefix("\n"), False
        text = text.replace("\r\n", "\n")
        if text.endswith("\r"):
            self._after_return = True
        *lines, self._rest = (self._rest + text.replace("\r", "\n")).split("\n")
        yield from lines
