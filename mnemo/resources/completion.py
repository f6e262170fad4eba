"""What may stand where a name or an id is asked for: what begins like it, the likeliest first."""

from collections.abc import Sequence

from mnemo.memory.memories import Memories
from mnemo.store.records import Type
from mnemo.store.search import Filter
from mnemo.tools.interfaces import CallContext

RECENT = 200
"""How many of the newest memories, and of the latest sessions, are looked at."""

DAYS = 90
"""How many days of sessions are looked at."""


async def project_names(memories: Memories, value: str, context: CallContext) -> Sequence[str]:
    """Projects: the session's own, then the one with the newest memory, and so on."""
    own = context.session.project
    rows = await memories.store.projects()
    names = dict.fromkeys([own, *(row.name for row in rows)] if own else [row.name for row in rows])
    return beginning_with(value, list(names))


async def memory_ids(
    memories: Memories, value: str, context: CallContext, types: tuple[Type, ...] = ()
) -> Sequence[str]:
    """The newest memories of the session's project."""
    wanted = Filter(
        now=memories.clock.seconds(), project=context.session.project or None, types=types
    )
    return beginning_with(value, [each.id for each in await memories.store.newest(wanted, RECENT)])


async def session_ids(memories: Memories, value: str, context: CallContext) -> Sequence[str]:
    """The latest sessions of the session's project; the session itself comes first."""
    since = memories.clock.seconds() - DAYS * 86400
    project = context.session.project or None
    found = await memories.store.sessions.summaries(since, RECENT, project)
    names = dict.fromkeys([context.session.id, *(each.row.id for each in found)])
    return beginning_with(value, list(names))


def beginning_with(value: str, names: Sequence[str]) -> Sequence[str]:
    """Those of C{names} that begin with C{value}, whatever the case."""
    typed = value.strip().casefold()
    return [name for name in names if name.casefold().startswith(typed)]
