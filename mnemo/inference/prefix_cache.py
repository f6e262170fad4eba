"""
Which beginnings of prompts are kept computed. Plain state: no model, no clock.

A beginning that is the same in every request of a kind is kept for all. What a session has
asked and was answered is kept for that session alone. All are kept beside the model's cache,
whose every token costs time in every step, and are in it only while runs rely on them. Those
that were used least recently give way.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, field

WORTH_KEEPING: Final = 16
"""A shorter beginning is computed faster than it is looked after, in tokens."""

MOST: Final = 64
"""How many are kept at once."""


@define(eq=False)
class Kept:
    """
    A computed beginning.

    @ivar key: what it is saved under
    @ivar session: whose it is; C{None} is everybody's
    @ivar users: how many runs have begun with it and rely on it to stay
    @ivar sequence: where it is in the model's cache, while it has users
    @ivar placed: how many of its tokens are there
    """

    key: int
    tokens: tuple[int, ...]
    session: str | None
    users: int = field(default=0)
    sequence: int | None = field(default=None)
    placed: int = field(default=0)


class PrefixCache:
    """
    The beginnings that are kept.

    @ivar tokens: how many tokens they hold together
    """

    def __init__(self, capacity: int, dropped: Callable[[Kept], object]) -> None:
        """
        @param capacity: how many tokens they may hold together
        @param dropped: called with each that is kept no more
        """
        self.tokens = 0
        self._capacity = capacity
        self._dropped = dropped
        self._keys = 0
        # Those that were used least recently first.
        self._kept: list[Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept)

    def best(self, prompt: Sequence[int], session: str) -> tuple[Kept | None, int]:
        """
        What a prompt of C{session} may begin with, and with how many tokens of it.

        At least one token of the prompt is left over, for the model to go on from.
        """
        prompt = tuple(prompt)
        allowed = [kept for kept in self._kept if kept.session is None or kept.session == session]
        shared = {kept: common(prompt[:-1], kept.tokens) for kept in allowed}
        found = max(allowed, key=lambda kept: shared[kept], default=None)
        if found is None or shared[found] < WORTH_KEEPING:
            return None, 0
        self._kept.remove(found)
        self._kept.append(found)
        return found, shared[found]

    def has(self, tokens: Sequence[int], session: str | None) -> bool:
        """Whether C{tokens} are the beginning of something that is kept for C{session}."""
        wanted = tuple(tokens)
        return any(
            kept.session == session and kept.tokens[: len(wanted)] == wanted for kept in self._kept
        )

    def keep(self, tokens: Sequence[int], session: str | None) -> Kept | None:
        """
        Keep a beginning, in place of what it makes superfluous or has no room beside it.

        @return: C{None} where it is too long, or runs rely on too many others
        """
        if len(tokens) > self._capacity:
            return None
        self._keys += 1
        kept = Kept(self._keys, tuple(tokens), session)
        for other in [other for other in self._kept if _within(other, kept)]:
            self.drop(other)
        while self.tokens + len(kept.tokens) > self._capacity or len(self._kept) >= MOST:
            oldest = next((other for other in self._kept if not other.users), None)
            if oldest is None:
                return None
            self.drop(oldest)
        self._kept.append(kept)
        self.tokens += len(kept.tokens)
        return kept

    def drop(self, kept: Kept) -> None:
        """Keep a beginning no more, unless a run relies on it."""
        if not kept.users:
            self._kept.remove(kept)
            self.tokens -= len(kept.tokens)
            self._dropped(kept)


def common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many first elements two tuples share."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _within(old: Kept, new: Kept) -> bool:
    return old.session == new.session and new.tokens[: len(old.tokens)] == old.tokens
