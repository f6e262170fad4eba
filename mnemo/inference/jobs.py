"""
What the embedder is asked for, and the steps in which it is done. Plain state.

A job is the texts of one call: first the pieces of its texts are tokenised, then the windows of
their tokens are encoded. A short text that is asked for alone has both in one step.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import Factory, define, frozen
from numpy.typing import NDArray

from mnemo.inference.interfaces import IEmbeddingBackend, Priority
from mnemo.inference.windows import PIECE, cost, normalised, pieces, weighted, windows

SHORT: Final = 512
"""Characters of a short text."""

_EACH_PIECE: Final = 64


@define(eq=False)
class Job:
    """
    Texts to embed, and how far that has come.

    @ivar tokens: of each text
    @ivar sums: for each text the sum of its weighted windows, until L{vectors} is made of it
    @ivar pieces: those that no step has taken yet, in order
    @ivar windows: those that no step has taken yet, the shortest first
    @ivar taken: how many of either are in steps that have not ended
    @ivar over: whether it has its vectors, has failed or was cancelled
    @ivar asked: when it was asked for, by whatever clock that has
    """

    priority: Priority
    session: str
    tokens: list[list[int]]
    sums: NDArray[np.float32]
    pieces: "deque[Piece]" = Factory(deque)
    windows: "list[Window]" = Factory(list)
    taken: int = 0
    tokenised: bool = False
    over: bool = False
    asked: float = 0.0

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The unit vector of each text, once the job has ended."""
        return normalised(self.sums)

    @property
    def counts(self) -> list[int]:
        """How many tokens each text has with its special ones, once all are tokenised."""
        return [cost(tokens) for tokens in self.tokens]

    @property
    def is_short(self) -> bool:
        """Whether it is a text of a line or two."""
        return len(self.pieces) == len(self.tokens) == 1 and len(self.pieces[0].text) <= SHORT

    @property
    def waits(self) -> bool:
        """Whether there is a part of it that no step has taken."""
        return bool(self.windows if self.tokenised else self.pieces)

    @property
    def done(self) -> bool:
        """Whether all of it has come back from its steps."""
        return self.tokenised and not self.windows and not self.taken

    def take(self, room: int, *, any_cost: bool) -> "Part | None":
        """
        What goes into a step that has so much room: the next piece, or the longest window that
        fits.

        @param any_cost: whether it may cost more, if all do
        """
        part: Part | None = None
        if not self.tokenised:
            if self.pieces and (any_cost or self.pieces[0].cost <= room):
                part = self.pieces.popleft()
        elif self.windows:
            fitting = bisect_right(self.windows, room, key=_cost)
            if fitting or any_cost:
                part = self.windows.pop(max(fitting - 1, 0))
        self.taken += part is not None
        return part

    def put_back(self, part: "Part") -> None:
        """Have a part wait again."""
        self.taken -= 1
        if isinstance(part, Piece):
            self.pieces.appendleft(part)
        else:
            insort(self.windows, part, key=_cost)

    def advance(self, window: int) -> None:
        """
        Go on to its windows when all its pieces are tokenised.

        @param window: how many tokens the model takes
        """
        if not self.tokenised and not self.pieces and not self.taken:
            self.tokenised = True
            self.windows = [
                Window(self, number, part)
                for number, tokens in enumerate(self.tokens)
                for part in windows(tokens, window)
            ]
            self.windows.sort(key=_cost)


@frozen(eq=False)
class Piece:
    """A part of a text of C{job}, the text with this number."""

    job: Job
    number: int
    text: str

    @property
    def cost(self) -> int:
        """In characters, and as many as make up for the handling of a short piece."""
        return len(self.text) + _EACH_PIECE


@frozen(eq=False)
class Window:
    """A window of tokens of a text of C{job}, the text with this number."""

    job: Job
    number: int
    tokens: Sequence[int]

    @property
    def cost(self) -> int:
        """In tokens."""
        return cost(self.tokens)


Part = Piece | Window


def _cost(window: Window) -> int:
    return window.cost


def make_job(texts: Sequence[str], dimensions: int, priority: Priority, session: str) -> Job:
    """The job of a call, with all its pieces."""
    sums = np.zeros((len(texts), dimensions), np.float32)
    job = Job(priority, session, [[] for _ in texts], sums)
    job.pieces.extend(
        Piece(job, number, piece)
        for number, text in enumerate(texts)
        for piece in pieces(text, PIECE)
    )
    return job


@frozen(eq=False)
class TokenizeStep:
    """A step that tokenises pieces."""

    parts: Sequence[Piece]

    def run(self, backend: IEmbeddingBackend) -> list[list[int]]:
        """Do it, on the inference thread."""
        return [backend.tokenize(piece.text) for piece in self.parts]

    def keep(self, result: list[list[int]]) -> int:
        """Take what L{run} returned into the jobs. How many tokens were encoded: none."""
        for piece, tokens in zip(self.parts, result, strict=True):
            piece.job.tokens[piece.number] += tokens
        return 0


@frozen(eq=False)
class WholeStep:
    """
    A step that tokenises a short text, and encodes it where that makes one window.

    @ivar window: how many tokens the model takes
    """

    parts: Sequence[Piece]
    window: int

    def run(self, backend: IEmbeddingBackend) -> tuple[list[int], NDArray[np.float32] | None]:
        """Do it, on the inference thread. Its tokens, and the vector if there is one by now."""
        tokens = backend.tokenize(self.parts[0].text)
        if cost(tokens) > self.window:
            return tokens, None
        return tokens, weighted(backend.encode([tokens]), [tokens])[0]

    def keep(self, result: tuple[list[int], NDArray[np.float32] | None]) -> int:
        """Take what L{run} returned into the job. How many tokens were encoded."""
        (piece,), (tokens, vector) = self.parts, result
        piece.job.tokens[0] += tokens
        if vector is None:
            return 0
        piece.job.sums[0] += vector
        piece.job.tokenised = True
        return cost(tokens)


@define(eq=False)
class EncodeStep:
    """
    A step that encodes windows.

    @ivar cut: set while it waits to run: it does not begin
    """

    parts: Sequence[Window]
    cut: bool = False

    def run(self, backend: IEmbeddingBackend) -> NDArray[np.float32] | None:
        """Do it, on the inference thread; C{None} where it has not begun."""
        if self.cut:
            return None
        tokens = [window.tokens for window in self.parts]
        return weighted(backend.encode(tokens), tokens)

    def keep(self, result: NDArray[np.float32]) -> int:
        """Take what L{run} returned into the jobs. How many tokens were encoded."""
        for window, vector in zip(self.parts, result, strict=True):
            window.job.sums[window.number] += vector
        return sum(window.cost for window in self.parts)


Step = TokenizeStep | WholeStep | EncodeStep


def jobs_of(step: Step) -> list[Job]:
    """The jobs of a step that are still wanted, each once."""
    return [job for job in dict.fromkeys(part.job for part in step.parts) if not job.over]
