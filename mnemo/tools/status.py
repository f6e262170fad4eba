"""How the memory is: status."""

from typing import ClassVar

from attrs import frozen

from mnemo.store.records import Statistics
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.recall import degraded_as_text
from mnemo.tools.views import counted


@frozen(kw_only=True, slots=False)
class MemoryCounts:
    """How many memories there are, by state; forgotten ones are archived."""

    active: int
    fading: int
    archived: int


@frozen(kw_only=True, slots=False)
class ModelView:
    """The embedding model in use. Loads counts how often one was loaded since the start."""

    name: str
    device: str
    dimensions: int
    loads: int


@frozen(kw_only=True, slots=False)
class StatusResult:
    """
    How the memory is. Degraded says what does not work as it should; empty means all does.
    """

    project: str
    memories: MemoryCounts
    by_type: dict[str, int]
    by_project: dict[str, int]
    by_source: dict[str, int]
    feedback: dict[str, int]
    sessions_live: int
    sessions_ended: int
    database_bytes: int
    model: ModelView | None
    vectors_waiting: int
    enrichment_waiting: int
    enrichment_parked: int
    degraded: list[str]

    def text(self) -> str:
        """All of it in a few lines."""
        model = self.model
        lines = [
            f"This session's project: {scope.project_shown(self.project)}.",
            f"{counted(self.memories.active, 'memory', 'memories')} active, "
            f"{self.memories.fading:,} fading, {self.memories.archived:,} archived; "
            f"the database has {self.database_bytes:,} bytes.",
            f"By project: {_counts(self.by_project)}. By type: {_counts(self.by_type)}. "
            f"By source: {_counts(self.by_source)}.",
            f"Feedback: {_counts(self.feedback)}.",
            f"{counted(self.sessions_live, 'session')} live, {self.sessions_ended:,} ended.",
            "Model: none."
            if model is None
            else f"Model: {model.name} on {model.device}, loaded {counted(model.loads, 'time')}.",
            f"{counted(self.vectors_waiting, 'memory', 'memories')} waiting for a vector, "
            f"{self.enrichment_waiting:,} for a summary; "
            f"{self.enrichment_parked:,} of which none could be made.",
            *degraded_as_text(self.degraded),
        ]
        return "\n".join(lines if self.degraded else [*lines, "Every part works."])


@frozen(kw_only=True)
class Status(Tool):
    """
    See how the memory is: how much it holds, which projects it knows, which model it uses, and
    what does not work as it should. Both ways of searching are put to the test.
    """

    name: ClassVar[str] = "status"
    title: ClassVar[str] = "Status of the memory"
    hints: ClassVar[Hints] = READS

    async def run(self, call: Call) -> StatusResult:
        """Count and test."""
        memories = call.memories
        statistics: Statistics = await memories.store.statistics(call.now)
        legs = await memories.store.self_test(call.now)
        jobs = await memories.store.jobs.counts()
        model, vectoriser = memories.embedder.model, memories.vectoriser
        problems = (
            memories.embedder.problem,
            vectoriser.problem,
            *(f"{leg} search: {problem}" for leg, problem in legs.items() if problem),
        )
        return StatusResult(
            project=call.session.project,
            memories=MemoryCounts(
                active=statistics.active, fading=statistics.fading, archived=statistics.archived
            ),
            by_type=dict(statistics.by_type),
            by_project=dict(statistics.by_project),
            by_source=dict(statistics.by_source),
            feedback=dict(statistics.feedback),
            sessions_live=statistics.sessions_live,
            sessions_ended=statistics.sessions_ended,
            database_bytes=statistics.database_bytes,
            model=None
            if model is None
            else ModelView(
                name=model.name,
                device=model.device,
                dimensions=model.dimensions,
                loads=memories.embedder.statistics.loads,
            ),
            vectors_waiting=statistics.unembedded,
            enrichment_waiting=jobs.waiting,
            enrichment_parked=jobs.parked,
            degraded=list(dict.fromkeys(filter(None, problems))),
        )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or 'none'} {number:,}" for name, number in counts.items()) or "none"
