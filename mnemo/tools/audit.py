"""Holding what was derived against the words it is of: audit_encodings."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from attrs import evolve, field, frozen

from mnemo.memory.moments import iso
from mnemo.store.jobs import DerivedField
from mnemo.store.records import Memory, Type
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import LEAST, Cost, MaxTokens, characters, cost_of
from mnemo.tools.graphemes import cut
from mnemo.tools.interfaces import ToolError
from mnemo.tools.views import counted

PairLimit = Annotated[int, msgspec.Meta(description="How many memories at most.", ge=1, le=20)]


@frozen(kw_only=True, slots=False)
class Pair:
    """
    The words of a memory beside what was derived from them. Model and prompt say what made it
    by which version of the rules, "extractive" being rules that only copy; of the scores epr and
    np are the shares of its names and numbers that were preserved, fr is the share of names that
    it does not hold, and refused says why a model's answer was not kept. Left_out counts the
    characters that follow where the text is only its beginning, fields_left_out names what else
    there was no room for.
    """

    memory_id: str
    type: Type
    source: str
    created_at: str
    model: str
    prompt: str
    made_at: str
    scores: dict[str, Any]
    text: str
    left_out: int | None = None
    fields: dict[str, Any]
    fields_left_out: list[str] = field(factory=list)

    def as_text(self) -> str:
        """The text, then a line for each field."""
        made = f"by {self.model} (prompt {self.prompt}) at {self.made_at}"
        scores = ", ".join(f"{name} {_told(value)}" for name, value in self.scores.items())
        rest = "" if self.left_out is None else f"… ({self.left_out:,} more characters)"
        lines = [
            f"{self.memory_id}; {self.type}; {self.source}; {self.created_at}",
            *(f"  {line}" for line in (self.text + rest).splitlines()),
            f"Derived {made}; {scores}:",
            *(f"- {name}: {_told(value)}" for name, value in self.fields.items()),
        ]
        if self.fields_left_out:
            lines.append(f"- for want of room not shown: {', '.join(self.fields_left_out)}")
        return "\n".join(lines)

    def within(self, room: Cost) -> "Pair":
        """The same, cut to C{room}: the dearest fields go, then the end of the text."""
        bare = evolve(self, text="", left_out=len(self.text))
        while bare.fields and not _cost(bare).within(room // 2):
            dearest = max(bare.fields, key=lambda name: len(_told(bare.fields[name])))
            kept = {name: value for name, value in bare.fields.items() if name != dearest}
            bare = evolve(bare, fields=kept, fields_left_out=[*bare.fields_left_out, dearest])
        text = cut(self.text, characters(self.text, room - _cost(bare), indent=2))
        return evolve(bare, text=text, left_out=len(self.text) - len(text) or None)


@frozen(kw_only=True, slots=False)
class Audit:
    """Memories and what was derived from them, oldest first."""

    project: str
    hours_back: float
    pairs: list[Pair]

    def text(self) -> str:
        """One pair after the other."""
        number = counted(len(self.pairs), "memory", "memories")
        head = f"{number} of {self.project} in the last {self.hours_back:g} hours, oldest first"
        return "\n\n".join([head, *(pair.as_text() for pair in self.pairs)])


@frozen(kw_only=True)
class AuditEncodings(Tool):
    """
    Hold what was derived from memories against their words, to see whether it is true to them:
    of those made in the last hours the oldest. Where it is not, say so by coach_local_llm, or
    correct the memory by amend. Memories from which nothing was derived yet are left out; status
    counts them.
    """

    name: ClassVar[str] = "audit_encodings"
    title: ClassVar[str] = "Audit what was derived"
    hints: ClassVar[Hints] = READS

    limit: PairLimit = 5
    hours_back: scope.HoursBack = 24.0
    source: scope.Source = ""
    project: scope.Project = ""
    max_tokens: MaxTokens = 6_000

    async def run(self, call: Call) -> Audit:
        """Look them up."""
        if self.max_tokens < LEAST * self.limit:
            least = LEAST * self.limit
            raise ToolError(f'"max_tokens" must be {least:,} or more for so many memories')
        wanted = await scope.wanted(
            call, project=self.project, source=self.source, since=self.hours_back
        )
        jobs = call.memories.store.jobs
        memories = await jobs.oldest(wanted, self.limit)
        derived = await jobs.derived([memory.id for memory in memories])
        pairs = [_pair(memory, derived[memory.id]) for memory in memories if derived[memory.id]]
        result = Audit(
            project=scope.project_shown(wanted.project), hours_back=self.hours_back, pairs=[]
        )
        return evolve(result, pairs=_fitting(pairs, self.max_tokens, cost_of(result)))


def _pair(memory: Memory, derived: Sequence[DerivedField]) -> Pair:
    first = derived[0]
    return Pair(
        memory_id=memory.id,
        type=memory.type,
        source=memory.source,
        created_at=iso(memory.created),
        model=first.model,
        prompt=first.prompt,
        made_at=iso(first.made),
        scores=dict(first.scores),
        text=memory.text,
        fields={each.name: each.value for each in derived},
    )


def _fitting(pairs: Sequence[Pair], max_tokens: int, around: Cost) -> list[Pair]:
    """Each cut to its share of the budget and what those before it left."""
    room = Cost.allowed(max_tokens) - around
    fitting: list[Pair] = []
    for number, pair in enumerate(pairs):
        fitting.append(pair.within(room // (len(pairs) - number) - _BETWEEN))
        room -= _cost(fitting[-1]) + _BETWEEN
    return fitting


_BETWEEN = Cost(2, 1)


def _cost(pair: Pair) -> Cost:
    return Cost.of(pair.as_text(), pair)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
