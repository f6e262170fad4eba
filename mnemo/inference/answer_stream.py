"""From the tokens of an answer to its text and the calls of tools in it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mnemo.inference.chat import THOUGHT_MARKS
from mnemo.inference.text_stream import TextStream, Thinking
from mnemo.inference.tool_calls import CALL_MARKS, Call, CallStream

MARKS: Final = frozenset(mark.encode() for pair in (CALL_MARKS, *THOUGHT_MARKS) for mark in pair)
"""Special tokens that have to be read as text, since what they mark is told by them."""


class AnswerStream:
    """
    An answer as its tokens come in: a L{TextStream} and, where the model was offered tools, a
    L{CallStream} of its text.
    """

    def __init__(
        self,
        stop: Sequence[str] = (),
        thinking: Thinking | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """
        @param tools: those that the model was offered, as OpenAI's API has them
        """
        self._stream = TextStream(stop, thinking)
        names = [tool.get("function", {}).get("name", "") for tool in tools]
        self._calls = CallStream(names) if tools else None
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """All that was handed out."""
        return "".join(self._parts)

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met."""
        return self._stream.stopped

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls, once it has finished."""
        return () if self._calls is None else self._calls.calls

    def feed(self, piece: bytes) -> str:
        """
        Take what the next token stands for.

        @return: the text that has become sure with it
        """
        sure = self._stream.feed(piece)
        return self._hand_out(sure if self._calls is None else self._calls.feed(sure))

    def finish(self) -> str:
        """
        No token follows.

        @return: the text that was held back
        """
        sure = self._stream.finish()
        if self._calls is not None:
            sure = self._calls.feed(sure) + self._calls.finish()
        return self._hand_out(sure)

    def _hand_out(self, sure: str) -> str:
        self._parts.append(sure)
        return sure
