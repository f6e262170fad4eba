"""Searching by words and by vectors at once."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed

from mnemo.store.search import ALONE, Filter
from mnemo.store.vectors import Vector
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import (
    ALL,
    DIMENSIONS,
    NOW,
    direction,
    embed,
    found,
    new,
    problems,
    word,
)


class Searching(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))

    def test_what_is_acknowledged_is_found_at_once_and_ever_after(self) -> None:
        self.add(new("a", "the walrus"))
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.assertFalse(self.one("a").embedded)
        self.clock.advance(1)
        self.assertEqual(list(found(self.store, "walrus")), ["a"])
        self.reopen()
        self.assertEqual(list(found(self.store, "walrus")), ["a"])

    def test_each_candidate_has_every_score_there_is(self) -> None:
        self.add(new("both", "walrus"), new("text", "walrus"), new("vector", "zebra"))
        embed(self.store, {"both": direction(1), "vector": direction(1, 1)})
        candidates = found(self.store, "walrus", direction(1))
        self.assertAlmostEqual(candidates["both"].cosine, 1.0, places=3)
        self.assertAlmostEqual(candidates["vector"].cosine, 0.7071, places=3)
        self.assertIsNone(candidates["text"].cosine)
        self.assertIsNone(candidates["vector"].text_score)
        self.assertEqual(candidates["both"].text_score, candidates["text"].text_score)
        self.assertEqual(candidates["both"].memory, self.one("both"))

    def test_words_are_searched_while_the_vector_is_made(self) -> None:
        self.add(*(new(f"m{n}", "walrus " * n, session="s") for n in range(1, 9)))
        embed(self.store, {f"m{n}": direction(1, n) for n in range(3, 7)})
        at_once = result_of(self.store.search("walrus", direction(1), ALL, 3))
        making: Deferred[Vector | None] = Deferred()
        self.pools.readers.hold()
        searched = self.store.search("walrus", making, ALL, 3)
        self.assertEqual(len(self.pools.readers.waiting), 1)
        self.pools.readers.release()
        self.assertNoResult(searched)
        making.callback(direction(1))
        self.assertEqual(self.successResultOf(searched), at_once)

    def test_a_vector_that_comes_while_the_words_are_searched_is_searched_with_them(self) -> None:
        self.add(*(new(f"m{n}", "walrus " * n, session="s") for n in range(1, 9)))
        embed(self.store, {f"m{n}": direction(1, n) for n in range(3, 7)})
        at_once = result_of(self.store.search("walrus", direction(1), ALL, 3))
        making: Deferred[Vector | None] = Deferred()
        self.pools.readers.hold()
        searched = self.store.search("walrus", making, ALL, 3)
        making.callback(direction(1))
        self.pools.readers.step()
        self.assertEqual(self.successResultOf(searched), at_once)
        self.pools.readers.release()

    def test_a_vector_that_is_there_is_not_waited_for(self) -> None:
        self.add(new("a", "walrus"))
        searched = self.store.search("walrus", succeed(direction(1)), ALL, 3)
        self.assertEqual(len(self.successResultOf(searched).candidates), 1)

    def test_who_gives_up_a_search_gives_up_its_vector(self) -> None:
        for hold in (self.pools.readers.hold, self.pools.readers.release):
            making: Deferred[Vector | None] = Deferred()
            hold()
            searched = self.store.search("walrus", making, ALL, 3)
            searched.cancel()
            self.failureResultOf(searched, CancelledError)
            self.assertTrue(making.called)

    def test_what_a_leg_lacked_when_it_was_searched_is_said_though_it_is_mended_since(self) -> None:
        self.add(new("a", "walrus"))
        texts = self.store._texts
        self.pools.readers.hold()
        texts.problem = "text search is being rebuilt"
        searched = self.store.search("walrus", direction(1), ALL, 3)
        texts.problem = ""
        self.pools.readers.release()
        self.assertEqual(self.successResultOf(searched).problems, ("text search is being rebuilt",))

    def test_a_memory_that_one_leg_proposes_gets_the_other_legs_score(self) -> None:
        self.add(*(new(f"v{n}", "walrus and much more beside") for n in range(5)))
        self.add(*(new(f"t{n}", "walrus walrus walrus") for n in range(5)))
        embed(self.store, {f"v{n}": direction(1, n / 9) for n in range(5)})
        embed(self.store, {f"t{n}": direction(0, 1, n) for n in range(5)})
        candidates = found(self.store, "walrus", direction(1), limit=5)
        self.assertEqual(len(candidates), 10)
        for candidate in candidates.values():
            self.assertIsNotNone(candidate.text_score)
            self.assertIsNotNone(candidate.cosine)

    def test_without_a_vector_the_words_alone_are_searched(self) -> None:
        self.add(new("a", "walrus"))
        embed(self.store, {"a": direction(1)})
        self.assertIsNone(found(self.store, "walrus")["a"].cosine)

    def test_a_question_without_words_searches_by_vector_alone(self) -> None:
        self.add(new("a", "walrus"))
        embed(self.store, {"a": direction(1)})
        self.assertIsNone(found(self.store, "", direction(1))["a"].text_score)

    def test_a_filter_never_starves_either_leg(self) -> None:
        self.add(*(new(f"n{n}", "walrus walrus walrus") for n in range(1_000)))
        self.add(new("rare", "a walrus among many other animals of the sea", type="insight"))
        embed(self.store, {f"n{n}": direction(1) for n in range(1_000)})
        embed(self.store, {"rare": direction(0, 0, 1)})
        self.clock.advance(1)
        rare = Filter(now=NOW, types=("insight",))
        for text, vector in (("walrus", None), ("", direction(1))):
            self.assertEqual(list(found(self.store, text, vector, wanted=rare, limit=3)), ["rare"])

    def test_a_vector_of_the_wrong_length_is_said_and_the_words_are_searched(self) -> None:
        self.add(new("a", "walrus"))
        self.assertEqual(list(found(self.store, "walrus", direction(1)[:3])), ["a"])
        self.assertIn(str(DIMENSIONS), problems(self.store, "walrus", direction(1)[:3])[0])
        self.assertEqual(problems(self.store, "walrus", direction(1)), ())


class Context(StoreTestCase):
    """What a memory was said among, as far as the filter allows."""

    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))

    def talk(self, *texts: str, session: str = "talk", **fields: Any) -> None:
        """Memories C{a}, C{b}, … of a session, one after another."""
        self.add(
            *(
                new(name, text, session=session, created=number, **fields)
                for number, (name, text) in enumerate(zip("abcdef", texts, strict=False))
            )
        )

    def test_the_neighbours_of_what_is_found_are_candidates(self) -> None:
        self.talk("one", "walrus", "three", "four")
        self.assertEqual(set(found(self.store, "walrus")), {"a", "b", "c"})

    def test_the_scores_of_two_on_either_side_come_in_order_of_time(self) -> None:
        self.talk("one", "walrus two", "the walrus", "four", "walrus walrus five", "six")
        embed(self.store, {"a": direction(1), "d": direction(0, 1)})
        context = found(self.store, "walrus", direction(1))["c"].context
        self.assertEqual([score > 0 for score in context.texts], [False, True, False, True])
        self.assertEqual([round(each, 2) for each in context.cosines], [1.0, 0.0, 0.0, 0.0])

    def test_order_is_by_time_not_by_arrival(self) -> None:
        for name, created in (("late", 3.0), ("early", 1.0), ("middle", 2.0)):
            self.add(new(name, f"walrus {name}", session="talk", created=created))
        context = found(self.store, "walrus early")["middle"].context
        self.assertGreater(context.texts[1], context.texts[2])

    def test_other_sessions_and_none_are_no_neighbours(self) -> None:
        self.talk("one", "walrus")
        self.add(new("other", "walrus", session="else", created=0.5))
        self.add(new("alone", "walrus", created=0.6), new("alone too", "walrus", created=0.7))
        candidates = found(self.store, "walrus")
        self.assertEqual(candidates["b"].context.texts, (0.0, 0.0, 0.0, 0.0))
        self.assertEqual(candidates["alone"].context, ALONE)

    def test_what_the_filter_forbids_is_no_neighbour(self) -> None:
        self.talk("walrus one", "walrus")
        self.add(new("theirs", "walrus", session="talk", created=9.0, project="q"))
        result_of(self.store.archive(["a"], True, NOW))
        (candidate,) = found(self.store, "walrus", wanted=Filter(now=NOW, project="p")).values()
        self.assertEqual(candidate.memory.id, "b")
        self.assertEqual(candidate.context.texts, (0.0, 0.0, 0.0, 0.0))
        result_of(self.store.archive(["a"], False, NOW))
        candidates = found(self.store, "walrus", wanted=Filter(now=NOW, project="p"))
        self.assertGreater(candidates["b"].context.texts[1], 0.0)

    def test_what_is_purged_leaves_no_gap(self) -> None:
        self.talk("walrus one", "two", "walrus")
        result_of(self.store.purge(["b"]))
        self.assertGreater(found(self.store, "walrus")["c"].context.texts[1], 0.0)

    def test_a_session_is_judged_by_all_that_is_found_of_it(self) -> None:
        self.talk("walrus", "walrus tusk", "nothing")
        self.add(new("other", "walrus", session="else"))
        candidates = found(self.store, "walrus tusk")
        talk, other = candidates["c"].context, candidates["other"].context
        self.assertGreater(talk.session_text, other.session_text)
        self.assertGreater(talk.session_coverage, other.session_coverage)
        self.assertTrue(0 < other.session_coverage < talk.session_coverage < 1)

    def test_it_is_the_same_once_the_index_is_told_and_after_a_restart(self) -> None:
        self.talk("one", "walrus tusk", "the tusk of a walrus", "four", "walrus five")
        fresh = found(self.store, "walrus tusk")
        self.clock.advance(1)
        told = found(self.store, "walrus tusk")
        self.reopen()
        for candidates in (told, found(self.store, "walrus tusk")):
            self.assertEqual(set(candidates), set(fresh))
            for name, candidate in candidates.items():
                self.assertEqual(candidate.pairs, fresh[name].pairs)
                self.assertAlmostEqual(candidate.coverage, fresh[name].coverage, delta=0.1)
                self.assertEqual(
                    [score > 0 for score in candidate.context.texts],
                    [score > 0 for score in fresh[name].context.texts],
                )


class Holding(StoreTestCase):
    """How much of the query a memory holds."""

    def test_all_some_and_none(self) -> None:
        self.add(
            new("all", "the walrus tusk"),
            new("apart", "a tusk and a walrus"),
            new("some", "a walrus"),
        )
        for _ in ("fresh", "told"):
            candidates = found(self.store, "walrus tusk")
            self.assertAlmostEqual(candidates["all"].coverage, 1.0)
            self.assertEqual((candidates["all"].pairs, candidates["apart"].pairs), (1.0, 0.0))
            self.assertAlmostEqual(candidates["apart"].coverage, 1.0)
            self.assertTrue(0 < candidates["some"].coverage < 0.5)
            self.clock.advance(1)

    def test_words_that_nobody_holds_are_asked_for_as_well(self) -> None:
        self.add(new("a", "walrus"))
        self.clock.advance(1)
        self.assertLess(found(self.store, "walrus zebra")["a"].coverage, 0.5)

    def test_of_a_long_query_the_rarest_words_are_looked_at(self) -> None:
        self.add(*(new(f"n{n}", " ".join(map(word, range(60)))) for n in range(3)))
        self.add(new("rare", " ".join(map(word, range(60, 80)))))
        self.clock.advance(1)
        candidates = found(self.store, " ".join(map(word, range(80))))
        self.assertGreater(candidates["rare"].coverage, candidates["n1"].coverage)

    def test_forgotten_ones_too(self) -> None:
        self.add(new("a", "walrus tusk"))
        result_of(self.store.archive(["a"], True, NOW))
        for _ in ("fresh", "told"):
            archived = found(self.store, "walrus tusk", wanted=Filter(now=NOW, state="archived"))
            self.assertEqual((archived["a"].coverage, archived["a"].pairs), (1.0, 1.0))
            self.clock.advance(1)
