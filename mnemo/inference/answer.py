"""An answer of a language model in the making: what its caller is told, and what comes of it."""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.inference.answer_stream import AnswerStream
from mnemo.inference.generation import Completion, Finish, Generation, Piece, TokenChoice
from mnemo.inference.run import Event, Run
from mnemo.inference.text_stream import Thinking


@define(eq=False)
class Answer:
    """
    What is being made for a caller.

    @ivar deferred: the caller's
    @ivar asked: when, by the clock
    @ivar timer: fires when the caller's time is up
    @ivar run: what makes it; C{None} where it was refused
    @ivar waited: seconds until its first step
    @ivar over: whether the caller has been answered
    """

    request: Generation
    on_text: Callable[[str], object] | None
    clock: IReactorTime
    deferred: Deferred[Completion]
    asked: float = field(init=False)
    timer: IDelayedCall | None = field(default=None, init=False)
    run: Run | None = field(default=None, init=False)
    waited: float | None = field(default=None, init=False)
    over: bool = field(default=False, init=False)
    _first: float | None = field(default=None, init=False)
    _stream: AnswerStream = field(factory=AnswerStream, init=False)
    _choices: list[TokenChoice] = field(factory=list, init=False)
    _told: int = field(default=0, init=False)  # of the choices
    _tokens: int = field(default=0, init=False)

    log = Logger()

    def __attrs_post_init__(self) -> None:
        self.asked = self.clock.seconds()

    def prepared(self, thinking: Thinking | None) -> None:
        """
        Its prompt is prepared.

        @param thinking: how to tell thoughts from the text, where there may be some
        """
        self._stream = AnswerStream(self.request.stop, thinking, self.request.tools)

    def take(self, event: Event) -> Finish | None:
        """
        Take in what a step has brought, and tell the caller.

        @return: why it has come to its end; C{None} where it has not
        """
        if event.tokens and self._first is None:
            self._first = self.clock.seconds() - self.asked
        sure: list[str] = []
        finish: Finish | None = None
        for token in event.tokens:
            if token.last:
                finish = "stop"
                break
            self._tokens += 1
            if token.choice is not None:
                self._choices.append(token.choice)
            sure.append(self._stream.feed(token.piece))
            if self._stream.stopped:
                finish = "stop"
                break
        if finish is None and event.run.over and event.failure is None:
            finish = "length"
        if finish is not None:
            sure.append(self._stream.finish())
        text = "".join(sure)
        if text and self.on_text is not None:
            self._tell(self.on_text, text)
        return finish

    def completion(self, model: str, run: Run, finish: Finish) -> Completion:
        """All of it, by C{run} on the model of that name."""
        seconds = self.clock.seconds() - self.asked
        logprobs = [choice.logprob for choice in self._choices]
        return Completion(
            text=self._stream.text,
            finish="tool_calls" if self._stream.calls and finish == "stop" else finish,
            model=model,
            prompt_tokens=run.prompt,
            tokens=self._tokens,
            reused=run.reused,
            logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            choices=tuple(self._choices),
            tool_calls=self._stream.calls,
            waited=self.waited or 0.0,
            first=seconds if self._first is None else self._first,
            seconds=seconds,
        )

    def _tell(self, on_text: Callable[[str], object], text: str) -> None:
        """Hand out C{text}, with the choices that were not told yet if they are wanted."""
        if self.request.logprobs is not None:
            choices, self._told = self._choices[self._told :], len(self._choices)
            text = Piece.of(text, choices)
        try:
            on_text(text)
        except Exception:
            self.log.failure("who was told of generated text has failed")
