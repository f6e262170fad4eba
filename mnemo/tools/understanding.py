"""What memories have in common: get_patterns, get_insights, dismiss_pattern and its like."""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Protocol, TypeVar

import msgspec
from attrs import evolve, frozen

from mnemo.memory.moments import iso
from mnemo.store.understanding import Abstraction, Pattern, PatternKind
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens, cost_of
from mnemo.tools.interfaces import ToolError
from mnemo.tools.views import counted
from mnemo.understanding.observations import Facts, Observation, observations
from mnemo.understanding.strength import strength, strongest

EVIDENCE_SHOWN = 5
"""Memories named behind each pattern and abstraction, the newest."""

BESIDE_MEMORIES = 3
"""Patterns, and abstractions, that a recall shows at most."""

OF_PROJECT = 5
"""Patterns that recall_project shows at most."""

STRONG = 0.3
"""How strong they are at least."""

NOT_LOOKED_FOR = (
    "Patterns are not looked for: understanding.patterns in the daemon's configuration is false."
)

_View = TypeVar("_View")

Limit = Annotated[int, msgspec.Meta(description="How many at most.", ge=1, le=100)]

MinStrength = Annotated[
    float, msgspec.Meta(description="Only patterns at least this strong.", ge=0, le=1)
]

PatternId = Annotated[
    str, msgspec.Meta(description="The id of a pattern.", min_length=1, max_length=200)
]

AbstractionId = Annotated[
    str, msgspec.Meta(description="The id of an abstraction.", min_length=1, max_length=200)
]


@frozen(kw_only=True, slots=False)
class PatternView:
    """
    Something that recurs. The title is phrases that its memories share, and description a sentence
    of one of them (source_id), word for word. Count is how many memories are behind it, occasions
    of how many sessions or days; evidence names the newest. Strength is 0 to 1, by these and by
    age. Times are UTC.
    """

    id: str
    title: str
    type: PatternKind
    strength: float
    description: str
    source_id: str
    count: int
    occasions: int
    first_seen: str
    last_seen: str
    evidence: list[str]
    project: str = ""


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
class Patterns:
    """
    Patterns, the strongest first. Omitted counts those for which max_tokens has no room. Waiting
    is how many memories are still to be looked at.
    """

    project: str
    patterns: list[PatternView]
    waiting: int
    notice: str = ""
    omitted: int | None = None

    def text(self) -> str:
        """A paragraph for each."""
        number = len(self.patterns) + (self.omitted or 0)
        lines = [f"{counted(number, 'pattern')} in {self.project}.", *_notices(self)]
        lines += [pattern_as_text(each) for each in self.patterns]
        return "\n".join([*lines, *_rest(self.omitted)])


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
            *_notices(self),
        ]
        lines += [f"{each.severity}: {each.text} {each.advice}" for each in self.observations]
        lines += [abstraction_as_text(each) for each in self.abstractions]
        return "\n".join([*lines, *_rest(self.omitted)])


@frozen(kw_only=True, slots=False)
class Dismissed:
    """What is shown no more."""

    id: str
    title: str

    def text(self) -> str:
        """That it is."""
        return f"{self.id} ({self.title}) is shown no more. Its memories are as they were."


@frozen(kw_only=True)
class GetPatterns(Tool):
    """
    List what recurs in a project: the same error, the same kind of decision, the same theme, each
    with the memories that show it. No language model has a say in them. dismiss_pattern takes one
    away that is not worth knowing; it does not come back.
    """

    name: ClassVar[str] = "get_patterns"
    title: ClassVar[str] = "Patterns"
    hints: ClassVar[Hints] = READS

    project: scope.Project = ""
    limit: Limit = 10
    min_strength: MinStrength = 0.3
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> Patterns:
        """Look them up."""
        project = await scope.project_asked(call, self.project)
        kept = call.memories.store.understanding
        found = strongest(await kept.patterns(project), call.now, self.min_strength)
        on = call.memories.studies_patterns
        result = Patterns(
            project=scope.project_shown(project),
            patterns=[pattern_view(each, call.now) for each in found[: self.limit]],
            waiting=(await kept.counts("patterns")).waiting if on else 0,
            notice="" if on else NOT_LOOKED_FOR,
        )
        return fitted(result, "patterns", Cost.allowed(self.max_tokens))


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
        found = await abstraction_views(call, await kept.abstractions(project))
        on = memories.studies_patterns
        facts = Facts(
            await memories.store.statistics(call.now),
            await memories.store.jobs.counts(),
            await kept.unresolved(),
            await kept.counts("patterns") if on else None,
        )
        result = Insights(
            project=scope.project_shown(project),
            observations=[_observation_view(each) for each in observations(facts)],
            abstractions=found[: self.limit],
            notice="" if on else NOT_LOOKED_FOR,
        )
        return fitted(result, "abstractions", Cost.allowed(self.max_tokens))


@frozen(kw_only=True)
class DismissPattern(Tool):
    """
    Show a pattern no more, now and when it is found again. The memories behind it stay.
    """

    name: ClassVar[str] = "dismiss_pattern"
    title: ClassVar[str] = "Dismiss a pattern"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    pattern_id: PatternId

    async def run(self, call: Call) -> Dismissed:
        """Dismiss it."""
        kept, asked = call.memories.store.understanding, self.pattern_id.strip()
        if not await kept.dismiss_pattern(asked, call.now):
            raise ToolError(f"no pattern has the id {asked[:100]}: get_patterns lists them")
        found = await kept.patterns(ids=[asked], dismissed=True)
        return Dismissed(id=asked, title=found[0].title if found else "")


@frozen(kw_only=True)
class DismissAbstraction(Tool):
    """
    Show an insight no more, now and when its patterns lead to it again. The memories behind it
    stay, and so do its patterns.
    """

    name: ClassVar[str] = "dismiss_abstraction"
    title: ClassVar[str] = "Dismiss an insight"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    abstraction_id: AbstractionId

    async def run(self, call: Call) -> Dismissed:
        """Dismiss it."""
        kept, asked = call.memories.store.understanding, self.abstraction_id.strip()
        if not await kept.dismiss_abstraction(asked, call.now):
            raise ToolError(f"no abstraction has the id {asked[:100]}: get_insights lists them")
        found = await kept.abstractions(ids=[asked], dismissed=True)
        return Dismissed(id=asked, title=found[0].title if found else "")


# -- beside memories


async def patterns_of(call: Call, memories: Sequence[str]) -> list[PatternView]:
    """The patterns that memories are evidence of: those of most of them first."""
    if not call.memories.studies_patterns or not memories:
        return []
    found = strongest(await call.memories.store.understanding.about(memories), call.now)
    return [pattern_view(each, call.now) for each in found[:BESIDE_MEMORIES]]


async def strong_patterns(call: Call, project: str | None, room: Cost) -> list[PatternView]:
    """The strongest of a project, as far as there is room for them."""
    if not call.memories.studies_patterns:
        return []
    found = await call.memories.store.understanding.patterns(project)
    strong = strongest(found, call.now, STRONG)[:OF_PROJECT]
    return some_of([pattern_view(each, call.now) for each in strong], pattern_as_text, room)


async def abstractions_of(call: Call, patterns: Sequence[PatternView]) -> list[AbstractionView]:
    """The abstractions of patterns."""
    if not patterns:
        return []
    found = await call.memories.store.understanding.stated([each.id for each in patterns])
    return (await abstraction_views(call, found))[:BESIDE_MEMORIES]


async def abstraction_views(
    call: Call, abstractions: Sequence[Abstraction]
) -> list[AbstractionView]:
    """Abstractions as they are shown, those of the strongest patterns first."""
    named = list(dict.fromkeys(one for each in abstractions for one in each.patterns))
    if not named:
        return []
    kept = call.memories.store.understanding
    known = {each.id: each for each in await kept.patterns(ids=named, dismissed=True)}
    views = [_abstraction_view(each, known, call.now) for each in abstractions]
    return sorted((each for each in views if each.evidence), key=lambda each: -each.confidence)


def pattern_view(pattern: Pattern, now: float) -> PatternView:
    """A pattern as it is at C{now}."""
    return PatternView(
        id=pattern.id,
        title=pattern.title,
        type=pattern.kind,
        strength=round(strength(pattern, now), 3),
        description=pattern.said,
        source_id=pattern.source,
        count=pattern.count,
        occasions=pattern.occasions,
        first_seen=iso(pattern.first),
        last_seen=iso(pattern.last),
        evidence=list(pattern.evidence[:EVIDENCE_SHOWN]),
        project=pattern.project,
    )


def _abstraction_view(
    abstraction: Abstraction, patterns: dict[str, Pattern], now: float
) -> AbstractionView:
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


def _observation_view(observation: Observation) -> ObservationView:
    return ObservationView(
        name=observation.name,
        severity=observation.severity,
        text=observation.text,
        advice=observation.advice,
    )


def pattern_as_text(pattern: PatternView) -> str:
    """A pattern in two lines."""
    return (
        f"[{pattern.strength:.2f}] {pattern.id}: {pattern.title} ({pattern.type}, "
        f"{counted(pattern.count, 'memory', 'memories')}, {counted(pattern.occasions, 'occasion')},"
        f" {pattern.first_seen[:10]} to {pattern.last_seen[:10]})\n"
        f"  {pattern.description} — {', '.join(pattern.evidence)}"
    )


def abstraction_as_text(abstraction: AbstractionView) -> str:
    """An abstraction in some lines."""
    said = abstraction.description.replace("\n", "\n  ")
    return (
        f"[{abstraction.confidence:.2f}] {abstraction.id}: {abstraction.title} "
        f"({abstraction.model})\n  {said} — {', '.join(abstraction.evidence)}"
    )


def some_of(views: Sequence[_View], as_text: Callable[[_View], str], room: Cost) -> list[_View]:
    """The first of these, as many as there is room for beside something else."""
    shown = []
    for each in views:
        room -= Cost.of(as_text(each), each)
        if not Cost(0, 0).within(room):
            break
        shown.append(each)
    return shown


class _Listing(Protocol):
    """A result that lists things, best first."""

    @property
    def omitted(self) -> int | None: ...

    def text(self) -> str:
        """What it says."""


_Result = TypeVar("_Result", bound=_Listing)


def fitted(result: _Result, name: str, room: Cost) -> _Result:
    """A result with as many of what its field C{name} lists as there is room for."""
    listed = getattr(result, name)
    fitting = result
    for count in range(len(listed), -1, -1):
        omitted = len(listed) - count or None
        changes = {name: listed[:count], "omitted": omitted}
        fitting = evolve(result, **changes)  # type: ignore[misc]
        if cost_of(fitting).within(room):
            break
    return fitting


def _notices(result: Patterns | Insights) -> list[str]:
    waiting = result.waiting if isinstance(result, Patterns) else 0
    told = [result.notice] if result.notice else []
    if waiting:
        told.append(f"{counted(waiting, 'memory', 'memories')} still to be looked at.")
    return told


def _rest(omitted: int | None) -> list[str]:
    return [f"{omitted:,} more: a larger max_tokens shows them."] if omitted else []
