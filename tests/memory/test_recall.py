from twisted.internet.defer import CancelledError, Deferred

from mnemo.inference.interfaces import Priority
from mnemo.memory.indexing import SHORT
from mnemo.memory.recall import CANDIDATES, Question
from mnemo.store.interfaces import StoreError
from mnemo.store.search import Filter
from tests.inference.fakes import NO_MODEL
from tests.memory.room import NOW, MemoryTestCase


class Recalling(MemoryTestCase):
    def test_what_answers_comes_best_first(self) -> None:
        self.remember("grey geese fly south")
        exact = self.remember("the heron stands still in the reeds").id
        near = self.remember("a heron flew").id
        self.assertEqual(self.recalled("heron stands still"), [exact, near])

    def test_nothing_relevant_is_an_answer(self) -> None:
        self.remember("grey geese fly south")
        answer = self.recall("quarterly tax figures")
        self.assertEqual(answer.ranked, ())
        self.assertEqual(answer.degraded, ())

    def test_the_query_is_embedded_before_any_background_work(self) -> None:
        self.remember("one")
        self.recall("one")
        self.assertEqual(self.embedder.priorities, [Priority.BACKGROUND, Priority.INTERACTIVE])

    def test_no_more_come_than_were_asked_for(self) -> None:
        for number in range(8):
            self.remember(f"heron {number}")
        self.assertEqual(len(self.recalled("heron", 3)), 3)

    def test_each_filter_is_heeded_however_many_others_match_better(self) -> None:
        for number in range(CANDIDATES + 5):
            self.remember(f"heron heron heron {number}")
        rare = self.remember(
            "a heron",
            project="other",
            type="insight",
            source="cli",
            session="s9",
            concepts=["birds"],
        ).id
        for wanted in (
            {"project": "other"},
            {"types": ("insight",)},
            {"source": "cli"},
            {"session": "s9"},
            {"concepts": ("birds",)},
            {"min_salience": 0.9},
        ):
            self.assertEqual(self.recalled("heron", **wanted), [rare], wanted)

    def test_times_and_excluded_concepts_are_heeded(self) -> None:
        old = self.remember("an old heron", concepts=["birds"]).id
        self.clock.advance(100)
        new = self.remember("a new heron").id
        self.assertEqual(self.recalled("heron", since=NOW + 50), [new])
        self.assertEqual(self.recalled("heron", until=NOW + 50), [old])
        self.assertEqual(self.recalled("heron", exclude_concepts=("birds",)), [new])

    def test_a_question_for_a_time_alone_is_answered_by_what_was_made_then(self) -> None:
        self.remember("a grey goose")
        self.clock.advance(24 * 3600)
        one = self.remember("a heron").id
        self.clock.advance(60)
        two, three = self.remember("tax figures").id, self.remember("a plan", project="q").id
        self.assertEqual(self.recalled("what did I note today?"), [three, two, one])
        self.assertEqual(self.recalled("what did I note today?", 1), [three])
        self.assertEqual(self.recalled("what happened today?", project="p"), [two, one])
        since = self.clock.seconds() - 30
        self.assertEqual(self.recalled("what happened today?", project="p", since=since), [two])
        self.assertEqual(self.recall("what did we do last week?").ranked, ())

    def test_a_question_for_a_time_alone_is_noted_and_its_score_is_told_by_the_time(self) -> None:
        kept = self.remember("a heron").id
        answer = self.recall("what happened today?")
        (ranked,) = answer.ranked
        self.assertEqual((ranked.score, [term.name for term in ranked.terms]), (1.0, ["time"]))
        self.assertEqual(self.done(self.store.query(answer.query_id)).returned, (kept,))

    def test_it_takes_the_time_it_took(self) -> None:
        self.embedder.hold()
        waiting = Deferred.fromCoroutine(
            self.memories.recalling.recall(Question("x", Filter(now=NOW), 5), "s1")
        )
        self.clock.advance(0.25)
        self.embedder.release()
        self.assertEqual(self.successResultOf(waiting).seconds, 0.25)

    def test_it_can_be_cancelled_while_it_waits_for_the_model(self) -> None:
        self.embedder.hold()
        waiting = Deferred.fromCoroutine(
            self.memories.recalling.recall(Question("x", Filter(now=NOW), 5), "s1")
        )
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.embedder.held, 0)


class Noting(MemoryTestCase):
    """What was answered is noted, so that feedback can refer to it."""

    def test_a_recall_is_noted_with_what_it_returned(self) -> None:
        kept = self.remember("heron").id
        answer = self.recall("heron", project="p")
        noted = self.done(self.store.query(answer.query_id))
        self.assertEqual(
            (noted.text, noted.session, noted.project, noted.returned, noted.at),
            ("heron", "s1", "p", (kept,), NOW),
        )

    def test_each_of_several_has_an_id_of_its_own(self) -> None:
        kept = self.remember("heron").id
        questions = [Question(text, Filter(now=NOW), 5) for text in ("heron", "taxes")]
        first, second = self.done(self.memories.recalling.recall_all(questions, "s1"))
        self.assertEqual(self.done(self.store.query(first.query_id)).returned, (kept,))
        self.assertEqual(self.done(self.store.query(second.query_id)).returned, ())

    def test_several_are_embedded_by_one_call(self) -> None:
        questions = [Question(text, Filter(now=NOW), 5) for text in ("heron", "taxes")]
        self.done(self.memories.recalling.recall_all(questions, "s1"))
        self.assertEqual(self.embedder.priorities, [Priority.INTERACTIVE])


class Degrading(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept = self.remember("the heron stands still").id

    def test_without_a_model_the_words_are_searched_and_the_answer_says_so(self) -> None:
        self.embedder.take_model_away()
        answer = self.recall("heron")
        self.assertEqual([each.memory.id for each in answer.ranked], [self.kept])
        self.assertEqual(answer.degraded, (f"searched by text alone: {NO_MODEL}",))

    def test_a_model_that_fails_is_logged_and_the_words_are_searched(self) -> None:
        self.embedder.fail_with(RuntimeError("decode returned -3"))
        answer = self.recall("heron")
        self.assertEqual([each.memory.id for each in answer.ranked], [self.kept])
        self.assertIn("decode returned -3", answer.degraded[0])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_what_the_store_says_is_in_the_answer(self) -> None:
        self.done(self.store.vectors.use_model("another", 3))
        answer = self.recall("heron")
        self.assertEqual([each.memory.id for each in answer.ranked], [self.kept])
        self.assertEqual(len(answer.degraded), 1)

    def test_a_long_backlog_of_vectors_is_in_the_answer(self) -> None:
        self.memories.vectoriser.backlog = SHORT + 1
        self.assertIn("101 memories", self.recall("heron").degraded[0])
        self.memories.vectoriser.backlog = SHORT
        self.assertEqual(self.recall("heron").degraded, ())

    def test_all_is_well_otherwise(self) -> None:
        self.assertEqual(self.recall("heron").degraded, ())

    def test_a_store_that_fails_is_no_answer(self) -> None:
        failure = StoreError("the disk is full")

        def fail(*_: object) -> None:
            raise failure

        self.patch(self.store, "search", fail)
        questions = [Question("heron", Filter(now=NOW), 5)] * 2
        said = self.refused(StoreError, self.memories.recalling.recall_all(questions, "s1"))
        self.assertEqual(said, "the disk is full")
