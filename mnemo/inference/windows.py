"""
How a text of any length becomes one vector.

A text is cut into pieces, so that tokenising one is a bounded step. The tokens of all its
pieces, in a row, are cut into windows as long as the model takes. The vector of the text is
the mean of its windows' vectors, weighted by their tokens, and normalised. A window's vector
is itself the mean over its tokens, so this is the mean over all tokens of the text. Nothing
is left out, and a text with no tokens is one empty window.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

PIECE: Final = 8_192
"""The longest piece, in characters."""

SPECIAL: Final = 2
"""The model's own tokens around each window: [CLS] before it, [SEP] after it."""


def pieces(text: str, longest: int) -> Iterator[str]:
    """
    C{text} in pieces of at most C{longest} characters, which joined are C{text} again.

    They end after white space; a word longer than a piece is cut. A blank text has none.
    """
    if text.isspace():
        return
    start = 0
    while len(text) - start > longest:
        piece = text[start : start + longest]
        end = len(piece)
        if not text[start + end].isspace():
            begun = "" if piece[-1].isspace() else piece.rsplit(maxsplit=1)[-1]
            end = (end - len(begun)) or end
        yield piece[:end]
        start += end
    if start < len(text):
        yield text[start:]


def windows(tokens: Sequence[int], window: int) -> list[Sequence[int]]:
    """
    C{tokens} in windows of at most C{window - SPECIAL}, at least one.

    @param window: how many tokens the model takes, its own included
    """
    longest = window - SPECIAL
    return [tokens[start : start + longest] for start in range(0, max(len(tokens), 1), longest)]


def cost(tokens: Sequence[int]) -> int:
    """How many tokens the model works on for a window."""
    return len(tokens) + SPECIAL


def weighted(
    vectors: NDArray[np.float32], of_windows: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """
    Each window's vector times its tokens: what is summed up for a text.

    @param vectors: shape C{(len(of_windows), dimensions)}
    """
    weights = np.array([cost(tokens) for tokens in of_windows], np.float32)
    return vectors * weights[:, None]


def normalised(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors of the sums of weighted windows, shape C{(texts, dimensions)}."""
    lengths: NDArray[np.float32] = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, lengths)
