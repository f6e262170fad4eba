"""Which memories belong to one piece of work: by project, session, time and topic. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mnemo.store.understanding import Node

GAP: Final = 3600.0
"""Seconds of silence after which another episode begins."""

TOPIC: Final = 0.15
"""The cosine to the episode so far below which a memory is about something else."""


def episodes(nodes: Iterable[Node]) -> list[tuple[Node, ...]]:
    """
    The episodes of some memories, oldest first, whatever their order.

    One ends where the project or the session is another, where an hour passes, and where two
    memories in a row have nothing to do with what was said before: one alone is an aside.
    """
    ordered = sorted(nodes, key=lambda each: (each.project, each.session, each.created, each.key))
    found = [part for run in _runs(ordered) for part in _by_topic(run)]
    return sorted(found, key=lambda each: (each[0].created, each[0].key))


def _runs(ordered: Sequence[Node]) -> Iterator[list[Node]]:
    run: list[Node] = []
    for node in ordered:
        if run and not _goes_on(run[-1], node):
            yield run
            run = []
        run.append(node)
    if run:
        yield run


def _goes_on(last: Node, node: Node) -> bool:
    same = (last.project, last.session) == (node.project, node.session)
    return same and node.created - last.created <= GAP


def _by_topic(run: Sequence[Node]) -> Iterator[tuple[Node, ...]]:
    part: list[Node] = []
    for number, node in enumerate(run):
        if part and not _fits(part, node):
            following = run[number + 1] if number + 1 < len(run) else None
            if following is None or not _fits(part, following):
                yield tuple(part)
                part = []
        part.append(node)
    yield tuple(part)


def _fits(part: Sequence[Node], node: Node) -> bool:
    # The sum points where the mean does.
    so_far = part[0].vector.copy()
    for each in part[1:]:
        so_far += each.vector
    length = float((so_far @ so_far) ** 0.5) or 1.0
    return float(so_far @ node.vector) / length >= TOPIC
