"""What somebody who begins to work in a project should know of it."""

from typing import get_args

from attrs import frozen

from mnemo.store.interfaces import IStore
from mnemo.store.records import Filter, Memory, Type

DECISIONS = 10
"""How many decisions are shown, the newest."""

RECENT = 10
"""How many other memories are shown, the newest."""

_OTHERS: tuple[Type, ...] = tuple(
    each for each in get_args(Type) if each not in ("decision", "handoff")
)


@frozen
class ProjectContext:
    """
    What is known of a project, each newest first.

    @ivar total: how many memories it has, forgotten ones aside
    @ivar handoff: the note that the last session left
    @ivar recent: what is neither a decision nor a handoff
    """

    project: str
    total: int
    handoff: Memory | None
    decisions: tuple[Memory, ...]
    recent: tuple[Memory, ...]


async def project_context(store: IStore, project: str, now: float) -> ProjectContext:
    """What is known of a project at the time C{now}."""

    async def newest(types: tuple[Type, ...], limit: int) -> tuple[Memory, ...]:
        return tuple(await store.newest(Filter(now=now, project=project, types=types), limit))

    handoffs = await newest(("handoff",), 1)
    held = {row.name: row.memories for row in await store.projects()}
    return ProjectContext(
        project=project,
        total=held.get(project, 0),
        handoff=handoffs[0] if handoffs else None,
        decisions=await newest(("decision",), DECISIONS),
        recent=await newest(_OTHERS, RECENT),
    )
