"""A growing matrix of unit vectors in half precision, and exact cosines with its rows."""

import math
from collections.abc import Iterator

import numkong
import numpy as np
from numpy.typing import NDArray

Half = NDArray[np.float16]
Mask = NDArray[np.bool_]
Slots = NDArray[np.intp]
Cosines = NDArray[np.float64]

_BLOCK = 8192
"""Rows in a block. A new block costs the same however many there are; nothing is copied."""


def unit(vector: NDArray[np.floating]) -> Half:
    """
    The vector at length 1, in half precision; zeros stay zeros.

    @raise ValueError: it has infinities, or what is no number
    """
    whole = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(whole))
    if not math.isfinite(length):
        raise ValueError("a vector with elements that are not finite")
    return (whole / length if length else whole).astype(np.float16)


def units(vectors: NDArray[np.floating]) -> Half:
    """L{unit} of each row."""
    whole = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(whole, axis=1)
    if not np.isfinite(lengths).all():
        raise ValueError("a vector with elements that are not finite")
    lengths[lengths == 0.0] = 1.0
    made: Half = (whole / lengths[:, None]).astype(np.float16)
    return made


class Rows:
    """
    Unit vectors by slot.

    One thread changes rows, others read meanwhile: a reader may see a row that changes right
    now half changed, once.

    @ivar present: for each slot that there is room for, whether it has a vector
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.present: Mask = np.zeros(_BLOCK, dtype=np.bool_)
        self._blocks: list[Half] = []

    def has(self, slot: int) -> bool:
        """Whether a slot has a vector."""
        return slot < len(self.present) and bool(self.present[slot])

    def put(self, slot: int, row: Half) -> None:
        """Set the row of a slot, making room for it where there is none."""
        self._make_room(slot)
        self._blocks[slot // _BLOCK][slot % _BLOCK] = row
        self.present[slot] = True

    def _make_room(self, slot: int) -> None:
        while slot >= _BLOCK * len(self._blocks):
            self._blocks.append(np.zeros((_BLOCK, self.dimensions), dtype=np.float16))
        if slot >= len(self.present):
            grown = np.zeros(max(2 * len(self.present), slot + 1), dtype=np.bool_)
            grown[: len(self.present)] = self.present
            self.present = grown

    def put_all(self, slots: Slots, rows: Half) -> None:
        """Set the rows of these slots, which ascend."""
        if not len(slots):
            return
        self._make_room(int(slots[-1]))
        numbers, inside = np.divmod(slots, _BLOCK)
        for number in np.unique(numbers).tolist():
            here = numbers == number
            self._blocks[number][inside[here]] = rows[here]
        self.present[slots] = True

    def remove(self, slot: int) -> None:
        """Overwrite the row of a slot that has one."""
        self.present[slot] = False
        self._blocks[slot // _BLOCK][slot % _BLOCK] = 0

    def at(self, slots: Slots) -> Half:
        """The rows of these slots, which have vectors, as a matrix of their own."""
        gathered = np.empty((len(slots), self.dimensions), dtype=np.float16)
        numbers, inside = np.divmod(slots, _BLOCK)
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], np.arange(len(self._blocks) + 1)).tolist()
        for block, start, end in zip(self._blocks, ends, ends[1:], strict=False):
            if start < end:
                here = order[start:end]
                gathered[here] = block[inside[here]]
        return gathered

    def chosen(self, mask: Mask) -> Iterator[tuple[Slots, Half]]:
        """The slots that a mask chooses, ascending, with their rows, some thousand at a time."""
        for number, block in enumerate(self._blocks):
            inside = np.flatnonzero(mask[number * _BLOCK : (number + 1) * _BLOCK])
            if len(inside):
                yield inside + number * _BLOCK, block[inside]

    def cosines(self, query: Half, mask: Mask) -> tuple[Slots, Cosines]:
        """The slots that a mask chooses, and the cosine of each with the query."""
        chosen = np.flatnonzero(mask)
        # Copying few rows out costs less than multiplying all; copying many costs more.
        if 4 * len(chosen) < _BLOCK:
            return chosen, products(query, self.at(chosen))
        slots: list[Slots] = []
        scores: list[Cosines] = []
        for number, block in enumerate(self._blocks):
            inside = np.flatnonzero(mask[number * _BLOCK : (number + 1) * _BLOCK])
            if not len(inside):
                continue
            slots.append(inside + number * _BLOCK)
            if 4 * len(inside) < _BLOCK:
                scores.append(products(query, block[inside]))
            else:
                scores.append(products(query, block)[inside])
        return np.concatenate(slots), np.concatenate(scores)


def products(query: Half, matrix: Half) -> Cosines:
    """
    The cosine of a unit vector with each row, made without the interpreter lock.

    numpy multiplies half precision twenty times slower.
    """
    if not len(matrix):
        return np.empty(0)
    made: Cosines = np.asarray(numkong.cdist(query[np.newaxis], matrix, "dot"))[0]
    # Rounded to half precision a unit vector may be a little longer than one.
    return np.clip(made, -1.0, 1.0)
