"""A language model whose answers are arithmetic, and which checks what is done to it."""

from collections.abc import Sequence
from itertools import count

from zope.interface import implementer

from mnemo.inference.generation import GeneratorInfo, Sampling, TokenChoice, UnfitRequest
from mnemo.inference.run import Room
from mnemo.inference.steps import (
    CacheFull,
    Chore,
    Chunk,
    Close,
    Copy,
    DecodeStep,
    Forget,
    IGenerationBackend,
    Outcome,
    Restore,
    Save,
    Token,
)
from tests.inference.tiny_model import CHAT

END = 0


def next_token(tokens: Sequence[int]) -> int:
    """What follows C{tokens}: it depends on all of them, and is the end once in a while."""
    value = 17
    for token in tokens:
        value = (value * 31 + token + 7) % 10_007
    return END if value % 23 == 0 else 97 + value % 26


def expected(prompt: Sequence[int], most: int) -> list[int]:
    """The answer to C{prompt}, when nobody else is there."""
    tokens = list(prompt)
    while len(tokens) < len(prompt) + most and (following := next_token(tokens)) != END:
        tokens.append(following)
    return tokens[len(prompt) :]


@implementer(IGenerationBackend)
class ScriptedGenerator:
    """
    A model that knows characters. Whatever is done to it in a wrong order fails an assertion.

    @ivar steps: what was asked of it
    @ivar failure: raised by the next step, once
    @ivar broken: runs whose next token cannot be chosen
    """

    def __init__(
        self, *, slots: int = 2, capacity: int = 64, batch: int = 32, sequences: int = 0
    ) -> None:
        self.info = GeneratorInfo("scripted", capacity, "cpu")
        self.slots, self.capacity, self.batch = slots, capacity, batch
        self.sequences = sequences or 2 * (2 * slots + 1)
        self.keeps = True
        self.template = CHAT
        self.bos = self.eos = ""
        self.steps: list[DecodeStep] = []
        self.failure: Exception | None = None
        self.broken: dict[int, Exception] = {}
        self.opened: set[int] = set()
        self.closed = False
        self.held: list[list[tuple[int, int]]] = [[] for _ in range(self.sequences)]
        self.saved: dict[int, list[int]] = {}
        self.left: list[Chunk] = []
        self._cells = count()

    @property
    def room(self) -> Room:
        return Room(
            self.slots, self.sequences, self.capacity, self.info.window, self.batch, self.keeps
        )

    @property
    def cells(self) -> int:
        """How many tokens the cache holds; those of copies once."""
        return len({cell for sequence in self.held for cell, _ in sequence})

    def tokenize(self, text: str) -> list[int]:
        assert not self.closed
        return [ord(character) for character in text]

    def open(self, run: int, sampling: Sampling, grammar: str, logprobs: int | None) -> None:
        assert not self.closed
        assert run not in self.opened
        if grammar == "bad":
            raise UnfitRequest("the grammar is bad")
        self.opened.add(run)

    def perform(self, step: DecodeStep) -> Outcome:
        assert not self.closed
        self.steps.append(step)
        left, self.left = self.left, []
        for chore in step.chores:
            self._do(chore)
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        assert len({chunk.sequence for chunk in step.chunks}) == len(step.chunks)
        assert len({chunk.run for chunk in step.chunks}) == len(step.chunks)
        tokens: dict[int, list[Token]] = {}
        failures: dict[int, Exception] = {}
        chunks, rounds = list(left if step.follows else step.chunks), 0
        if step.follows and step.cut:
            chunks = []
        while chunks and rounds < min(step.rounds, 1 if step.cut else 3):
            self._decode(chunks)
            chunks = self._sample(chunks, tokens, failures)
            rounds += 1
        self.left = chunks
        return Outcome(tokens, failures)

    def close(self) -> None:
        self.closed = True

    def _do(self, chore: Chore) -> None:
        if isinstance(chore, Close):
            self.opened.discard(chore.run)
        elif isinstance(chore, Copy):
            assert len(self.held[chore.source]) >= chore.tokens > 0
            self.held[chore.target] = self.held[chore.source][: chore.tokens]
        elif isinstance(chore, Save):
            assert self.held[chore.sequence]
            assert chore.key not in self.saved
            self.saved[chore.key] = [token for _, token in self.held[chore.sequence]]
        elif isinstance(chore, Restore):
            assert len(self.saved[chore.key]) >= chore.tokens > 0
            tokens = self.saved[chore.key][: chore.tokens]
            self.held[chore.sequence] = [(next(self._cells), token) for token in tokens]
            assert self.cells <= self.capacity
        elif isinstance(chore, Forget):
            self.saved.pop(chore.key, None)
        else:
            self.held[chore.sequence] = []

    def _decode(self, chunks: Sequence[Chunk]) -> None:
        total = sum(len(chunk.tokens) for chunk in chunks)
        assert total <= self.batch
        if self.cells + total > self.capacity:
            raise CacheFull("full")
        for chunk in chunks:
            assert chunk.run in self.opened
            assert chunk.tokens
            assert chunk.position == len(self.held[chunk.sequence]), "tokens at a wrong place"
            self.held[chunk.sequence] += [(next(self._cells), token) for token in chunk.tokens]

    def _sample(
        self,
        chunks: Sequence[Chunk],
        tokens: dict[int, list[Token]],
        failures: dict[int, Exception],
    ) -> list[Chunk]:
        following = []
        for chunk in chunks:
            if not chunk.most:
                continue
            if chunk.run in self.broken:
                failures[chunk.run] = self.broken.pop(chunk.run)
                continue
            held = [token for _, token in self.held[chunk.sequence]]
            number = next_token(held)
            piece = b"" if number == END else chr(number).encode()
            choice = TokenChoice(chr(number), -0.5)
            tokens.setdefault(chunk.run, []).append(Token(number, piece, choice, number == END))
            if number != END and chunk.most > 1:
                following.append(
                    Chunk(chunk.run, chunk.sequence, len(held), (number,), chunk.most - 1)
                )
        return following
