"""What memories come to: get_insights, and the abstractions that a recall shows beside memories."""

from collections.abc import Sequence
from typing import ClassVar

from attrs import asdict, frozen

from mnemo.store.understanding import Abstraction, Pattern
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens
from mnemo.tools.listing import fitted
from mnemo.tools.patterns import (
    BESIDE_MEMORIES,
    EVIDENCE_SHOWN,
    NOT_LOOKED_FOR,
    Limit,
    PatternView,
)
from mnemo.tools.views import counted, rest_as_text
from mnemo.understanding.observations import Facts, observations
from mnemo.understanding.strength import strength


@frozen(kw_only=True, slots=False)
class AbstractionView:
    """
    What the memories behind one pattern (level 1) or several (level 2) come to. Copied from them
    where model is "extractive"; else a language model's words, of which none is without its like
    in the evidence. Confidence is the strength of its strongest pattern.
    """

    id: str
    title: str
    level: int
    confidence: float
    description: str
    model: str
    patterns: list[str]
    evidence: list[str]
    project: str = ""


@frozen(kw_only=True, slots=False)
class ObservationView:
    """Something about the memory itself, and what can be done about it."""

    name: str
    severity: str
    text: str
    advice: str


@frozen(kw_only=True, slots=False)
class Insights:
    """
    Observations about the memory itself, and abstractions, those of the strongest patterns first.
    Omitted counts the abstractions for which max_tokens has no room.
    """

    project: str
    observations: list[ObservationView]
    abstractions: list[AbstractionView]
    notice: str = ""
    omitted: int | None = None

    def text(self) -> str:
        """The observations, then a paragraph for each abstraction."""
        number = len(self.abstractions) + (self.omitted or 0)
        lines = [
            f"{counted(number, 'insight')} in {self.project}, "
            f"{counted(len(self.observations), 'observation')}.",
            *filter(None, [self.notice]),
        ]
        lines += [f"{each.severity}: {each.text} {each.advice}" for each in self.observations]
        lines += map(abstraction_as_text, self.abstractions)
        return "\n".join(lines + rest_as_text([], self.omitted))


@frozen(kw_only=True)
class GetInsights(Tool):
    """
    See what the memories of a project come to, each insight with the memories that it is made of,
    and what there is to know of the memory itself: how often it is irrelevant, what waits, how
    many memories differ in a figure and nobody has said which is right. dismiss_abstraction takes
    an insight away; it does not come back.
    """

    name: ClassVar[str] = "get_insights"
    title: ClassVar[str] = "Insights"
    hints: ClassVar[Hints] = READS

    limit: Limit = 10
    project: scope.Project = ""
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> Insights:
        """Look them up, and count."""
        project = await scope.project_asked(call, self.project)
        memories = call.memories
        kept = memories.store.understanding
        found = await _views(call, await kept.abstractions(project))
        on = memories.studies_patterns
        facts = Facts(
            await memories.store.statistics(call.now),
            await memories.store.jobs.counts(),
            await kept.unresolved(),
            await memories.store.studies.counts("patterns") if on else None,
        )
        result = Insights(
            project=scope.project_shown(project),
            observations=[ObservationView(**asdict(each)) for each in observations(facts)],
            abstractions=found[: self.limit],
            notice="" if on else NOT_LOOKED_FOR,
        )
        return fitted(result, "abstractions", Cost.allowed(self.max_tokens))


async def abstractions_of(call: Call, patterns: Sequence[PatternView]) -> list[AbstractionView]:
    """The abstractions of patterns."""
    if not patterns:
        return []
    found = await call.memories.store.understanding.stated([each.id for each in patterns])
    return (await _views(call, found))[:BESIDE_MEMORIES]


async def _views(call: Call, abstractions: Sequence[Abstraction]) -> list[AbstractionView]:
    """Abstractions as they are shown, those of the strongest patterns first."""
    named = list(dict.fromkeys(one for each in abstractions for one in each.patterns))
    if not named:
        return []
    kept = call.memories.store.understanding
    known = {each.id: each for each in await kept.patterns(ids=named, dismissed=True)}
    views = [_view(each, known, call.now) for each in abstractions]
    return sorted((each for each in views if each.evidence), key=lambda each: -each.confidence)


def _view(abstraction: Abstraction, patterns: dict[str, Pattern], now: float) -> AbstractionView:
    known = [patterns[each] for each in abstraction.patterns if each in patterns]
    return AbstractionView(
        id=abstraction.id,
        title=abstraction.title,
        level=abstraction.level,
        confidence=round(max((strength(each, now) for each in known), default=0.0), 3),
        description=abstraction.statement,
        model=abstraction.model,
        patterns=list(abstraction.patterns),
        evidence=list(abstraction.evidence[:EVIDENCE_SHOWN]),
        project=abstraction.project,
    )


def abstraction_as_text(abstraction: AbstractionView) -> str:
    """An abstraction in some lines."""
    said = abstraction.description.replace("\n", "\n  ")
    return (
        f"[{abstraction.confidence:.2f}] {abstraction.id}: {abstraction.title} "
        f"({abstraction.model})\n  {said} — {', '.join(abstraction.evidence)}"
    )
