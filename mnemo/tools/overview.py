"""Looking over what is kept: recall_project, recall_timeline."""

from typing import Annotated, ClassVar

import msgspec
from attrs import asdict, evolve, field, frozen

from mnemo.memory.context import left_behind
from mnemo.memory.recall import Question
from mnemo.store.records import Statistics
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens, cost_of, shortened, within
from mnemo.tools.drafts import DraftView, draft_view
from mnemo.tools.patterns import PatternView, pattern_as_text, strong_patterns
from mnemo.tools.recall import Limit, degraded_as_text, recalled_views
from mnemo.tools.summaries import summarised
from mnemo.tools.views import (
    BriefView,
    MemoryView,
    RecalledView,
    as_text,
    counted,
    listed_view,
    recalled_as_text,
    rest_as_text,
    view,
)

OptionalQuery = Annotated[
    str, msgspec.Meta(description="What to look for. Left out: the newest.", max_length=10_000)
]


@frozen(kw_only=True, slots=False)
class ProjectResult:
    """
    What is known of a project: the latest handoff, and the memories that answer the query, best
    first, or without a query the newest. Draft is there where a session went on after that and
    left no handoff. Total counts all that it holds. Where max_tokens has no room for all, the
    next come in a line each (brief), and omitted counts the rest. Patterns are what recurs in it,
    the strongest first.
    """

    project: str
    total: int
    draft: DraftView | None = None
    handoff: MemoryView | None = None
    query_id: str = ""
    memories: list[RecalledView]
    degraded: list[str]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None
    patterns: list[PatternView] = field(factory=list)

    def text(self) -> str:
        """The handoff, then the memories."""
        kept = counted(self.total, "memory", "memories")
        lines = [f"{self.project}: {kept}.", *degraded_as_text(self.degraded)]
        if self.draft is not None:
            lines += ["", self.draft.as_text(), ""]
        if self.handoff is not None:
            lines += ["", f"Latest handoff: {as_text(self.handoff)}", ""]
        if self.query_id:
            lines.append(f"What answers the query (query_id {self.query_id}):")
        elif self.memories or self.brief or self.omitted:
            lines.append("Newest:")
        shown = [recalled_as_text(memory) for memory in self.memories]
        shown += rest_as_text(self.brief, self.omitted)
        if self.patterns:
            shown += ["What recurs:", *map(pattern_as_text, self.patterns)]
        return "\n".join([*lines, *(shown or ["Nothing found."])])

    def within(self, room: Cost) -> "ProjectResult":
        """
        The same, cut to C{room}. A draft has a third of it at most. The handoff has half of the
        rest and what the memories leave; where that is too little, it comes in a line before them.
        """
        if self.draft is not None:
            bare = evolve(self, draft=None)
            draft = self.draft.within(room // 3)
            cost = cost_of(evolve(self, draft=draft)) - cost_of(bare)
            return evolve(bare.within(room - cost), draft=draft)
        if self.handoff is None:
            return within(self, room)
        bare = evolve(self, handoff=None)
        left = room - cost_of(within(bare, room // 2)) - _AROUND_HANDOFF
        handoff = shortened(self.handoff, left, longest=len(self.handoff.text))
        if handoff is None:
            first = RecalledView(**asdict(self.handoff, recurse=False))
            return within(evolve(bare, memories=[first, *self.memories]), room)
        return within(evolve(self, handoff=handoff), room)


_AROUND_HANDOFF = Cost(40, 20)
"""What stands around the handoff in an answer."""


@frozen(kw_only=True)
class RecallProject(Tool):
    """
    Get to know a project, or get back to it: the latest handoff first, or where the last session
    left none a draft made from its memories, then the newest memories, or with a query those that
    answer it. Call it when a session begins. What max_tokens has no room for comes as its
    beginning or in a line, with its id: check_memory shows it whole.
    """

    name: ClassVar[str] = "recall_project"
    title: ClassVar[str] = "Recall a project"
    hints: ClassVar[Hints] = READS
    always_loaded: ClassVar[bool] = True

    project: scope.Project = ""
    query: OptionalQuery = ""
    limit: Limit = 10
    type: scope.TypeAsked = None
    source: scope.Source = ""
    min_salience: scope.MinSalience = 0.0
    state: scope.StateAsked = None
    max_tokens: MaxTokens = 3_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> ProjectResult:
        """Look up, and search where something is asked."""
        wanted = await scope.wanted(
            call,
            project=self.project,
            type=self.type,
            source=self.source,
            min_salience=self.min_salience,
            state=self.state,
        )
        left = await left_behind(call.memories.store, wanted.project, call.now)
        answer = None
        if self.query.strip():
            question = Question(self.query, wanted, self.limit)
            answer = await call.memories.recalling.recall(question, call.session.id)
            memories = recalled_views(answer)
        else:
            newest = await call.memories.store.newest(wanted, self.limit + 1)
            found = [each for each in newest if each != left.handoff]
            memories = [listed_view(each, call.now) for each in found[: self.limit]]
            call.shows([*found[: self.limit], *filter(None, [left.handoff])])
        result = ProjectResult(
            project=scope.project_shown(wanted.project),
            total=await self._total(call, wanted.project),
            draft=draft_view(left.draft),
            handoff=view(left.handoff, call.now) if left.handoff else None,
            query_id=answer.query_id if answer else "",
            memories=memories,
            degraded=list(answer.degraded) if answer else [],
        )
        room = Cost.allowed(self.max_tokens)
        result = evolve(result, patterns=await strong_patterns(call, wanted.project, room // 5))
        return await summarised(call, result.within(room), room)

    async def _total(self, call: Call, project: str | None) -> int:
        statistics: Statistics = await call.memories.store.statistics(call.now)
        if project is None:
            return statistics.active + statistics.fading
        return statistics.by_project.get(project, 0)


@frozen(kw_only=True, slots=False)
class Timeline:
    """
    What was remembered in the last hours, newest first. Where max_tokens has no room for all,
    the next come in a line each (brief), and omitted counts the rest.
    """

    project: str
    hours_back: float
    memories: list[MemoryView]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None

    def text(self) -> str:
        """The memories, newest first."""
        found = len(self.memories) + len(self.brief) + (self.omitted or 0)
        number = counted(found, "memory", "memories")
        lines = [f"{number} in {self.project} in the last {self.hours_back:g} hours"]
        lines += map(as_text, self.memories)
        return "\n".join(lines + rest_as_text(self.brief, self.omitted))


@frozen(kw_only=True)
class RecallTimeline(Tool):
    """
    List what was remembered in the last hours, newest first: what happened, rather than what
    answers a question.
    """

    name: ClassVar[str] = "recall_timeline"
    title: ClassVar[str] = "Recall a span of time"
    hints: ClassVar[Hints] = READS

    hours_back: scope.HoursBack = 24.0
    limit: Limit = 20
    project: scope.Project = ""
    type: scope.TypeAsked = None
    source: scope.Source = ""
    state: scope.StateAsked = None
    min_salience: scope.MinSalience = 0.0
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> Timeline:
        """Look up."""
        wanted = await scope.wanted(
            call,
            project=self.project,
            type=self.type,
            source=self.source,
            since=self.hours_back,
            state=self.state,
            min_salience=self.min_salience,
        )
        found = await call.memories.store.newest(wanted, self.limit)
        call.shows(found)
        result = Timeline(
            project=scope.project_shown(wanted.project),
            hours_back=self.hours_back,
            memories=[view(each, call.now) for each in found],
        )
        room = Cost.allowed(self.max_tokens)
        return await summarised(call, within(result, room), room)
