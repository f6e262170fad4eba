"""The contract of a language model: what is asked of it, and what comes back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mnemo.inference.interfaces import Priority

Finish = Literal["stop", "length", "tool_calls"]
"""Why a generation ended: by itself or at a stop string, at its limit, or to call tools."""


class GeneratorUnavailable(Exception):
    """
    There is no language model to ask. Its text is one line that says what mends it.

    @ivar retry_after: seconds after which to ask again, or C{None} where waiting does not help
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(GeneratorUnavailable):
    """As many wait as may."""


class UnfitRequest(Exception):
    """It cannot be generated as asked: too long, a bad grammar. Its text says what fits."""


class GenerationFailed(Exception):
    """There is a model, but it failed at this."""


@frozen
class Message:
    """
    One turn of a chat.

    @ivar role: C{system}, C{user}, C{assistant} or C{tool}
    @ivar more: what else the template may want: C{tool_calls}, C{tool_call_id}, C{name}
    """

    role: str
    content: str
    more: Mapping[str, Any] = field(factory=dict)


@frozen
class Sampling:
    """
    How the next token is chosen. The defaults choose the likeliest, so that the same request
    brings the same text.

    @ivar seed: C{None} for a new one each time; it matters only above temperature 0
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(factory=dict)


@frozen
class Generation:
    """
    What is asked of the model.

    @ivar prompt: a chat, or the text to go on with
    @ivar fixed: how many of the first messages are the same in every request of this kind
        (instructions), and worth keeping computed
    @ivar schema: a JSON Schema that the answer must follow; C{None} for free text
    @ivar grammar: GBNF that the answer must follow, C{""} for none
    @ivar tools: functions the model may call, as OpenAI's API has them; for templates that
        know tools
    @ivar think: whether a model that thinks first may; what it thought is never in the text
    @ivar logprobs: how many likeliest tokens to report at each position; C{None} for nothing
    @ivar timeout: seconds after which it is given up
    """

    prompt: Sequence[Message] | str
    max_tokens: int = 512
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    fixed: int = 0
    schema: Mapping[str, Any] | None = None
    grammar: str = ""
    tools: Sequence[Mapping[str, Any]] = ()
    think: bool = False
    logprobs: int | None = None
    priority: Priority = Priority.INTERACTIVE
    session: str = ""
    timeout: float = 120.0


class TokenText(str):
    """
    What a token stands for, readable.

    @ivar raw: its bytes, which are no whole characters in some
    """

    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> "TokenText":
        """The text of a token with these bytes."""
        text = cls(raw.decode("utf-8", "replace"))
        text.raw = raw
        return text


@frozen
class TokenChoice:
    """A token of the answer with its log probability, and the likeliest at its place."""

    text: str
    logprob: float
    likeliest: tuple[tuple[str, float], ...] = ()


class Piece(str):
    """
    A piece of an answer, with the log probabilities that were asked for.

    @ivar choices: the tokens that came since the piece before
    """

    choices: tuple[TokenChoice, ...] = ()

    @classmethod
    def of(cls, text: str, choices: Sequence[TokenChoice]) -> "Piece":
        """C{text} with these tokens."""
        piece = cls(text)
        piece.choices = tuple(choices)
        return piece


@frozen
class Completion:
    """
    What came back.

    @ivar reused: how many of the prompt's tokens were not computed anew
    @ivar logprob: the mean log probability of the tokens of the answer; C{None} where the
        backend does not say
    @ivar waited: seconds until its first step
    @ivar first: seconds until its first token
    @ivar seconds: how long it took in all
    @ivar tool_calls: as OpenAI's API has them
    """

    text: str
    finish: Finish
    model: str
    prompt_tokens: int
    tokens: int
    reused: int = 0
    logprob: float | None = None
    choices: tuple[TokenChoice, ...] = ()
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    waited: float = 0.0
    first: float = 0.0
    seconds: float = 0.0


@frozen
class GeneratorInfo:
    """
    A language model that can be asked.

    @ivar window: how many tokens prompt and answer may have together
    @ivar device: C{"cpu"}, the GPU's name, or the address of the server it is on
    @ivar has_template: whether it knows chats
    @ivar bytes: what its weights and its cache take in memory; 0 where that is elsewhere
    @ivar cache_bytes: how much of that is its cache
    """

    name: str
    window: int
    device: str
    has_template: bool = True
    knows_tools: bool = False
    bytes: int = 0
    cache_bytes: int = 0


@frozen
class GeneratorStatistics:
    """
    What health says of a generator.

    @ivar slots: how many generations run at once
    @ivar running: how many run now
    @ivar waiting: how many wait, by class
    @ivar tokens: generated since it was loaded
    @ivar prompt_tokens: of all prompts
    @ivar reused: of these, how many were not computed anew
    """

    loads: int = 0
    slots: int = 0
    running: int = 0
    waiting_interactive: int = 0
    waiting_background: int = 0
    steps: int = 0
    tokens: int = 0
    prompt_tokens: int = 0
    reused: int = 0
    cache_tokens: int = 0


class IGenerator(Interface):
    """A language model. Used on the reactor thread."""

    model: GeneratorInfo | None = Attribute("The model in use, or None.")
    problem: str = Attribute("Empty when it works, else one line with the command that mends it.")
    statistics: GeneratorStatistics = Attribute("Counters, as they are now.")

    def generate(
        request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """
        Have C{request} answered.

        Cancelling the answer stops it at the next step. It fails with L{GeneratorUnavailable},
        L{UnfitRequest} or L{GenerationFailed}, and with C{TimeoutError} where the time is up.

        @param on_text: told each piece of the answer as soon as it is sure: whole characters,
            nothing that may yet turn out to be a stop string or a thought. It is a L{Piece} where
            log probabilities are asked for and the backend says them piece by piece
        """
