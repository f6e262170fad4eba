"""What a server with OpenAI's API answers, put together from its events. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from attrs import define, field

from mnemo.inference.event_reader import EventReader, EventTooLong
from mnemo.inference.generation import Completion, Finish, TokenChoice
from mnemo.inference.remote_problems import AnswerBroken
from mnemo.inference.text_stream import TextStream

_FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


@define(eq=False)
class RemoteAnswer:
    """
    An answer as it comes.

    @ivar host: the server, for what goes wrong
    @ivar stream: its text. Many servers leave in it what a model thought
    """

    host: str
    model: str
    stream: TextStream
    _reader: EventReader = field(factory=EventReader, init=False)
    _finish: str = field(default="", init=False)
    _usage: Mapping[str, Any] = field(factory=dict, init=False)
    _choices: list[TokenChoice] = field(factory=list, init=False)
    _told: int = field(default=0, init=False)
    _calls: dict[int, dict[str, Any]] = field(factory=dict, init=False)
    _ended: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> str:
        """
        Take what has come.

        @return: the text that is new
        @raise AnswerBroken: it is no such answer, or says that the server failed
        """
        new = ""
        try:
            for event in self._reader.feed(data):
                if event == "[DONE]":
                    self._ended = True
                elif not self._ended:
                    new += self._take(msgspec.json.decode(event))
        except (msgspec.DecodeError, UnicodeEncodeError, EventTooLong) as problem:
            raise AnswerBroken(f"{self.host} answers what cannot be read: {problem}") from None
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as problem:
            raise AnswerBroken(f"{self.host} answers what is no completion: {problem!r}") from None
        return new

    def news(self) -> list[TokenChoice]:
        """The tokens with log probabilities that have come since this was asked last."""
        new, self._told = self._choices[self._told :], len(self._choices)
        return new

    def completion(self) -> Completion:
        """The whole. Raises L{AnswerBroken} where its end is missing."""
        if not self._finish:
            raise AnswerBroken(f"{self.host} ended its answer before its end")
        details = self._usage.get("prompt_tokens_details") or {}
        logprobs = [choice.logprob for choice in self._choices]
        return Completion(
            text=self.stream.text,
            finish=_FINISHES.get(self._finish, "stop"),
            model=self.model,
            prompt_tokens=int(self._usage.get("prompt_tokens") or 0),
            tokens=int(self._usage.get("completion_tokens") or 0),
            reused=int(details.get("cached_tokens") or 0),
            logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            choices=tuple(self._choices),
            tool_calls=tuple(call for _, call in sorted(self._calls.items())),
        )

    def _take(self, event: Mapping[str, Any]) -> str:
        if event.get("error"):
            error = event["error"]
            says = error.get("message", error) if isinstance(error, dict) else error
            raise AnswerBroken(f"{self.host} failed: {' '.join(str(says).split())[:300]}")
        self.model = event.get("model") or self.model
        self._usage = event.get("usage") or self._usage
        choices = event.get("choices") or ()
        return "".join(self._take_choice(choice) for choice in choices if not choice.get("index"))

    def _take_choice(self, choice: Mapping[str, Any]) -> str:
        delta = choice.get("delta") or {}
        for call in delta.get("tool_calls") or ():
            self._take_call(call)
        logprobs = choice.get("logprobs") or {}
        self._choices += _of_chat(logprobs.get("content") or ()) or _of_text(logprobs)
        self._finish = choice.get("finish_reason") or self._finish
        text: str = delta.get("content") or choice.get("text") or ""
        return self.stream.feed(text.encode("utf-8", "replace"))

    def _take_call(self, part: Mapping[str, Any]) -> None:
        """A call comes in parts: its name first, then its arguments bit by bit."""
        call = self._calls.setdefault(
            part.get("index", len(self._calls)),
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = part.get("id") or call["id"]
        function = part.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def _of_chat(tokens: Sequence[Mapping[str, Any]]) -> list[TokenChoice]:
    return [
        TokenChoice(
            token["token"],
            token["logprob"],
            tuple((one["token"], one["logprob"]) for one in token.get("top_logprobs") or ()),
        )
        for token in tokens
    ]


def _of_text(columns: Mapping[str, Any]) -> list[TokenChoice]:
    tokens = columns.get("tokens") or ()
    likeliest = columns.get("top_logprobs") or [{}] * len(tokens)
    return (
        [
            TokenChoice(token, logprob or 0.0, tuple((top or {}).items()))
            for token, logprob, top in zip(
                tokens, columns["token_logprobs"], likeliest, strict=True
            )
        ]
        if tokens
        else []
    )
