"""
What recurs in memories: the same error, the same kind of decision, the same theme. Pure.

A pattern is a group of memories that are near each other and come from more than one episode. It
is the pattern that it was as long as it has its memories or its middle: found again with some
more, or some fewer, it keeps its id, and stays dismissed where it was.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from mnemo.memory.ids import MakeId
from mnemo.store.records import Type
from mnemo.store.understanding import Around, FoundPattern, Known, Node, PatternKind
from mnemo.store.vectors import Vector
from mnemo.understanding.clusters import Cluster, clusters, middle
from mnemo.understanding.episodes import episodes
from mnemo.understanding.wording import central, title

VERSION: Final = "1"
"""Raised whenever what is found changes, so that all is looked at anew."""

ALIKE: Final = 0.6
"""The least cosine of a memory to the middle of its pattern."""

LEAST: Final = 3
"""How many memories make a pattern."""

OCCASIONS: Final = 2
"""Of how many episodes they must be."""

SAME: Final = 0.85
"""The cosine of two middles from which they are of one pattern."""

SHARED: Final = 0.5
"""The share of the smaller of two groups that they must share to be one."""

READ: Final = 12
"""Of how many memories title and sentence are made: the nearest to the middle."""

BEGINNING: Final = 200
"""Characters that are shown of a memory in which no sentence is short enough to stand for all."""

ID: Final = "p"
"""How the ids of patterns begin."""

_KINDS: Final[Mapping[Type, PatternKind]] = {
    "error": "recurring_error",
    "decision": "decision_pattern",
}


@frozen(eq=False)
class Recurring:
    """
    A group that recurs.

    @ivar known: the pattern that it is; C{None} where it is new
    @ivar adds: the memories that were no evidence of it yet
    """

    cluster: Cluster
    known: Known | None
    centroid: Vector
    adds: tuple[Node, ...]

    @property
    def read(self) -> tuple[Node, ...]:
        """The memories that it is named after."""
        return self.cluster.nodes[:READ]


def recurring(around: Around) -> list[Recurring]:
    """What recurs among some memories and their neighbours."""
    found = []
    for cluster in clusters(list(around.nodes.values()), ALIKE, LEAST):
        known = same(cluster, around)
        free = tuple(node for node in cluster.nodes if node.key not in around.holds)
        if known is not None:
            found.append(_joined(cluster, known, free))
        elif len(free) >= LEAST and len(episodes(free)) >= OCCASIONS:
            found.append(Recurring(_only(cluster, free), None, middle(_vectors(free)), free))
    return found


def same(cluster: Cluster, around: Around) -> Known | None:
    """The pattern that a group is already: the one that has most of its memories, or its middle."""
    counts = Counter(around.holds[n.key] for n in cluster.nodes if n.key in around.holds)
    best: tuple[float, Known] | None = None
    for known in around.patterns:
        if known.project != cluster.nodes[0].project:
            continue
        smaller = min(len(cluster.nodes), known.evidence) or 1
        shared = counts[known.key] / smaller
        cosine = -1.0 if known.centroid is None else float(known.centroid @ cluster.centroid)
        if shared >= SHARED or cosine >= SAME:
            worth = max(shared, cosine)
            if best is None or worth > best[0]:
                best = (worth, known)
    return best[1] if best else None


def named(
    each: Recurring, texts: Sequence[str], concepts: Mapping[int, Sequence[str]], make_id: MakeId
) -> FoundPattern:
    """
    A group as it is kept.

    @param texts: of the memories that it is named after
    @param concepts: the key phrases of these, by their place
    """
    nodes = each.read
    said = central(texts)
    sentence = said[0].text if said else texts[0][:BEGINNING].strip()
    source = nodes[said[0].source if said else 0]
    return FoundPattern(
        key=each.known.key if each.known else None,
        id=make_id(ID),
        project=nodes[0].project,
        kind=_kind(each.cluster.nodes),
        title=title(texts, concepts, sentence),
        said=sentence,
        source=source.key,
        centroid=each.centroid,
        read=tuple((node.key, node.version) for node in dict.fromkeys((*nodes, *each.adds))),
        adds=tuple(node.key for node in each.adds),
    )


def _joined(cluster: Cluster, known: Known, free: Sequence[Node]) -> Recurring:
    if known.centroid is None:
        return Recurring(cluster, known, cluster.centroid, tuple(free))
    # What is near the group and not near the pattern would make it drift.
    near = tuple(node for node in free if float(node.vector @ known.centroid) >= ALIKE)
    weighed = [known.centroid * max(1, known.evidence), *_vectors(near)]
    return Recurring(cluster, known, middle(weighed), near)


def _only(cluster: Cluster, nodes: Sequence[Node]) -> Cluster:
    return Cluster(tuple(nodes), middle(_vectors(nodes)))


def _vectors(nodes: Sequence[Node]) -> list[Vector]:
    return [node.vector for node in nodes]


def _kind(nodes: Sequence[Node]) -> PatternKind:
    ((most, count),) = Counter(node.type for node in nodes).most_common(1)
    return _KINDS.get(most, "theme") if 2 * count > len(nodes) else "theme"
