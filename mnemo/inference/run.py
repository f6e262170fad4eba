"""The runs of a language model, as those see them who decide over them."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from mnemo.inference.interfaces import Priority
from mnemo.inference.prefix_cache import WORTH_KEEPING, Kept
from mnemo.inference.steps import DecodeStep, IGenerationBackend, Token


@frozen
class Room:
    """
    What a model has room for; see L{mnemo.inference.steps.IGenerationBackend}.

    @ivar window: how many tokens prompt and answer may have together
    """

    slots: int
    sequences: int
    capacity: int
    window: int
    batch: int
    keeps: bool = True

    @classmethod
    def of(cls, backend: IGenerationBackend) -> "Room":
        """That of a loaded model."""
        return cls(
            slots=backend.slots,
            sequences=backend.sequences,
            capacity=backend.capacity,
            window=backend.info.window,
            batch=backend.batch,
            keeps=backend.keeps,
        )


@frozen
class Prompt:
    """
    A prompt in tokens.

    @ivar fixed: how many of the first are the same in every request of its kind
    """

    tokens: Sequence[int]
    fixed: int = 0


@define(eq=False)
class Run:
    """
    A generation.

    @ivar request: what L{PrepareStep} needs, whatever that is
    @ivar most: how many tokens the answer may have
    @ivar prompt: how many tokens the prompt has; 0 until it is prepared
    @ivar tokens: of the prompt, and of the answer so far
    @ivar held: how many of the tokens are in the sequence
    @ivar charge: how much room is set aside for it, beyond that of C{base}
    @ivar base: the kept beginning that it relies on
    @ivar reused: how many tokens of the prompt were not computed for it
    @ivar live: whether it was in the latest step
    @ivar started: whether it ever had a sequence
    @ivar seconds: how long the steps took that it was in
    @ivar over: whether it has ended, one way or the other
    """

    number: int
    request: Any
    most: int
    priority: Priority
    session: str
    prompt: int = 0
    fixed: int = 0
    tokens: list[int] = field(factory=list)
    sequence: int | None = None
    held: int = 0
    charge: int = 0
    base: Kept | None = None
    reused: int = 0
    live: bool = False
    started: bool = False
    seconds: float = 0.0
    over: bool = False

    @property
    def left(self) -> int:
        """How many tokens the answer may still have."""
        return self.prompt + self.most - len(self.tokens)

    @property
    def background(self) -> bool:
        """Whether nobody waits for it."""
        return self.priority is Priority.BACKGROUND

    def awaits(self, other: "Run") -> bool:
        """Whether C{other} is computing the beginning that this one may have a copy of soon."""
        return (
            other.held < self.fixed == other.fixed >= WORTH_KEEPING
            and other.priority <= self.priority
            and other.base is None
            and other.tokens[: self.fixed] == self.tokens[: self.fixed]
        )


@frozen(eq=False)
class PrepareStep:
    """A step that makes tokens of a prompt."""

    run: Run


Step = PrepareStep | DecodeStep


@frozen
class Event:
    """
    What a step has brought to a run.

    @ivar tokens: more of its answer
    @ivar failure: why it cannot go on
    """

    run: Run
    tokens: Sequence[Token] = ()
    failure: Exception | None = None
