"""
Which beginnings of prompts are kept computed. Plain state: no model, no clock.

A beginning that is the same in every request of a kind is kept for all. What a session has
asked and was answered is kept for that session alone. Each has a sequence of its own in the
model's cache, and those that were used least recently give way.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field

WORTH_KEEPING: Final = 16
"""A shorter beginning is computed faster than it is looked after, in tokens."""


@define(eq=False)
class Kept:
    """
    A computed beginning.

    @ivar session: whose it is; C{None} is everybody's
    @ivar users: how many runs have begun with it and rely on it to stay
    """

    sequence: int
    tokens: tuple[int, ...]
    session: str | None
    users: int = field(default=0)


class PrefixCache:
    """
    The beginnings that are kept.

    @ivar tokens: how many tokens they hold together
    """

    def __init__(self) -> None:
        self.tokens = 0
        # Those that were used least recently first.
        self._kept: list[Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

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

    def keep(self, sequence: int, tokens: Sequence[int], session: str | None) -> list[Kept]:
        """
        Keep what is in C{sequence}.

        @return: what it makes superfluous, and is kept no more
        """
        kept = Kept(sequence, tuple(tokens), session)
        old = [other for other in self._kept if _within(other, kept) and not other.users]
        for other in old:
            self._drop(other)
        self._kept.append(kept)
        self.tokens += len(kept.tokens)
        return old

    def give_way(self) -> Kept | None:
        """Keep one less: the least recently used one that no run relies on, if there is one."""
        found = next((kept for kept in self._kept if not kept.users), None)
        if found is not None:
            self._drop(found)
        return found

    def _drop(self, kept: Kept) -> None:
        self._kept.remove(kept)
        self.tokens -= len(kept.tokens)


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
