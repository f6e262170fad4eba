from hypothesis import given, settings
from hypothesis import strategies as st

from mnemo.memory.feedback import EFFECT, Judgement, NotJudged, Quality
from mnemo.store.records import QueryRow
from tests.memory.room import MemoryTestCase


class Judging(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.remember("the heron stands").id
        self.second = self.remember("a heron flies").id
        self.query = self.done(self.store.query(self.recall("heron").query_id))

    def judge(self, quality: Quality, *ids: str, query: QueryRow | None = None) -> list[Judgement]:
        judging = self.memories.judging.judge(query or self.query, ids, quality)
        judged: list[Judgement] = self.done(judging)
        return judged

    def salience(self, id: str) -> float:
        return self.known(id).salience

    def test_what_helped_gains_a_little(self) -> None:
        (judgement,) = self.judge("helpful", self.first)
        self.assertEqual((judgement.earlier, judgement.before, judgement.after), (None, 0.7, 0.72))
        self.assertEqual((self.salience(self.first), self.salience(self.second)), (0.72, 0.7))

    def test_what_was_irrelevant_loses_as_much_and_fades_sooner(self) -> None:
        before = self.known(self.first).fades
        self.judge("irrelevant", self.first)
        self.assertEqual(self.salience(self.first), 0.68)
        self.assertLess(self.known(self.first).fades, before)

    def test_what_helped_partly_stays_where_it_is(self) -> None:
        self.judge("partial", self.first)
        self.assertEqual(self.salience(self.first), 0.7)

    def test_without_ids_all_that_was_returned_is_judged(self) -> None:
        judged = {judgement.id for judgement in self.judge("helpful")}
        self.assertEqual(judged, {self.first, self.second})

    def test_saying_it_twice_changes_nothing_more(self) -> None:
        self.judge("helpful", self.first)
        (again,) = self.judge("helpful", self.first)
        self.assertEqual((again.earlier, again.before, again.after), ("helpful", 0.72, 0.72))

    def test_judging_anew_takes_the_earlier_judgement_back(self) -> None:
        self.judge("helpful", self.first)
        (anew,) = self.judge("irrelevant", self.first)
        self.assertEqual((anew.earlier, anew.before, anew.after), ("helpful", 0.72, 0.68))
        self.judge("partial", self.first)
        self.assertEqual(self.salience(self.first), 0.7)

    def test_another_query_is_another_judgement(self) -> None:
        self.judge("helpful", self.first)
        other = self.done(self.store.query(self.recall("heron").query_id))
        self.judge("helpful", self.first, query=other)
        self.assertEqual(self.salience(self.first), 0.74)

    def test_salience_stays_within_0_and_1(self) -> None:
        self.done(self.store.set_salience({self.first: (0.995, 9e18), self.second: (0.005, 0.0)}))
        self.judge("helpful", self.first)
        self.judge("irrelevant", self.second)
        self.assertEqual((self.salience(self.first), self.salience(self.second)), (1.0, 0.0))

    def test_a_memory_that_is_gone_is_passed_over(self) -> None:
        self.done(self.memories.remembering.purge([self.first]))
        self.assertEqual([each.id for each in self.judge("helpful")], [self.second])

    def test_what_the_query_did_not_return_cannot_be_judged(self) -> None:
        other = self.remember("taxes").id
        said = self.refused(
            NotJudged, self.memories.judging.judge(self.query, [self.first, other], "helpful")
        )
        self.assertIn(other, said)
        self.assertEqual(self.salience(self.first), 0.7)

    def test_an_unknown_query_is_refused_by_name(self) -> None:
        said = self.refused(NotJudged, self.memories.judging.query("q404"))
        self.assertIn("q404", said)

    @settings(max_examples=25)
    @given(st.lists(st.sampled_from(sorted(EFFECT)), min_size=1, max_size=8))
    def test_only_the_last_judgement_counts(self, qualities: list[Quality]) -> None:
        for quality in qualities:
            self.judge(quality, self.first)
        self.assertEqual(self.salience(self.first), round(0.7 + EFFECT[qualities[-1]], 6))
