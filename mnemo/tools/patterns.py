"""What recurs: get_patterns, and the patterns that other tools show beside memories."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.memory.moments import iso
from mnemo.store.understanding import Pattern, PatternKind
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import Cost, MaxTokens
from mnemo.tools.listing import fitted, some_of
from mnemo.tools.views import counted, rest_as_text
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

Limit = Annotated[int, msgspec.Meta(description="How many at most.", ge=1, le=100)]

MinStrength = Annotated[
    float, msgspec.Meta(description="Only patterns at least this strong.", ge=0, le=1)
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
        lines = [f"{counted(number, 'pattern')} in {self.project}.", *filter(None, [self.notice])]
        if self.waiting:
            waiting = counted(self.waiting, "memory", "memories")
            lines.append(f"{waiting} still to be looked at.")
        lines += map(pattern_as_text, self.patterns)
        return "\n".join(lines + rest_as_text([], self.omitted))


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
            waiting=(await call.memories.store.studies.counts("patterns")).waiting if on else 0,
            notice="" if on else NOT_LOOKED_FOR,
        )
        return fitted(result, "patterns", Cost.allowed(self.max_tokens))


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


def pattern_as_text(pattern: PatternView) -> str:
    """A pattern in two lines."""
    return (
        f"[{pattern.strength:.2f}] {pattern.id}: {pattern.title} ({pattern.type}, "
        f"{counted(pattern.count, 'memory', 'memories')}, {counted(pattern.occasions, 'occasion')},"
        f" {pattern.first_seen[:10]} to {pattern.last_seen[:10]})\n"
        f"  {pattern.description} — {', '.join(pattern.evidence)}"
    )
