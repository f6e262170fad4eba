"""
What a generation does on the inference thread: what the scheduler says, and what comes back.

A sequence is a row of the model's cache, by its number. A run is one generation, by its own
number; that names its sampler. Both numbers are the scheduler's.
"""

from collections.abc import Mapping, Sequence

from attrs import define, field, frozen
from zope.interface import Attribute, Interface

from mnemo.inference.generation import GeneratorInfo, Sampling, TokenChoice


class CacheFull(Exception):
    """The model's cache has no room for the step. Nothing of it has been done."""


@frozen
class Copy:
    """Let C{target} begin with the first C{tokens} tokens of C{source}. It costs no room."""

    source: int
    target: int
    tokens: int


@frozen
class Save:
    """Put what a sequence holds beside the model's cache, under C{key}."""

    sequence: int
    key: int


@frozen
class Restore:
    """Let a sequence hold the first C{tokens} tokens of what was saved under C{key}."""

    key: int
    sequence: int
    tokens: int


@frozen
class Forget:
    """Free what was saved under C{key}."""

    key: int


@frozen
class Remove:
    """Empty a sequence."""

    sequence: int


@frozen
class Close:
    """Forget the sampler of a run."""

    run: int


Chore = Copy | Save | Restore | Forget | Remove | Close
"""What is done before a step, in order; it takes little time beside that."""


@frozen
class Chunk:
    """
    Tokens to go on with in a sequence.

    @ivar position: how many tokens the sequence has
    @ivar most: how many tokens may be sampled after these; 0 where the prompt goes on
    """

    run: int
    sequence: int
    position: int
    tokens: Sequence[int]
    most: int


@define(eq=False)
class DecodeStep:
    """
    One pass of the model over chunks, and as many more passes over what it sampled as fit.

    @ivar seconds: after which no further pass is begun
    @ivar follows: whether it goes on with what the step before it has sampled, so that its own
        chunks have no tokens
    @ivar cut: set while it runs or waits to run: it ends after the pass that runs, and one that
        follows does not begin
    """

    chores: Sequence[Chore]
    chunks: Sequence[Chunk]
    rounds: int = 1
    seconds: float = 0.0
    follows: bool = False
    cut: bool = False


@frozen
class Token:
    """
    A sampled token.

    @ivar piece: its bytes; they need not be whole characters
    @ivar choice: with its log probability, where that was asked for
    @ivar last: whether with it the model says that it has ended
    """

    number: int
    piece: bytes
    choice: TokenChoice | None = None
    last: bool = False


@frozen
class Outcome:
    """
    What a step has brought, by run.

    @ivar tokens: what was sampled, in order
    @ivar failures: why a run cannot go on
    """

    tokens: Mapping[int, Sequence[Token]] = field(factory=dict)
    failures: Mapping[int, Exception] = field(factory=dict)


class IGenerationBackend(Interface):
    """
    A language model in the hands of the inference thread.

    What is asked of it beyond its limits fails with C{ValueError}, it does not end the process.
    """

    info: GeneratorInfo = Attribute("What was loaded.")
    slots: int = Attribute("How many runs one step may hold.")
    sequences: int = Attribute("How many sequences there are.")
    capacity: int = Attribute("How many tokens all sequences have room for.")
    batch: int = Attribute("How many tokens one step may hold.")
    keeps: bool = Attribute("Whether a sequence may begin with a copy of another.")
    template: str = Attribute("The chat template, empty where there is none.")
    bos: str = Attribute("The text of the token that begins a text, or empty.")
    eos: str = Attribute("The text of the token that ends a text, or empty.")

    def tokenize(text: str) -> list[int]:
        """
        The tokens of a prompt, special ones included.

        @raise mnemo.inference.generation.UnfitRequest: it is too long to be tokenised
        """

    def open(run: int, sampling: Sampling, grammar: str, logprobs: int | None) -> None:
        """
        Make the sampler of a run. Its seed is in C{sampling}.

        @raise mnemo.inference.generation.UnfitRequest: the grammar or a setting is no good
        """

    def perform(step: DecodeStep) -> Outcome:
        """
        Do a step.

        @raise CacheFull: there is no room for it
        """

    def close() -> None:
        """Free the model."""
