from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.jobs import JobCounts
from mnemo.store.records import Statistics
from mnemo.understanding.observations import BEHIND, Facts, observations

NONE = JobCounts(0, 0)
WELL = Statistics(
    active=200,
    fading=0,
    archived=0,
    unembedded=0,
    by_type={},
    by_project={},
    by_source={"mcp": 100, "ingest": 100},
    feedback={"helpful": 30},
    sessions_live=0,
    sessions_ended=0,
    database_bytes=0,
)


def names(statistics: Statistics = WELL, **facts: Any) -> list[str]:
    given: dict[str, Any] = {"enrichment": NONE, "unresolved": 0} | facts
    return [each.name for each in observations(Facts(statistics, **given))]


class Observations(SynchronousTestCase):
    def test_of_a_memory_that_is_well_there_is_nothing_to_say(self) -> None:
        self.assertEqual(names(), [])

    def test_many_irrelevant_recalls_are_told_once_there_are_enough_judgements(self) -> None:
        bad = evolve(WELL, feedback={"helpful": 10, "irrelevant": 10})
        self.assertEqual(names(bad), ["irrelevant_recalls"])
        self.assertEqual(names(evolve(WELL, feedback={"helpful": 1, "irrelevant": 9})), [])
        self.assertEqual(names(evolve(WELL, feedback={"helpful": 70, "irrelevant": 30})), [])

    def test_what_waits_and_what_was_given_up_is_told(self) -> None:
        behind = JobCounts(BEHIND + 1, 2, "the model says nothing")
        self.assertEqual(names(enrichment=behind), ["not_enriched", "enrichment_behind"])
        self.assertEqual(names(evolve(WELL, unembedded=BEHIND + 1)), ["vectors_behind"])
        self.assertEqual(names(patterns=JobCounts(0, 1, "why")), ["not_studied"])

    def test_pairs_that_differ_and_a_source_that_has_nearly_all_are_told(self) -> None:
        one = evolve(WELL, by_source={"mcp": 190, "ingest": 10})
        self.assertEqual(names(one, unresolved=3), ["differing", "one_source"])
