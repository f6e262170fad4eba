"""How an answer is told: in one, or piece by piece as events."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from mnemo.api.openai_sampling import usage_of
from mnemo.inference.generation import Completion, Piece, TokenChoice

DONE: Final = b"data: [DONE]\n\n"
"""The last event."""


class Told(ABC):
    """
    One answer of a language model, as it is told to a client.

    @cvar kind: what the whole of it calls itself
    @cvar chunk_kind: what a part of it calls itself
    """

    kind: ClassVar[str]
    chunk_kind: ClassVar[str]

    def __init__(self, id: str, model: str, created: int, with_usage: bool) -> None:
        """
        @param created: seconds since the epoch
        @param with_usage: whether the events say how many tokens it took
        """
        self._id = id
        self._model = model
        self._created = created
        self._with_usage = with_usage
        # How many tokens were told with their log probabilities.
        self._told = 0

    # -- what the kinds of answers differ in

    def first(self) -> Sequence[Mapping[str, Any]]:
        """The choices of the events ahead of the text."""
        return []

    @abstractmethod
    def piece(self, text: str, choices: Sequence[TokenChoice]) -> Mapping[str, Any] | None:
        """
        The choice of the event with a piece of the text; C{None} for no event.

        @param choices: the tokens whose log probabilities are told with it
        """

    @abstractmethod
    def last(
        self, completion: Completion, choices: Sequence[TokenChoice]
    ) -> Sequence[Mapping[str, Any]]:
        """
        The choices of the events after the text.

        @param choices: the tokens whose log probabilities were not told with a piece of it
        """

    @abstractmethod
    def whole(self, completion: Completion) -> Mapping[str, Any]:
        """The choice of the answer in one."""

    # -- what they have in common

    def in_one(self, completion: Completion) -> bytes:
        """The answer in one."""
        return msgspec.json.encode(
            {
                "id": self._id,
                "object": self.kind,
                "created": self._created,
                "model": completion.model,
                "choices": [self.whole(completion)],
                "usage": _usage(completion),
            }
        )

    def opening(self) -> Iterator[bytes]:
        """The events ahead of the text."""
        yield from map(self._event, self.first())

    def text(self, piece: str) -> Iterator[bytes]:
        """The events with a piece of the text."""
        choices = piece.choices if isinstance(piece, Piece) else ()
        choice = self.piece(str(piece), choices)
        if choice is not None:
            self._told += len(choices)
            yield self._event(choice)

    def closing(self, completion: Completion) -> Iterator[bytes]:
        """The events after the text."""
        yield from map(self._event, self.last(completion, completion.choices[self._told :]))
        if self._with_usage:
            yield event({**self._chunk(), "choices": [], "usage": _usage(completion)})
        yield DONE

    def _event(self, choice: Mapping[str, Any]) -> bytes:
        return event({**self._chunk(), "choices": [choice]})

    def _chunk(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": self.chunk_kind,
            "created": self._created,
            "model": self._model,
        }


def event(content: object) -> bytes:
    """An event with JSON."""
    return b"data: %b\n\n" % msgspec.json.encode(content)


def new_id(kind: str) -> str:
    """A name for something, which nothing else has."""
    return f"{kind}-{secrets.token_hex(12)}"


def _usage(completion: Completion) -> dict[str, Any]:
    return usage_of(completion.prompt_tokens, completion.tokens, completion.reused)
