"""The client that waits for a call, in each era: L{IClient} as tools have it."""

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Final, get_args

from attrs import define, field

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import invalid_params
from mnemo.mcp.input_required import Answers, InputRequired, fits
from mnemo.mcp.jsonrpc import Response
from mnemo.tools.interfaces import LogLevel, MissingCapability, Question, ToolError

if TYPE_CHECKING:
    from mnemo.mcp.dialogue import Dialogue

Send = Callable[[bytes], None]

LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)
"""From what means the least to what means the most (RFC 5424)."""

ANSWER_SECONDS: Final = 600.0
"""How long a client, and whoever sits before it, may take to answer what it was asked."""

SESSION_ENDED: Final = "The session has ended."

_ELICITATION_SINCE = "2025-06-18"

Answered = Mapping[str, Mapping[str, Any]]


def progress_token(params: Mapping[str, Any]) -> jsonrpc.Id | None:
    """Under which a request wants to be told of its progress, C{None} where it does not."""
    meta = params.get("_meta")
    token = meta.get("progressToken") if type(meta) is dict else None
    return token if type(token) is int or type(token) is str else None


def level_of(name: object) -> LogLevel:
    """A level of the log. Raises L{ProtocolError} for what is none."""
    for level in LEVELS:
        if level == name:
            return level
    raise invalid_params(f"The log level must be one of {', '.join(LEVELS)}")


@define(eq=False)
class _Client:
    """
    What both eras have: telling.

    @ivar token: under which progress is told, or C{None}
    @ivar send: sends a message on the request's own stream; C{None} where it has none
    """

    token: jsonrpc.Id | None
    send: Send | None
    _done: float = field(init=False, default=-inf)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the call has come, where the client wants to know and it has grown."""
        if self.send is None or self.token is None or not self._done < done < inf:
            return
        self._done = done
        params: dict[str, Any] = {"progressToken": self.token, "progress": done}
        if total is not None:
            params["total"] = total
        if message:
            params["message"] = message
        self.send(jsonrpc.notification("notifications/progress", params))

    def _log(self, least: LogLevel, level: LogLevel, data: Any, logger: str) -> None:
        if self.send is not None and LEVELS.index(level) >= LEVELS.index(least):
            params = {"level": level, "logger": logger, "data": data}
            self.send(jsonrpc.notification("notifications/message", params))


@define(eq=False)
class LegacyClient(_Client):
    """The client of a session (L{IClient})."""

    _dialogue: "Dialogue"
    _release: Callable[[float], None] | None = None

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """Tell the client's log something of the level that its session wants, or above."""
        self._log(self._dialogue.log_level, level, data, logger)

    async def ask(self, questions: Mapping[str, Question]) -> Answered:
        """Ask on the request's own stream, or on whichever the session has open."""
        opening = self._dialogue.opening
        refuse_unable(questions, opening.capabilities, opening.version)
        if self._dialogue.ended:
            raise ToolError(SESSION_ENDED)
        send = self.send or self._dialogue.send
        if send is None:
            raise MissingCapability({question.capability: {} for question in questions.values()})
        return await Inquiry(self._dialogue, questions).answers(send)

    def release(self, retry: float) -> None:
        """Let the client hang up, where it can come back."""
        if self._release is not None:
            self._release(retry)


@define(eq=False)
class ModernClient(_Client):
    """
    A stateless client (L{IClient}).

    @ivar capabilities: what it said with this request that it can do
    @ivar level: of which level it wants to be told what is logged, or C{None} for nothing
    @ivar answers: what it has answered so far
    """

    capabilities: Mapping[str, Any]
    level: LogLevel | None
    answers: Answers | None

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """Tell the client's log something, if its request asks for that."""
        if self.level is not None:
            self._log(self.level, level, data, logger)

    async def ask(self, questions: Mapping[str, Question]) -> Answered:
        """What the client has answered; raises L{InputRequired} where that is not all."""
        refuse_unable(questions, self.capabilities)
        if self.answers is None:
            raise MissingCapability({question.capability: {} for question in questions.values()})
        told, missing = self.answers.to(questions)
        if missing:
            raise InputRequired(missing)
        return told

    def release(self, retry: float) -> None:
        """A broken stream is a lost request here."""


def refuse_unable(
    questions: Mapping[str, Question], capabilities: Mapping[str, Any], version: str = "~"
) -> None:
    """
    Raise L{MissingCapability} where a client cannot be asked all of this.

    @param version: what is older than some questions are
    """
    missing: dict[str, Any] = {}
    for question in questions.values():
        needed = question.capability
        mode = question.params.get("mode") if needed == "elicitation" else None
        declared = capabilities.get(needed)
        if not isinstance(declared, dict) or (
            needed == "elicitation" and version < _ELICITATION_SINCE
        ):
            missing.setdefault(needed, {})
        # Before there were modes, forms were all there was.
        if mode == "url" and not (isinstance(declared, dict) and "url" in declared):
            missing[needed] = {"url": {}}
    if missing:
        raise MissingCapability(missing)


@define(eq=False)
class Inquiry:
    """Questions that a session's client was asked, until all are answered."""

    _dialogue: "Dialogue"
    _questions: Mapping[str, Question]
    _answers: dict[str, Mapping[str, Any]] = field(init=False, factory=dict)
    _problem: str = field(init=False, default="")
    _promise: Any = field(init=False, default=None)

    async def answers(self, send: Send) -> Answered:
        """Ask, and wait for the last answer or the first that is none."""
        outbound = self._dialogue.outbound
        self._promise = self._dialogue.server.promise(ANSWER_SECONDS)
        asked: list[str | None] = []
        self._dialogue.inquiries.add(self)
        try:
            for key, question in self._questions.items():
                asked.append(outbound.ask(send, question.method, question.params, self._taker(key)))
                if asked[-1] is None:
                    raise ToolError("The client has too many questions to answer already.")
            if len(self._answers) < len(self._questions) and not self._problem:
                await self._promise
        except TimeoutError:
            raise ToolError(
                f"The client has not answered within {ANSWER_SECONDS:g} seconds."
            ) from None
        finally:
            self._dialogue.inquiries.discard(self)
            for question_id in asked:
                outbound.forget(question_id)
        if self._problem:
            raise ToolError(self._problem)
        return {key: self._answers[key] for key in self._questions}

    def fail(self, problem: str) -> None:
        """There will be no answer."""
        if not self._problem:
            self._problem = problem
            self._promise.callback(None)

    def _taker(self, key: str) -> Callable[[Response], Awaitable[None] | None]:
        def take(response: Response) -> None:
            question = self._questions[key]
            if response.error:
                self.fail(f"The client refused {question.method}: {response.error}")
            elif not fits(question, response.result):
                self.fail(f"The client's answer to {question.method} is malformed.")
            else:
                self._answers[key] = response.result
                if len(self._answers) == len(self._questions) and not self._problem:
                    self._promise.callback(None)

        return take
