"""What somebody who begins to work in a project should know of it."""

from typing import get_args

from attrs import frozen

from mnemo.store.drafts import Draft
from mnemo.store.interfaces import IStore
from mnemo.store.records import Memory, Type
from mnemo.store.search import Filter

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
    @ivar handoff: the note that a session left last
    @ivar draft: where a later session left none, what was drafted from its memories
    @ivar recent: what is neither a decision nor a handoff
    """

    project: str
    total: int
    handoff: Memory | None
    draft: Draft | None
    decisions: tuple[Memory, ...]
    recent: tuple[Memory, ...]


@frozen
class LeftBehind:
    """
    What the last sessions left to the next.

    @ivar handoff: the newest that somebody has written
    @ivar draft: what was drafted for a session that went on after that and left none
    """

    handoff: Memory | None
    draft: Draft | None


async def left_behind(store: IStore, project: str | None, now: float) -> LeftBehind:
    """What the last sessions left in a project, or in any."""
    found = await store.newest(Filter(now=now, project=project, types=("handoff",)), 1)
    handoff = found[0] if found else None
    draft = await store.drafts.latest(project)
    if draft is not None and handoff is not None and draft.at <= handoff.created:
        draft = None
    return LeftBehind(handoff, draft)


async def project_context(store: IStore, project: str, now: float) -> ProjectContext:
    """What is known of a project at the time C{now}."""

    async def newest(types: tuple[Type, ...], limit: int) -> tuple[Memory, ...]:
        return tuple(await store.newest(Filter(now=now, project=project, types=types), limit))

    left = await left_behind(store, project, now)
    held = {row.name: row.memories for row in await store.projects()}
    return ProjectContext(
        project=project,
        total=held.get(project, 0),
        handoff=left.handoff,
        draft=left.draft,
        decisions=await newest(("decision",), DECISIONS),
        recent=await newest(_OTHERS, RECENT),
    )
