from collections.abc import Sequence
from random import Random
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.ranking import FLOOR, PRIOR_WEIGHT, rank
from mnemo.memory.salience import HALF_LIFE
from mnemo.store.records import NEVER, Candidate
from tests.memory.samples import memory

NOW = 1e9

scores = st.none() | st.floats(0, 50)
cosines = st.none() | st.floats(-1, 1)


@st.composite
def candidate_lists(draw: st.DrawFn) -> list[Candidate]:
    features = draw(st.lists(st.tuples(scores, cosines, st.floats(0, 1), st.floats(0, NOW))))
    return [
        Candidate(memory(key=key, id=f"m{key}", salience=salience, created=created), score, cosine)
        for key, (score, cosine, salience, created) in enumerate(features)
    ]


def candidate(
    id: str, text: float | None = None, cosine: float | None = None, **changes: Any
) -> Candidate:
    return Candidate(memory(id=id, **({"created": NOW} | changes)), text, cosine)


def ids(candidates: Sequence[Candidate], limit: int = 100) -> list[str]:
    return [each.memory.id for each in rank(candidates, NOW, limit)]


class Ranking(SynchronousTestCase):
    def test_nothing_comes_of_nothing(self) -> None:
        self.assertEqual(rank([], NOW, 5), [])

    def test_the_better_in_both_legs_comes_first(self) -> None:
        self.assertEqual(ids([candidate("m1", 2.0, 0.4), candidate("m2", 5.0, 0.6)]), ["m2", "m1"])

    def test_words_and_meaning_both_count(self) -> None:
        found = ids(
            [
                candidate("words", 9.0, 0.1),
                candidate("meaning", None, 0.6),
                candidate("both", 8, 0.6),
            ]
        )
        self.assertEqual(found[0], "both")

    def test_no_more_come_than_were_asked_for(self) -> None:
        many = [candidate(f"m{number}", float(number), 0.5) for number in range(9)]
        self.assertEqual(ids(many, 2), ["m8", "m7"])

    def test_without_vectors_the_words_decide_alone(self) -> None:
        (first, second) = rank([candidate("m1", 4.0), candidate("m2", 8.0)], NOW, 5)
        self.assertEqual((first.memory.id, second.memory.id), ("m2", "m1"))
        self.assertGreater(first.score, 0.98)

    def test_a_memory_whose_vector_is_not_made_yet_is_no_worse_than_the_others(self) -> None:
        waiting = candidate("waiting", 8.0, None)
        self.assertEqual(
            ids([waiting, candidate("m1", 4.0, 0.3), candidate("m2", 4.0, 0.5)])[0], "waiting"
        )


class Floor(SynchronousTestCase):
    def test_what_only_resembles_the_query_from_afar_is_no_answer(self) -> None:
        self.assertEqual(ids([candidate("m1", None, FLOOR - 0.01)]), [])
        self.assertEqual(ids([candidate("m1", None, FLOOR)]), ["m1"])

    def test_what_shares_a_word_is_an_answer_however_little_it_resembles(self) -> None:
        self.assertEqual(ids([candidate("m1", 0.1, -0.5)]), ["m1"])

    def test_what_no_leg_knows_anything_of_is_no_answer(self) -> None:
        self.assertEqual(ids([candidate("m1")]), [])


class Prior(SynchronousTestCase):
    def test_of_equals_what_matters_more_comes_first(self) -> None:
        self.assertEqual(
            ids([candidate("m1", 1.0, 0.5, salience=0.7), candidate("m2", 1.0, 0.5, salience=0.9)]),
            ["m2", "m1"],
        )

    def test_of_equals_the_newer_comes_first(self) -> None:
        old = candidate("old", 1.0, 0.5, created=NOW - HALF_LIFE / 4)
        self.assertEqual(ids([old, candidate("new", 1.0, 0.5)]), ["new", "old"])

    def test_of_equals_what_fades_comes_last_even_behind_what_matters_less(self) -> None:
        fading = candidate("fading", 1.0, 0.5, salience=0.9, created=NOW - 2 * HALF_LIFE)
        lasting = candidate("lasting", 1.0, 0.5, salience=0.1, fades=NEVER)
        self.assertEqual(fading.memory.state(NOW), "fading")
        self.assertEqual(ids([fading, lasting]), ["lasting", "fading"])

    def test_it_does_not_reorder_what_is_clearly_better(self) -> None:
        better = candidate("better", 1.0, 0.60, salience=0.0, created=0.0)
        worse = candidate("worse", 1.0, 0.50, salience=1.0, fades=NEVER)
        self.assertEqual(ids([worse, better]), ["better", "worse"])

    @given(candidate_lists())
    def test_it_adds_no_more_than_its_weight(self, candidates: list[Candidate]) -> None:
        for ranked in rank(candidates, NOW, 100):
            self.assertTrue(0 <= ranked.terms[2].adds <= PRIOR_WEIGHT)


class AnyCandidates(SynchronousTestCase):
    @given(candidate_lists(), st.randoms())
    def test_their_order_does_not_show(self, candidates: list[Candidate], random: Random) -> None:
        shuffled = list(candidates)
        random.shuffle(shuffled)
        self.assertEqual(rank(candidates, NOW, 50), rank(shuffled, NOW, 50))

    @given(candidate_lists())
    def test_scores_are_0_to_1_and_fall(self, candidates: list[Candidate]) -> None:
        found = [each.score for each in rank(candidates, NOW, 100)]
        self.assertTrue(all(0 <= score <= 1 for score in found))
        self.assertEqual(found, sorted(found, reverse=True))

    @given(candidate_lists())
    def test_the_terms_explain_the_score(self, candidates: list[Candidate]) -> None:
        for ranked in rank(candidates, NOW, 100):
            self.assertEqual([term.name for term in ranked.terms], ["text", "meaning", "prior"])
            self.assertAlmostEqual(ranked.score, sum(term.adds for term in ranked.terms))

    @given(candidate_lists(), st.data())
    def test_a_better_feature_never_costs_a_place(
        self, candidates: list[Candidate], data: st.DataObject
    ) -> None:
        ranked = ids(candidates)
        if not ranked:
            return
        one = data.draw(st.sampled_from(ranked))
        better = [
            data.draw(improved(each)) if each.memory.id == one else each for each in candidates
        ]
        self.assertLessEqual(ids(better).index(one), ranked.index(one))


def improved(candidate: Candidate) -> st.SearchStrategy[Candidate]:
    """The same candidate with one of its features raised."""
    ways = [st.floats(candidate.memory.salience, 1).map(lambda s: more_salient(candidate, s))]
    if candidate.text_score is not None:
        raised = st.floats(candidate.text_score, 100)
        ways.append(raised.map(lambda score: evolve(candidate, text_score=score)))
    if candidate.cosine is not None:
        raised = st.floats(candidate.cosine, 1)
        ways.append(raised.map(lambda cosine: evolve(candidate, cosine=cosine)))
    return st.one_of(ways)


def more_salient(candidate: Candidate, salience: float) -> Candidate:
    known = candidate.memory
    return evolve(
        candidate,
        memory=memory(key=known.key, id=known.id, salience=salience, created=known.created),
    )
