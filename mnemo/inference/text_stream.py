"""From the pieces of tokens to text that is sure. Pure."""

import codecs
from collections.abc import Iterator, Sequence

from attrs import frozen


@frozen
class Thinking:
    """
    How a model marks what it thinks before it answers.

    @ivar opened: whether the prompt ends within a thought, so that the answer begins in one
    """

    begin: str = "<think>"
    end: str = "</think>"
    opened: bool = False


class TextStream:
    """
    The text of one answer, as its tokens come in.

    A token is a piece of bytes: part of a character, of a stop string, of a marker. What is
    handed out is never taken back: whole characters, nothing that may yet become a stop
    string, and nothing of the thoughts that the answer begins with, nor the white space around
    them. Thoughts that have no end are dropped with the rest. A marker further on is text like
    any other. What is not UTF-8 becomes U+FFFD.

    However the bytes are split, the text is the same. Of two stop strings the one that is
    complete first counts. In a thought there are none.

    @ivar text: all that was handed out
    @ivar stopped: whether a stop string was met; it is not in the text, and nothing follows it
    """

    def __init__(self, stop: Sequence[str] = (), thinking: Thinking | None = None) -> None:
        self._stop = tuple(filter(None, stop))
        self._thinking = thinking
        self._in_thought = thinking is not None and thinking.opened
        self._after_thought = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._parts: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def feed(self, piece: bytes) -> str:
        """
        Take what the next token stands for.

        @return: the text that has become sure with it
        """
        return self._take(self._decoder.decode(piece), last=False)

    def finish(self) -> str:
        """
        No token follows.

        @return: the text that was held back
        """
        return self._take(self._decoder.decode(b"", final=True), last=True)

    def _take(self, characters: str, last: bool) -> str:
        if self.stopped:
            return ""
        self._held += characters
        if self._thinking is not None:
            self._skip_thoughts(self._thinking, last)
        if self._thinking is not None:
            return ""
        sure = self._up_to_stop(last)
        self._parts.append(sure)
        return sure

    def _skip_thoughts(self, thinking: Thinking, last: bool) -> None:
        """Drop what is thought from what is held; once the answer has begun, think no more."""
        while True:
            if self._in_thought:
                _, closed, rest = self._held.partition(thinking.end)
                if not closed:
                    self._held = "" if last else may_begin(self._held, (thinking.end,))
                    return
                self._held, self._in_thought, self._after_thought = rest, False, True
            start = self._held.lstrip()
            if start.startswith(thinking.begin):
                self._held, self._in_thought = start[len(thinking.begin) :], True
                continue
            if thinking.begin.startswith(start) and not last:
                return
            if self._after_thought:
                self._held = start
            self._thinking = None
            return

    def _up_to_stop(self, last: bool) -> str:
        """Take from what is held all that cannot be, or is not yet, a stop string."""
        found = min(_ends(self._held, self._stop), default=None)
        if found is not None:
            self.stopped = True
            sure, self._held = self._held[: found[1]], ""
            return sure
        kept = "" if last else may_begin(self._held, self._stop)
        sure = self._held[: len(self._held) - len(kept)]
        self._held = kept
        return sure


def _ends(text: str, stop: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where in C{text} the first of each stop string ends and begins."""
    for each in stop:
        start = text.find(each)
        if start >= 0:
            yield start + len(each), start


def may_begin(text: str, wanted: Sequence[str]) -> str:
    """The longest end of C{text} with which one of C{wanted} begins."""
    longest = max(map(len, wanted), default=0) - 1
    for length in range(min(longest, len(text)), 0, -1):
        end = text[-length:]
        if any(each.startswith(end) for each in wanted):
            return end
    return ""
