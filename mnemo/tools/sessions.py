"""What was remembered in which session: recall_session, list_sessions, session_summary."""

from collections import Counter
from typing import Annotated, ClassVar

import msgspec
from attrs import field, frozen

from mnemo.memory.moments import iso
from mnemo.store.search import Filter
from mnemo.store.sessions import SessionRow
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens, within
from mnemo.tools.interfaces import ToolError
from mnemo.tools.recall import Limit
from mnemo.tools.summaries import summarised
from mnemo.tools.views import BriefView, MemoryView, as_text, counted, rest_as_text, view

COUNTED = 1000
"""How many memories of a session session_summary looks at."""

SHOWN = 20
"""How many of them it shows."""

AnySession = Annotated[
    str,
    msgspec.Meta(
        description='The id of a session; "current" is the session of this call.',
        min_length=1,
        max_length=200,
    ),
]

ThisSession = Annotated[
    str,
    msgspec.Meta(
        description='The id of a session. Left out or "current": the session of this call.',
        max_length=200,
    ),
]

ListLimit = Annotated[int, msgspec.Meta(description="How many sessions at most.", ge=1, le=100)]

DaysBack = Annotated[
    float, msgspec.Meta(description="How many days to look back.", ge=0.01, le=36500)
]


@frozen(kw_only=True, slots=False)
class SessionView:
    """A session. Times are UTC; ended_at and reason are left out while it lives."""

    id: str
    client: str
    project: str = ""
    started_at: str
    active_at: str
    ended_at: str = ""
    reason: str = ""


@frozen(kw_only=True, slots=False)
class SessionMemories:
    """
    What a session remembered, newest first. Where max_tokens has no room for all, the next come
    in a line each (brief), and omitted counts the rest.
    """

    session: SessionView
    memories: list[MemoryView]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None

    def text(self) -> str:
        """The session, then its memories."""
        lines = [as_text(memory) for memory in self.memories]
        lines += rest_as_text(self.brief, self.omitted)
        return "\n".join([session_as_text(self.session), *(lines or ["It remembered nothing."])])


@frozen(kw_only=True)
class RecallSession(Tool):
    """
    List what one session remembered, newest first. list_sessions shows the ids.
    """

    name: ClassVar[str] = "recall_session"
    title: ClassVar[str] = "Recall a session"
    hints: ClassVar[Hints] = READS

    session_id: AnySession
    limit: Limit = 20
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> SessionMemories:
        """Look them up."""
        session = await find_session(call, self.session_id)
        wanted = Filter(now=call.now, session=session.id)
        found = await call.memories.store.newest(wanted, self.limit)
        call.shows(found)
        memories = [view(each, call.now) for each in found]
        result = SessionMemories(session=session, memories=memories)
        room = Cost.allowed(self.max_tokens)
        return await summarised(call, within(result, room), room)


@frozen(kw_only=True, slots=False)
class ListedSession:
    """A session and what it remembered. First and last are left out where that is nothing."""

    session: SessionView
    memories: int
    first_memory_at: str = ""
    last_memory_at: str = ""


@frozen(kw_only=True, slots=False)
class SessionList:
    """Sessions, latest first."""

    project: str
    days_back: float
    sessions: list[ListedSession]

    def text(self) -> str:
        """A line for each session."""
        number = counted(len(self.sessions), "session")
        lines = [f"{number} in {self.project} in the last {self.days_back:g} days"]
        for listed in self.sessions:
            kept = counted(listed.memories, "memory", "memories")
            lines.append(f"{session_as_text(listed.session)}; {kept}")
        return "\n".join(lines)


@frozen(kw_only=True)
class ListSessions(Tool):
    """
    List the sessions that were active in the last days, latest first, with how much each
    remembered. recall_session shows what it was.
    """

    name: ClassVar[str] = "list_sessions"
    title: ClassVar[str] = "List sessions"
    hints: ClassVar[Hints] = READS

    limit: ListLimit = 10
    days_back: DaysBack = 30.0
    project: scope.Project = ""
    format: scope.Format = "text"

    async def run(self, call: Call) -> SessionList:
        """Look them up."""
        project = await scope.project_asked(call, self.project)
        since = call.now - self.days_back * 86400
        found = await call.memories.store.sessions.summaries(since, self.limit, project)
        return SessionList(
            project=scope.project_shown(project),
            days_back=self.days_back,
            sessions=[
                ListedSession(
                    session=session_view(each.row),
                    memories=each.memories,
                    first_memory_at=_iso(each.first),
                    last_memory_at=_iso(each.last),
                )
                for each in found
            ],
        )


@frozen(kw_only=True, slots=False)
class SessionSummary:
    """
    What a session remembered: how much of each type, and the newest memories. Complete is false
    where it remembered more than were counted. Where max_tokens has no room for the newest, the
    next come in a line each (brief), and omitted counts the rest of them.
    """

    session: SessionView
    by_type: dict[str, int]
    complete: bool
    memories: list[MemoryView]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None

    def text(self) -> str:
        """The counts, then the newest memories, grouped by type."""
        total = sum(self.by_type.values())
        kept = counted(total, "memory", "memories") + ("" if self.complete else " or more")
        kinds = ", ".join(f"{number} {kind}" for kind, number in self.by_type.items())
        lines = [session_as_text(self.session), f"{kept}{': ' if kinds else ''}{kinds}"]
        for kind in self.by_type:
            lines += [as_text(memory) for memory in self.memories if memory.type == kind]
        lines += rest_as_text(self.brief, self.omitted)
        return "\n".join(lines)


@frozen(kw_only=True)
class SummariseSession(Tool):
    """
    Sum up one session, by default this one: how many memories of each type it made, and the
    newest of them. Of use before create_handoff.
    """

    name: ClassVar[str] = "session_summary"
    title: ClassVar[str] = "Sum up a session"
    hints: ClassVar[Hints] = READS

    session_id: ThisSession = scope.CURRENT
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> SessionSummary:
        """Count and list."""
        session = await find_session(call, self.session_id)
        wanted = Filter(now=call.now, session=session.id)
        found = await call.memories.store.newest(wanted, COUNTED)
        call.shows(found[:SHOWN])
        by_type: Counter[str] = Counter(memory.type for memory in found)
        result = SessionSummary(
            session=session,
            by_type=dict(by_type.most_common()),
            complete=len(found) < COUNTED,
            memories=[view(memory, call.now) for memory in found[:SHOWN]],
        )
        room = Cost.allowed(self.max_tokens)
        return await summarised(call, within(result, room), room)


async def find_session(call: Call, asked: str) -> SessionView:
    """The session asked for. Raises L{ToolError} where there is none."""
    wanted = scope.session_asked(call, asked)
    row = await call.memories.store.sessions.find(wanted)
    if row is None:
        raise ToolError(f"no session has the id {wanted[:80]!r}; list_sessions shows them")
    return session_view(row)


def session_view(row: SessionRow) -> SessionView:
    """A session as an answer shows it."""
    return SessionView(
        id=row.id,
        client=" ".join(part for part in (row.client, row.client_version) if part),
        project=row.project,
        started_at=iso(row.created),
        active_at=iso(row.active),
        ended_at=_iso(row.ended),
        reason=row.reason,
    )


def session_as_text(session: SessionView) -> str:
    """A session in a line."""
    ended = f"ended {session.ended_at} ({session.reason})" if session.ended_at else "live"
    parts = (
        session.id,
        session.client or "unknown client",
        scope.project_shown(session.project),
        f"{session.started_at} to {session.active_at}",
        ended,
    )
    return "; ".join(parts)


def _iso(seconds: float | None) -> str:
    return "" if seconds is None else iso(seconds)
