"""Which memories say much the same. Pure."""

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from mnemo.store.understanding import Node
from mnemo.store.vectors import Vector


@frozen(eq=False)
class Cluster:
    """
    Memories of one project around a middle.

    @ivar nodes: the nearest to the middle first
    @ivar centroid: of length 1
    """

    nodes: tuple[Node, ...]
    centroid: Vector


def clusters(nodes: Sequence[Node], alike: float, least: int) -> list[Cluster]:
    """
    Groups of at least C{least} memories, none in two of them.

    The memory that has the most others near it leads, and takes those; what is not near the
    middle of what it took is let go. So a chain of memories, each a little like the next, makes no
    group, and no group grows to hold everything.

    @param alike: the least cosine to the leader, and to the middle
    """
    found: list[Cluster] = []
    for project in sorted({node.project for node in nodes}):
        own = sorted((n for n in nodes if n.project == project), key=lambda each: each.key)
        found += _of_project(own, alike, least)
    return found


def middle(vectors: Sequence[Vector]) -> Vector:
    """Their mean, of length 1."""
    total: Vector = np.stack(vectors).sum(axis=0, dtype=np.float32)
    length = float(np.linalg.norm(total))
    return total / np.float32(length or 1.0)


def _of_project(nodes: Sequence[Node], alike: float, least: int) -> Iterator[Cluster]:
    if len(nodes) < least:
        return
    vectors = np.stack([node.vector for node in nodes])
    near: NDArray[np.bool_] = vectors @ vectors.T >= alike
    free = np.ones(len(nodes), np.bool_)
    while True:
        counts = np.where(free, (near & free).sum(axis=1), 0)
        leader = int(counts.argmax())
        if counts[leader] < least:
            return
        taken = np.flatnonzero(near[leader] & free)
        centroid = middle(list(vectors[taken]))
        cosines = vectors[taken] @ centroid
        kept = [(float(c), int(at)) for c, at in zip(cosines, taken, strict=True) if c >= alike]
        if len(kept) >= least:
            kept.sort(key=lambda each: (-each[0], each[1]))
            members = [at for _, at in kept]
            free[members] = False
            yield Cluster(tuple(nodes[at] for at in members), middle(list(vectors[members])))
        free[leader] = False
