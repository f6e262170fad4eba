import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.features import SIGNALS
from mnemo.memory.query import Query, understand
from mnemo.memory.ranking import Ranked, likeness, rank
from mnemo.memory.salience import HALF_LIFE
from mnemo.memory.weights import WEIGHTS, Floor
from mnemo.store.records import NEVER
from mnemo.store.search import Candidate, Context
from tests.memory.samples import memory

NOW = 1e9

PLAIN = Query()

OPEN = evolve(WEIGHTS, floor=Floor(coverage=0.0, words=0.0, answer=-9.0, memory=-9.0))
"""The shipped weights, with no floor."""

units = st.floats(0, 1)
four = st.tuples(*[st.floats(0, 50)] * 4)
contexts = st.builds(
    Context,
    texts=four,
    cosines=st.tuples(*[st.floats(-1, 1)] * 4),
    session_text=st.floats(0, 50),
    session_coverage=units,
)


@st.composite
def candidate_lists(draw: st.DrawFn) -> list[Candidate]:
    made = []
    for key in range(draw(st.integers(0, 5))):
        text = draw(st.text("abc ?1", min_size=1, max_size=40)) * draw(st.integers(1, 20))
        kept = memory(
            key=key,
            id=f"m{key}",
            text=text,
            salience=draw(units),
            created=draw(st.floats(0, NOW)),
        )
        made.append(
            Candidate(
                kept,
                draw(st.none() | st.floats(0, 50)),
                draw(st.none() | st.floats(-1, 1)),
                draw(units),
                draw(units),
                draw(contexts),
            )
        )
    return made


def candidate(
    id: str,
    text_score: float | None = None,
    cosine: float | None = None,
    coverage: float = 1.0,
    context: Context | None = None,
    **changes: Any,
) -> Candidate:
    kept = memory(id=id, **({"created": NOW, "text": f"what {id} says"} | changes))
    return Candidate(kept, text_score, cosine, coverage, context=context or Context())


def ranked(candidates: Sequence[Candidate], limit: int = 100, query: Query = PLAIN) -> list[Ranked]:
    return rank(candidates, query, NOW, limit, OPEN)


def ids(candidates: Sequence[Candidate], limit: int = 100, query: Query = PLAIN) -> list[str]:
    return [each.memory.id for each in ranked(candidates, limit, query)]


def values(found: Ranked) -> Mapping[str, float]:
    return {term.name: term.value for term in found.terms}


class Ranking(SynchronousTestCase):
    def test_nothing_comes_of_nothing(self) -> None:
        self.assertEqual(ranked([]), [])

    def test_the_better_in_both_legs_comes_first(self) -> None:
        self.assertEqual(ids([candidate("m1", 2.0, 0.4), candidate("m2", 5.0, 0.6)]), ["m2", "m1"])

    def test_words_and_meaning_both_count(self) -> None:
        found = ids(
            [
                candidate("words", 9.0, 0.1),
                candidate("meaning", None, 0.6, 0.0),
                candidate("both", 8, 0.6),
            ]
        )
        self.assertEqual(found[0], "both")

    def test_no_more_come_than_were_asked_for(self) -> None:
        many = [candidate(f"m{number}", float(number), 0.5) for number in range(9)]
        self.assertEqual(ids(many, 2), ["m8", "m7"])

    def test_without_vectors_the_words_decide_alone(self) -> None:
        self.assertEqual(ids([candidate("m1", 4.0), candidate("m2", 8.0)]), ["m2", "m1"])

    def test_a_memory_whose_vector_is_not_made_yet_is_no_worse_than_the_others(self) -> None:
        waiting = candidate("waiting", 8.0, None)
        self.assertEqual(
            ids([waiting, candidate("m1", 4.0, 0.3), candidate("m2", 4.0, 0.4)])[0], "waiting"
        )

    def test_a_short_note_that_says_it_comes_before_a_longer_one_that_does_not(self) -> None:
        said = candidate("said", 5.0, 0.7, 1.0, text="deploy key: in the vault")
        longer = candidate("longer", 1.5, 0.3, 0.3, text="on the way to the deploy " * 10)
        self.assertEqual(ids([longer, said]), ["said", "longer"])


class BeingAmong(SynchronousTestCase):
    """What was said around a text tells of a short one, and nothing of a long one."""

    around = Context((0.0, 9.0, 9.0, 0.0), (0.0, 0.9, 0.9, 0.0), 9.0, 1.0)

    def test_of_short_texts_that_with_the_better_neighbours_comes_first(self) -> None:
        lone = candidate("lone", 5.0, 0.5, text="yes, on Tuesday")
        among = candidate("among", 5.0, 0.5, context=self.around, text="yes, on Tuesday")
        self.assertEqual(ids([lone, among]), ["among", "lone"])

    def test_of_long_texts_the_better_itself_comes_first(self) -> None:
        text = "a long technical message " * 100
        better = candidate("better", 6.0, 0.55, text=text + "one")
        among = candidate("among", 5.0, 0.5, context=self.around, text=text + "two")
        self.assertEqual(ids([among, better]), ["better", "among"])


class Asking(SynchronousTestCase):
    def test_who_is_asked_after_counts(self) -> None:
        mel = candidate("mel", 5.0, 0.5, text="Mel: I went to the lake")
        ann = candidate("ann", 5.1, 0.5, text="Ann: I went to the lake")
        self.assertEqual(ids([ann, mel], query=understand("Where did Mel go?", NOW))[0], "mel")
        user = candidate("user", 5.0, 0.5, text="user: the lake")
        self.assertEqual(ids([ann, user], query=understand("where did I go?", NOW))[0], "user")

    def test_when_is_asked_after_counts(self) -> None:
        old = candidate("old", 5.0, 0.5, created=NOW - 86400, fades=0.0)
        new = candidate("new", 5.1, 0.5, fades=0.0)
        self.assertEqual(ids([new, old], query=understand("what broke yesterday", NOW))[0], "old")

    def test_a_quoted_phrase_and_an_identifier_count(self) -> None:
        holds = candidate("holds", 5.0, 0.5, text="call parse_date or  fall back")
        not_ = candidate("not", 5.1, 0.5, text="fall and parse the date, back")
        for text in ('what "or fall back" means', "what is parse_date?"):
            self.assertEqual(ids([not_, holds], query=understand(text, NOW))[0], "holds", text)

    def test_what_asks_for_a_number_prefers_one(self) -> None:
        holds = candidate("holds", 5.0, 0.5, text="we use 8 workers")
        not_ = candidate("not", 5.0, 0.5, text="we use workers")
        self.assertEqual(ids([not_, holds], query=understand("how many workers?", NOW))[0], "holds")

    def test_a_type_and_a_project_that_are_named_count(self) -> None:
        decision = candidate("decision", 5.0, 0.5, type="decision", fades=0.0)
        plain = candidate("plain", 5.0, 0.5, fades=0.0)
        asked = understand("what did we decide", NOW)
        self.assertEqual(ids([plain, decision], query=asked)[0], "decision")
        ours = candidate("ours", 5.0, 0.5, project="mnemo", fades=0.0)
        self.assertEqual(ids([plain, ours], query=understand("port of Mnemo", NOW))[0], "ours")


class Explaining(SynchronousTestCase):
    """A score is the sum of what each signal adds, and each says what was measured."""

    def test_each_signal_is_a_term_in_the_order_of_the_weights_file(self) -> None:
        (found,) = ranked([candidate("m1", 7.5, 0.5)])
        self.assertEqual(tuple(term.name for term in found.terms), SIGNALS)
        self.assertAlmostEqual(found.score, sum(term.adds for term in found.terms))

    def test_the_words_and_the_meaning_are_told_as_they_were_measured(self) -> None:
        first, second = ranked([candidate("m1", 7.5, 0.5), candidate("m2", 3.0, None)])
        told = {term.name: (term.raw, term.value) for term in first.terms}
        self.assertEqual(told["text"], (7.5, 1.0))
        self.assertEqual(told["meaning"], (0.5, 0.5))
        self.assertEqual(told["coverage"], (1.0, 1.0))
        self.assertIsNone({term.name: term.raw for term in second.terms}["meaning"])

    def test_a_term_adds_its_value_by_a_weight_between_that_of_short_and_long_texts(
        self,
    ) -> None:
        (found,) = ranked([candidate("m1", 7.5, 0.5, text="a note of some length " * 10)])
        for name, short, long, term in zip(
            SIGNALS, WEIGHTS.short, WEIGHTS.long, found.terms, strict=True
        ):
            self.assertEqual(term.adds, term.value * term.weight)
            self.assertTrue(min(short, long) <= term.weight <= max(short, long), name)


class FloorTests(SynchronousTestCase):
    """Nothing relevant is an answer."""

    def found(self, *candidates: Candidate) -> list[str]:
        return [each.memory.id for each in rank(candidates, PLAIN, NOW, 5, WEIGHTS)]

    def test_an_answer_needs_one_memory_that_is_evident(self) -> None:
        floor = WEIGHTS.floor
        self.assertEqual(self.found(candidate("m1", None, floor.answer - 0.01, 0.0)), [])
        self.assertEqual(self.found(candidate("m1", None, floor.answer, 0.0)), ["m1"])

    def test_beside_it_comes_what_has_something_to_do_with_the_query(self) -> None:
        evident = candidate("evident", 1.0, 0.9)
        some = candidate("some", None, WEIGHTS.floor.memory, 0.0)
        none = candidate("none", None, WEIGHTS.floor.memory - 0.01, 0.0)
        self.assertEqual(self.found(none, some, evident), ["evident", "some"])

    def test_all_words_are_enough_however_little_it_resembles(self) -> None:
        self.assertEqual(self.found(candidate("m1", 0.1, -0.5, coverage=1.0)), ["m1"])

    def test_what_has_just_come_needs_any_of_the_words(self) -> None:
        for coverage, found in ((0.01, ["m1"]), (0.0, [])):
            new = candidate("m1", 1.0, None, coverage, embedded=False)
            self.assertEqual(self.found(new), found)

    def test_without_a_vector_the_words_tell(self) -> None:
        self.assertEqual(self.found(candidate("m1", 1.0, None, 0.5)), ["m1"])
        self.assertEqual(self.found(candidate("m1", 1.0, None, 0.1)), [])

    def test_what_no_leg_knows_anything_of_is_no_answer(self) -> None:
        self.assertEqual(self.found(candidate("m1", coverage=0.0)), [])


class Repeating(SynchronousTestCase):
    def test_a_near_identical_text_makes_way_for_another(self) -> None:
        text = "the build of the release fails on the runner with a full disk and no swap at all"
        first = candidate("first", 5.0, 0.6, text=text)
        again = candidate("again", 4.9, 0.6, text=text.upper())
        other = candidate("other", 4.0, 0.55, text="clear the cache of the runner")
        found = ranked([first, again, other])
        self.assertEqual([each.memory.id for each in found], ["first", "other", "again"])
        self.assertEqual(found[2].terms[-1].name, "repeats")
        self.assertAlmostEqual(found[2].score, sum(term.adds for term in found[2].terms))

    def test_where_a_figure_or_a_negation_differs_it_is_no_repetition(self) -> None:
        words = frozenset(re.findall(r"\w+", "the limit of the pool on a small one is never 8"))
        self.assertEqual(likeness(words, words), 1.0)
        self.assertEqual(likeness(words, words - {"8"} | {"9"}), 0.0)
        self.assertEqual(likeness(words, words - {"never"}), 0.0)

    @given(st.frozensets(st.text("abc1", min_size=1)), st.frozensets(st.text("abc1", min_size=1)))
    def test_likeness_is_the_same_both_ways(self, one: frozenset[str], two: frozenset[str]) -> None:
        self.assertEqual(likeness(one, two), likeness(two, one))
        self.assertTrue(0.0 <= likeness(one, two) <= 1.0)


class Prior(SynchronousTestCase):
    def test_of_equals_what_matters_more_comes_first(self) -> None:
        text = "words"
        self.assertEqual(
            ids(
                [
                    candidate("m1", 1.0, 0.5, salience=0.7, text=text),
                    candidate("m2", 1.0, 0.5, salience=0.9, text=text + "?!"),
                ]
            ),
            ["m2", "m1"],
        )

    def test_of_equals_the_newer_comes_first(self) -> None:
        old = candidate("old", 1.0, 0.5, created=NOW - HALF_LIFE / 4)
        self.assertEqual(ids([old, candidate("new", 1.0, 0.5)]), ["new", "old"])

    def test_of_equals_what_fades_comes_last_even_behind_what_matters_less(self) -> None:
        fading = candidate("a", 1.0, 0.5, salience=0.9, created=NOW - 2 * HALF_LIFE)
        lasting = candidate("b", 1.0, 0.5, salience=0.1, fades=NEVER)
        self.assertEqual(fading.memory.state(NOW), "fading")
        self.assertEqual(ids([fading, lasting]), ["b", "a"])

    def test_it_does_not_reorder_what_is_clearly_better(self) -> None:
        better = candidate("a", 1.0, 0.60, salience=0.0, created=0.0)
        worse = candidate("b", 1.0, 0.50, salience=1.0, fades=NEVER)
        self.assertEqual(ids([worse, better]), ["a", "b"])


class Ties(SynchronousTestCase):
    def test_of_two_that_are_alike_in_all_the_first_by_id_comes_first(self) -> None:
        a, b = candidate("a", 1.0, 0.5, text="one"), candidate("b", 1.0, 0.5, text="two")
        self.assertEqual(ids([b, a]), ["a", "b"])
        self.assertEqual(ids([a, b]), ["a", "b"])


some = settings(max_examples=40, deadline=None)


class AnyCandidates(SynchronousTestCase):
    @some
    @given(candidate_lists(), st.randoms())
    def test_their_order_does_not_show(self, candidates: list[Candidate], random: Random) -> None:
        shuffled = list(candidates)
        random.shuffle(shuffled)
        self.assertEqual(ranked(candidates), ranked(shuffled))

    @some
    @given(candidate_lists(), st.text())
    def test_scores_are_0_to_1_and_fall(self, candidates: list[Candidate], text: str) -> None:
        found = [each.score for each in ranked(candidates, query=understand(text, NOW))]
        self.assertTrue(all(0 <= score <= 1 + 1e-9 for score in found))
        self.assertEqual(found, sorted(found, reverse=True))

    @some
    @given(candidate_lists(), st.text())
    def test_the_terms_explain_the_score(self, candidates: list[Candidate], text: str) -> None:
        for found in ranked(candidates, query=understand(text, NOW)):
            self.assertEqual(tuple(values(found))[: len(SIGNALS)], SIGNALS)
            self.assertAlmostEqual(found.score, sum(term.adds for term in found.terms))

    @some
    @given(candidate_lists())
    def test_every_signal_is_0_to_1(self, candidates: list[Candidate]) -> None:
        for found in ranked(candidates):
            self.assertTrue(all(0 <= value <= 1 for value in values(found).values()))

    @some
    @given(candidate_lists(), st.data())
    def test_a_better_signal_never_costs_a_place(
        self, candidates: list[Candidate], data: st.DataObject
    ) -> None:
        distinct = [_plain(each) for each in candidates]
        first = ids(distinct)
        if not first:
            return
        one = data.draw(st.sampled_from(first))
        better = [data.draw(improved(each)) if each.memory.id == one else each for each in distinct]
        self.assertLessEqual(ids(better).index(one), first.index(one))


def _plain(candidate: Candidate) -> Candidate:
    """
    With a text of its own, of the same length or so; with a vector, and without a context:
    where others are measured by a memory, it being better may be good for them.
    """
    text = f"w{candidate.memory.key} " * (1 + len(candidate.memory.text) // 4)
    return evolve(
        candidate,
        memory=evolve(candidate.memory, text=text),
        cosine=candidate.cosine or 0.0,
        context=Context(),
    )


def improved(candidate: Candidate) -> st.SearchStrategy[Candidate]:
    """The same candidate with one of its own signals raised."""

    def raised(name: str, most: float) -> st.SearchStrategy[Candidate]:
        return st.floats(getattr(candidate, name), most).map(
            lambda value: _with(candidate, name, value)
        )

    ways = [raised("coverage", 1.0), raised("pairs", 1.0)]
    if candidate.text_score is not None:
        ways.append(raised("text_score", 100.0))
    if candidate.cosine is not None:
        ways.append(raised("cosine", 1.0))
    return st.one_of(ways)


def _with(candidate: Candidate, name: str, value: Any) -> Candidate:
    changes: dict[str, Any] = {name: value}
    return evolve(candidate, **changes)
