"""What may be of use to what is going on: get_context."""

from typing import Annotated, ClassVar

import msgspec
from attrs import evolve, field, frozen

from mnemo.memory.moments import iso
from mnemo.memory.ranking import Ranked
from mnemo.memory.suggesting import Offered
from mnemo.memory.themes import Suggestion
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens, within
from mnemo.tools.recall import Limit, degraded_as_text
from mnemo.tools.views import (
    BriefView,
    RecalledView,
    counted,
    recalled_as_text,
    recalled_view,
    rest_as_text,
)

SinceMinutes = Annotated[
    float,
    msgspec.Meta(
        description="How many minutes to look back; since the last get_context of this session "
        "where that is longer.",
        ge=0.1,
        le=525_600,
    ),
]


@frozen(kw_only=True, slots=False)
class ContextMetrics:
    """
    How the suggestions came about. Of the recent events encoded_count had concepts, and of
    fallback_count the words were looked at. Candidates_before_dedup memories fit the themes, of
    which candidates_after_dedup had not been shown in this session; novelty_pct is their share.
    Theme_match_counts says of each theme, in their order, how many suggestions share it. Offered
    counts what this session has been offered before, accepted what it was shown of that
    afterwards, because it was asked for. A share of nothing is left out.
    """

    encoded_count: int
    fallback_count: int
    candidates_before_dedup: int
    candidates_after_dedup: int
    theme_match_counts: list[int]
    encoding_queue_depth: int
    offered: int
    accepted: int
    encoding_coverage_pct: float | None = None
    novelty_pct: float | None = None
    acceptance_rate_pct: float | None = None

    def as_text(self) -> str:
        """The metrics in a line."""
        return (
            f"{self.encoded_count} of {self.encoded_count + self.fallback_count} events had "
            f"concepts; {self.candidates_before_dedup} memories fit, "
            f"{self.candidates_after_dedup} not shown yet; offered before "
            f"{self.offered}, of which asked for {self.accepted}; "
            f"{counted(self.encoding_queue_depth, 'memory waits', 'memories wait')}"
            " for their concepts."
        )


@frozen(kw_only=True, slots=False)
class ContextResult:
    """
    What has been going on (themes, the most frequent first) and the memories that have to do with
    it and were not shown in this session yet, best first. Where max_tokens has no room for all
    suggestions, the next come in a line each (brief), and omitted counts the rest. Query_id is for
    feedback.
    """

    project: str
    since: str
    recent_events: int
    themes: list[str]
    query_id: str
    suggestions: list[RecalledView]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None
    metrics: ContextMetrics
    degraded: list[str]

    def text(self) -> str:
        """The themes, then the memories."""
        events = counted(self.recent_events, "event")
        lines = [
            f"{events} in {self.project} since {self.since} (query_id {self.query_id})",
            *degraded_as_text(self.degraded),
        ]
        if not self.recent_events:
            return "\n".join([*lines, "No activity: there is nothing to suggest."])
        lines.append(f"Themes: {', '.join(self.themes) or 'none'}")
        shown = [recalled_as_text(memory) for memory in self.suggestions]
        shown += rest_as_text(self.brief, self.omitted)
        lines += shown or ["Nothing that fits and was not shown in this session yet."]
        return "\n".join([*lines, self.metrics.as_text()])


@frozen(kw_only=True, slots=False)
class _Fitting:
    """A result whose suggestions are cut to a budget."""

    bare: ContextResult
    memories: list[RecalledView]
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None

    def text(self) -> str:
        """What the result says."""
        return self.whole().text()

    def whole(self) -> ContextResult:
        """The result."""
        return evolve(self.bare, suggestions=self.memories, brief=self.brief, omitted=self.omitted)


@frozen(kw_only=True)
class GetContext(Tool):
    """
    Be told what may be of use to what you are doing, without asking a question: memories that
    share themes with what was remembered and recalled in this project lately, and that this
    session has not been shown yet. Call it now and then during long work, or when the subject
    changes. What was forgotten or judged irrelevant too often is not among them.
    """

    name: ClassVar[str] = "get_context"
    title: ClassVar[str] = "Get what may be of use"
    hints: ClassVar[Hints] = READS

    since_minutes: SinceMinutes = 10
    limit: Limit = 5
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> ContextResult:
        """Look at what happened, and search."""
        memories = call.memories
        project = await scope.project_asked(call, "")
        since = call.now - self.since_minutes * 60
        offered = await memories.suggesting.suggest(call.session.id, project, since, self.limit)
        waiting = (await memories.store.jobs.counts()).waiting
        room = Cost.allowed(self.max_tokens)
        themes = _fitting_themes([theme.name for theme in offered.themes], room // 4)
        bare = ContextResult(
            project=scope.project_shown(project),
            since=iso(offered.since),
            recent_events=offered.events,
            themes=themes,
            query_id=offered.query_id,
            suggestions=[],
            metrics=_metrics(offered, themes, waiting),
            degraded=list(offered.degraded),
        )
        views = [_view(each, call.now) for each in offered.suggestions]
        return within(_Fitting(bare=bare, memories=views), room).whole()


def _view(suggestion: Suggestion, now: float) -> RecalledView:
    ranked = Ranked(suggestion.candidate.memory, suggestion.score, ())
    return recalled_view(ranked, now, False, None)


def _metrics(offered: Offered, themes: list[str], waiting: int) -> ContextMetrics:
    shared = [name for each in offered.suggestions for name in each.themes]
    return ContextMetrics(
        encoded_count=offered.encoded,
        fallback_count=offered.events - offered.encoded,
        encoding_coverage_pct=_share(offered.encoded, offered.events),
        candidates_before_dedup=offered.before,
        candidates_after_dedup=offered.after,
        novelty_pct=_share(offered.after, offered.before),
        theme_match_counts=[shared.count(name) for name in themes],
        encoding_queue_depth=waiting,
        offered=offered.offered,
        accepted=offered.accepted,
        acceptance_rate_pct=_share(offered.accepted, offered.offered),
    )


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _fitting_themes(names: list[str], room: Cost) -> list[str]:
    """The first of these names, as many as there is room for."""
    while names and not Cost.of(", ".join(names), names).within(room):
        names = names[:-1]
    return names
