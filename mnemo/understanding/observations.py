"""What can be said of the memory itself. Pure; it is counted when it is asked for."""

from collections.abc import Iterator
from typing import Final, Literal

from attrs import frozen

from mnemo.store.jobs import JobCounts
from mnemo.store.records import Statistics

Severity = Literal["info", "warning"]

JUDGED: Final = 20
"""How many judgements are too few to say anything."""

IRRELEVANT: Final = 0.3
"""The share of judgements from which too much is irrelevant."""

BEHIND: Final = 500
"""How many memories may wait before it is told."""

ONE_SIDED: Final = 0.8
"""The share of one source from which the memory is one-sided."""

MANY: Final = 100
"""How many memories are too few to be one-sided."""


@frozen
class Facts:
    """
    What was counted.

    @ivar enrichment: the queue of what is derived from memories
    @ivar unresolved: pairs that differ, of which nobody has said which is right
    @ivar patterns: the queue of what is looked at for patterns; C{None} where nothing is
    """

    statistics: Statistics
    enrichment: JobCounts
    unresolved: int
    patterns: JobCounts | None = None


@frozen
class Observation:
    """
    Something about the memory that somebody may want to do something about.

    @ivar name: the same whenever the same is observed
    @ivar advice: what can be done
    """

    name: str
    severity: Severity
    text: str
    advice: str


def observations(facts: Facts) -> list[Observation]:
    """What there is to say, warnings first."""
    return sorted(_observed(facts), key=lambda each: each.severity != "warning")


def _observed(facts: Facts) -> Iterator[Observation]:
    statistics = facts.statistics
    judged = sum(statistics.feedback.values())
    irrelevant = statistics.feedback.get("irrelevant", 0)
    if judged >= JUDGED and irrelevant > IRRELEVANT * judged:
        yield Observation(
            "irrelevant_recalls",
            "warning",
            f"{irrelevant:,} of {judged:,} memories that were judged were irrelevant.",
            "Ask in one sentence with the names that matter; forget what is wrong.",
        )
    if facts.enrichment.parked:
        yield Observation(
            "not_enriched",
            "warning",
            f"Nothing could be derived from {facts.enrichment.parked:,} memories: "
            f"{facts.enrichment.reason}",
            "They are tried again when the language model or the rules change.",
        )
    if facts.enrichment.waiting > BEHIND:
        yield Observation(
            "enrichment_behind",
            "info",
            f"{facts.enrichment.waiting:,} memories wait for what is derived from them.",
            "It is done while nobody waits for a model.",
        )
    if statistics.unembedded > BEHIND:
        yield Observation(
            "vectors_behind",
            "warning",
            f"{statistics.unembedded:,} memories are found by their words alone until they have "
            "their vectors.",
            "See status: is the embedding model there?",
        )
    if facts.unresolved:
        yield Observation(
            "differing",
            "info",
            f"{facts.unresolved:,} pairs of memories say nearly the same with another figure, "
            "version, date, name or negation.",
            "recall shows them side by side: amend or supersede the one that is wrong.",
        )
    total = statistics.active + statistics.fading
    source, most = max(statistics.by_source.items(), key=lambda pair: pair[1], default=("", 0))
    if total >= MANY and len(statistics.by_source) > 1 and most > ONE_SIDED * total:
        yield Observation(
            "one_source",
            "info",
            f"{most:,} of {total:,} memories come from {source or 'no source'}.",
            "source narrows a recall to the others.",
        )
    if facts.patterns is not None and facts.patterns.parked:
        yield Observation(
            "not_studied",
            "warning",
            f"{facts.patterns.parked:,} memories could not be looked at for patterns: "
            f"{facts.patterns.reason}",
            "They are tried again when the embedding model or the rules change.",
        )
