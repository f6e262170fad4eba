import json
from typing import Any

from mnemo.memory.features import SIGNALS
from mnemo.memory.recall import CANDIDATES
from mnemo.tools.budget import tokens
from tests.inference.fakes import NO_MODEL
from tests.tools.room import ToolTestCase, ids, text_of

DAY = 86400.0


class Recalling(ToolTestCase):
    def test_a_memory_comes_with_all_that_is_known_of_it(self) -> None:
        self.kept("the heron stands still", concepts=["birds"])
        answer = self.call("recall", query="heron")
        (memory,) = answer["memories"]
        self.assertTrue(0 < memory.pop("score") <= 1)
        self.assertEqual(
            memory,
            {
                "id": "m1",
                "text": "the heron stands still",
                "type": "general",
                "source": "mcp",
                "project": "mnemo",
                "salience": 0.7,
                "state": "active",
                "session_id": "s1",
                "created_at": "2023-11-14T22:13:20Z",
                "version": 1,
                "concepts": ["birds"],
            },
        )
        self.assertEqual(
            {key: answer[key] for key in answer if key not in ("memories", "took_ms")},
            {
                "query_id": "q1",
                "query": "heron",
                "project": "mnemo",
                "degraded": [],
            },
        )

    def test_five_come_unless_more_are_asked_for(self) -> None:
        for number in range(12):
            self.kept(f"heron {number}")
        self.assertEqual(len(self.found("heron")), 5)
        self.assertEqual(len(self.found("heron", limit=11)), 11)
        for limit in (0, 101, -1, 2.5, "5"):
            self.assertIn("an integer from 1 to 100", self.error("recall", query="x", limit=limit))

    def test_a_blank_query_is_refused(self) -> None:
        self.assertIn("query", self.error("recall", query=""))
        self.assertIn("blank", self.error("recall", query="  "))
        self.assertIn('needs "query"', self.error("recall"))

    def test_nothing_relevant_is_an_answer(self) -> None:
        self.kept("grey geese fly south")
        self.assertEqual(self.call("recall", query="quarterly taxes")["memories"], [])
        self.assertEqual(
            self.text("recall", query="quarterly taxes"),
            'Nothing relevant found in mnemo (query_id q2). project: "*" searches everywhere.',
        )

    def test_what_has_no_effect_is_accepted(self) -> None:
        plain = self.call("recall", query="x")
        answer = self.call(
            "recall", query="x", synthesize=True, include_patterns=True, include_abstractions=False
        )
        self.assertEqual(answer.keys(), plain.keys())


class Scope(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ours = self.kept("a heron")
        self.theirs = self.kept("a heron", project="other")

    def test_the_session_s_project_is_the_default_and_the_answer_says_so(self) -> None:
        answer = self.call("recall", query="heron")
        self.assertEqual((ids(answer), answer["project"]), ([self.ours], "mnemo"))

    def test_another_project_can_be_named(self) -> None:
        for name in ("other", "/no/such/place/other", "file:///no/such/other"):
            answer = self.call("recall", query="heron", project=name)
            self.assertEqual((ids(answer), answer["project"]), ([self.theirs], "other"))

    def test_a_star_is_all_of_them(self) -> None:
        answer = self.call("recall", query="heron", project="*")
        self.assertEqual(set(ids(answer)), {self.ours, self.theirs})
        self.assertEqual(answer["project"], "all projects")

    def test_a_session_without_a_project_searches_all(self) -> None:
        self.session = self.open_session("s2", project="")
        answer = self.call("recall", query="heron")
        self.assertEqual((len(answer["memories"]), answer["project"]), (2, "all projects"))

    def test_what_names_no_project_is_refused(self) -> None:
        self.assertIn("names no project", self.error("recall", query="heron", project="/"))


class Filters(ToolTestCase):
    """Each acts before the best are picked, so that none is lost to better matches outside."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(CANDIDATES + 5):
            self.kept(f"heron heron heron {number}")
        self.clock.advance(DAY)
        self.session = self.open_session("s2")
        self.rare = self.kept(
            "one heron",
            type="insight",
            source="cli",
            concepts=["birds"],
        )

    def test_each_alone(self) -> None:
        wanted: dict[str, Any]
        for wanted in (
            {"type": "insight"},
            {"types": ["insight", "error"]},
            {"types": ["insight"], "type": "general"},
            {"source": "cli"},
            {"session_id": "s2"},
            {"session_id": "current"},
            {"since": 12},
            {"since": "2023-11-15"},
            {"min_salience": 0.8},
            {"concepts": ["birds", "fish"]},
        ):
            self.assertEqual(self.found("heron", **wanted), [self.rare], wanted)
        for wanted in (
            {"until": "2023-11-14"},
            {"until": "2023-11-15T12:00:00"},
            {"exclude_concepts": ["birds"]},
            {"type": "general"},
        ):
            everything = self.found("heron", limit=100, max_tokens=20_000, **wanted)
            self.assertNotIn(self.rare, everything, wanted)

    def test_forgotten_ones_come_only_when_asked_for(self) -> None:
        self.call("forget", memory_id=self.rare)
        self.assertEqual(self.found("heron", source="cli"), [])
        self.assertEqual(self.found("heron", source="cli", state="archived"), [self.rare])

    def test_fading_ones_can_be_told_from_active_ones(self) -> None:
        self.clock.advance(111 * DAY)
        self.assertEqual(self.found("heron", state="active", limit=100), [self.rare])
        self.assertEqual(self.found("heron", source="cli", state="fading"), [])
        all_of_them = self.found("heron", state="fading", limit=100, max_tokens=20_000)
        self.assertEqual(len(all_of_them), CANDIDATES + 5)

    def test_what_is_no_moment_is_refused(self) -> None:
        said = self.error("recall", query="x", since="yesterday")
        self.assertIn("\"since\": 'yesterday'", said)
        self.assertIn("ISO 8601", said)
        self.assertIn("until", self.error("recall", query="x", until=-1))


class Details(ToolTestCase):
    def test_explain_lists_the_terms_of_the_score(self) -> None:
        self.kept("the heron stands still")
        (memory,) = self.call("recall", query="heron", explain=True)["memories"]
        terms = memory["explanation"]
        self.assertEqual([term["name"] for term in terms], list(SIGNALS))
        self.assertAlmostEqual(sum(each["adds"] for each in terms), memory["score"], places=3)
        for term in terms:
            self.assertAlmostEqual(term["value"] * term["weight"], term["adds"], places=3)
        said = self.text("recall", query="heron", explain=True)
        self.assertIn("score = text 1.00 * ", said)
        self.assertNotIn(" 0.00 * ", said)

    def test_up_to_three_links_are_shown_when_asked_for(self) -> None:
        first = self.kept("a heron")
        for number in range(4):
            self.kept(f"goose {number}", associate_with=[{"memory_id": first}])
        (memory,) = self.call("recall", query="heron", include_associations=True)["memories"]
        self.assertEqual(len(memory["associations"]), 3)
        self.assertIn("← similar m", self.text("recall", query="heron", include_associations=True))

    def test_the_text_is_compact(self) -> None:
        self.kept("the heron\nstands still", concepts=["birds"])
        said = self.text("recall", query="heron stands still")
        self.assertRegex(
            said,
            r"^1 memory in mnemo \(query_id q1\)\n"
            r"\[\d\.\d\d\] m1; general; mnemo; 2023-11-14T22:13:20Z; concepts: birds\n"
            r"  the heron\n  stands still$",
        )


class Budget(ToolTestCase):
    def test_a_long_text_is_whole_where_the_budget_has_room_for_it(self) -> None:
        text = "heron " * 1000
        self.kept(text)
        (memory,) = self.call("recall", query="heron")["memories"]
        self.assertEqual(memory["text"], text)
        self.assertNotIn("left_out", memory)

    def test_else_it_is_cut_the_same_in_the_text_and_in_the_structure(self) -> None:
        text = "heron " * 1000
        self.kept(text)
        (memory,) = self.call("recall", query="heron", max_tokens=1000)["memories"]
        self.assertEqual(memory["text"], text[:700] + "…")
        self.assertEqual(memory["left_out"], 5300)
        said = self.text("recall", query="heron", max_tokens=1000)
        self.assertLess(len(said), 1000)
        self.assertIn("… (5,300 more characters: check_memory m1 shows them)", said)
        self.assertEqual(self.call("check_memory", memory_id="m1")["memory"]["text"], text)

    def test_the_best_are_shown_then_lines_then_a_count(self) -> None:
        for number in range(60):
            self.kept(f"heron {number} " + "stands still " * 20)
        answer = self.call("recall", query="heron", limit=50)
        shown, lines, more = answer["memories"], answer["brief"], answer["omitted"]
        self.assertEqual(len(shown) + len(lines) + more, 50)
        self.assertTrue(shown and lines and more)
        self.assertEqual(lines[0].keys(), {"id", "line", "score"})
        everything = self.found("heron", limit=50, max_tokens=25_000)
        self.assertEqual([each["id"] for each in (*shown, *lines)], everything[:-more])
        said = self.text("recall", query="heron", limit=50)
        self.assertTrue(said.startswith("50 memories in mnemo"))
        self.assertIn(f"{lines[0]['id']}: heron", said)
        self.assertTrue(said.endswith(f"{more} more: a larger max_tokens shows them."))

    def test_text_and_structure_each_keep_to_it(self) -> None:
        for number in range(30):
            self.kept(f"鷺 heron {number} " + "静かに立っている " * (9 * number))
        for max_tokens in (300, 1000, 2000, 4000):
            for written in ("text", "json"):
                result = self.result(
                    "recall", query="heron", limit=30, max_tokens=max_tokens, format=written
                )
                structure = json.dumps(result.structured, ensure_ascii=False, separators=(",", ":"))
                self.assertLessEqual(tokens(text_of(result)), max_tokens)
                self.assertLessEqual(tokens(structure), max_tokens)

    def test_several_queries_share_it(self) -> None:
        for number in range(30):
            self.kept(f"heron {number} " + "stands still " * 40)
        queries = [{"query": "heron", "limit": 20}, {"query": "nothing like it"}] * 3
        result = self.result("batch_recall", queries=queries, max_tokens=2000)
        self.assertLessEqual(tokens(text_of(result)), 2000)
        self.assertLessEqual(tokens(json.dumps(result.structured, separators=(",", ":"))), 2000)
        for each in self.call("batch_recall", queries=queries, max_tokens=2000)["results"][::2]:
            self.assertTrue(each["memories"] or each["brief"])

    def test_too_little_and_too_much_are_refused(self) -> None:
        for max_tokens in (299, 25_001):
            said = self.error("recall", query="x", max_tokens=max_tokens)
            self.assertIn("an integer from 300 to 25,000", said)
        said = self.error("batch_recall", queries=[{"query": "x"}] * 3, max_tokens=800)
        self.assertEqual(said, '"max_tokens" must be 900 or more for so many queries')

    def test_a_long_query_comes_back_as_its_beginning(self) -> None:
        answer = self.call("recall", query="heron " * 1000)
        self.assertLess(len(answer["query"]), 100)


class Degraded(ToolTestCase):
    def test_every_kind_of_recall_says_so(self) -> None:
        self.kept("heron")
        self.embedder.take_model_away()
        reason = f"searched by text alone: {NO_MODEL}"
        self.assertEqual(self.call("recall", query="heron")["degraded"], [reason])
        (item,) = self.call("batch_recall", queries=[{"query": "heron"}])["results"]
        self.assertEqual(item["degraded"], [reason])
        self.assertEqual(self.call("recall_project", query="heron")["degraded"], [reason])
        self.assertIn(f"Degraded: {reason}", self.text("recall", query="heron"))


class Batch(ToolTestCase):
    def test_each_query_has_its_own_answer_in_order(self) -> None:
        heron = self.kept("a heron")
        taxes = self.kept("the taxes", project="other")
        results = self.call(
            "batch_recall",
            queries=[{"query": "heron"}, {"query": "taxes", "project": "other"}, {"query": "z"}],
        )["results"]
        self.assertEqual([ids(each) for each in results], [[heron], [taxes], []])
        self.assertEqual([each["project"] for each in results], ["mnemo", "other", "mnemo"])

    def test_feedback_takes_each_query_id(self) -> None:
        heron = self.kept("a heron")
        (item,) = self.call("batch_recall", queries=[{"query": "heron"}])["results"]
        judged = self.call("feedback", query_id=item["query_id"], quality="helpful")["judged"]
        self.assertEqual([each["id"] for each in judged], [heron])

    def test_one_to_ten_queries_are_accepted(self) -> None:
        self.assertIn("1 to 10 items", self.error("batch_recall", queries=[]))
        self.assertIn("1 to 10 items", self.error("batch_recall", queries=[{"query": "x"}] * 11))
        self.call("batch_recall", queries=[{"query": "x"}] * 10)

    def test_what_is_wrong_with_an_item_is_said_by_its_number(self) -> None:
        self.assertEqual(
            self.error("batch_recall", queries=[{"query": "x"}, {"query": "y", "limit": 0}]),
            'batch_recall: "queries[1].limit" was 0; accepted: an integer from 1 to 100',
        )
        self.assertIn("blank", self.error("batch_recall", queries=[{"query": " "}]))

    def test_the_text_says_which_answer_is_whose(self) -> None:
        self.kept("a heron")
        said = self.text("batch_recall", queries=[{"query": "heron"}, {"query": "z"}])
        self.assertIn("“heron”: 1 memory in mnemo", said)
        self.assertIn("“z”: Nothing relevant", said)
