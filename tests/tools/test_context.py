"""What is offered without a question, and why."""

from collections.abc import Sequence
from typing import Any

from mnemo.memory.activity import Event
from mnemo.tools.budget import LEAST, tokens
from tests.tools.room import ToolTestCase, text_of

MINUTE = 60.0


class ContextTestCase(ToolTestCase):
    def before(self, *texts: str, **arguments: Any) -> list[str]:
        """The ids of what another session has remembered, long ago."""
        now, self.session = self.session, self.open_session("old")
        kept = [self.kept(text, **arguments) for text in texts]
        self.session = now
        self.clock.advance(1000 * MINUTE)
        return kept

    def offered(self, **arguments: Any) -> list[str]:
        return [each["id"] for each in self.call("get_context", **arguments)["suggestions"]]


class Offering(ContextTestCase):
    def test_what_shares_the_themes_of_what_was_remembered_is_offered(self) -> None:
        heron, _ = self.before(
            "The heron cache is emptied by the tokenizer", "Invoices are due on Fridays"
        )
        self.kept(
            "the tokenizer fills the heron cache twice", concepts=["heron cache", "tokenizer"]
        )
        answer = self.call("get_context")
        self.assertEqual([each["id"] for each in answer["suggestions"]], [heron])
        self.assertEqual(answer["themes"], ["heron cache", "tokenizer"])
        self.assertEqual(answer["recent_events"], 1)
        self.assertIn("The heron cache is emptied", self.text("recall", query="heron cache"))

    def test_so_is_what_shares_those_of_what_was_asked(self) -> None:
        heron, other = self.before(
            "The heron cache is emptied by the tokenizer", "The tokenizer has a heron in its logo"
        )
        found = self.found("heron cache tokenizer", limit=1)
        self.assertEqual(found, [heron])
        self.assertEqual(self.offered(), [other])

    def test_one_theme_in_common_is_not_enough(self) -> None:
        self.before("The heron stands in the river and looks at seven green frogs all day")
        self.kept("parsing", concepts=["heron", "tokenizer", "parser", "grammar"])
        self.assertEqual(self.offered(), [])

    def test_without_activity_it_says_so(self) -> None:
        self.before("The heron cache is emptied by the tokenizer")
        answer = self.call("get_context")
        self.assertEqual((answer["recent_events"], answer["themes"]), (0, []))
        self.assertEqual(answer["suggestions"], [])
        self.assertIn("No activity", self.text("get_context"))

    def test_another_project_is_none_of_its_business(self) -> None:
        self.before("The heron cache is emptied by the tokenizer", project="other")
        self.kept("the tokenizer fills the heron cache", project="other")
        self.assertEqual(self.call("get_context")["recent_events"], 0)
        self.kept("the tokenizer fills the heron cache twice")
        self.assertEqual(self.offered(), [])

    def test_it_looks_back_as_far_as_it_is_told(self) -> None:
        heron = self.before("The heron cache is emptied by the tokenizer")
        self.kept("the tokenizer fills the heron cache twice")
        self.clock.advance(30 * MINUTE)
        self.assertEqual(self.offered(since_minutes=20), [])
        self.session = self.open_session("s2")
        self.assertEqual(self.offered(since_minutes=40)[-1:], heron)

    def test_or_to_the_last_time_where_that_is_longer_ago(self) -> None:
        self.assertEqual(self.offered(), [])
        self.clock.advance(MINUTE)
        self.kept("the tokenizer fills the heron cache twice")
        self.clock.advance(60 * MINUTE)
        self.assertEqual(self.call("get_context")["recent_events"], 1)

    def test_what_sees_more_than_the_memory_itself_is_heard_too(self) -> None:
        class Files:
            async def since(
                self, moment: float, project: str | None, limit: int
            ) -> Sequence[Event]:
                return [Event(moment + 1, "saved heron/cache.py", ("heron cache", "tokenizer"))]

        (heron,) = self.before("The heron cache is emptied by the tokenizer")
        self.memories.suggesting.activities.append(Files())
        self.assertEqual(self.offered(), [heron])


class LeavingOut(ContextTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.heron,) = self.before("The heron cache is emptied by the tokenizer")
        self.kept("the tokenizer fills the heron cache twice")

    def test_what_the_session_remembered_itself_is_not_offered(self) -> None:
        self.assertEqual(self.offered(), [self.heron])

    def test_nothing_is_offered_twice(self) -> None:
        self.assertEqual(self.offered(), [self.heron])
        self.assertEqual(self.offered(), [])

    def test_nor_after_a_restart(self) -> None:
        self.assertEqual(self.offered(), [self.heron])
        self.clock.advance(5)
        self.memories.stop()
        self.done(self.store._recalls.flush())
        self.assertEqual(self.offered(), [])

    def test_another_session_is_offered_it_all_the_same(self) -> None:
        self.assertEqual(self.offered(), [self.heron])
        self.session = self.open_session("s2")
        self.assertIn(self.heron, self.offered())

    def test_nor_is_what_was_shown_whatever_showed_it(self) -> None:
        shows: dict[str, dict[str, Any]] = {
            "recall": {"query": "heron cache"},
            "recall_project": {},
            "recall_timeline": {"hours_back": 48},
            "recall_session": {"session_id": "old"},
            "session_summary": {"session_id": "old"},
            "check_memory": {"memory_id": self.heron},
        }
        for number, (name, arguments) in enumerate(shows.items()):
            with self.subTest(name):
                self.session = self.open_session(f"of {number}")
                self.call(name, **arguments)
                self.assertNotIn(self.heron, self.offered())

    def test_nor_is_what_was_forgotten(self) -> None:
        self.call("forget", memory_id=self.heron)
        self.assertEqual(self.offered(), [])

    def test_nor_is_what_was_judged_irrelevant_too_often(self) -> None:
        for number in range(3):
            self.call("feedback", query=f"{number}", memory_ids=[self.heron], quality="irrelevant")
        self.assertEqual(self.offered(), [])


class Answering(ContextTestCase):
    def test_the_metrics_are_true(self) -> None:
        heron, crane = self.before(
            "The heron cache is emptied by the tokenizer",
            "The tokenizer warms the heron cache at the start",
        )
        self.kept(
            "the tokenizer fills the heron cache twice", concepts=["heron cache", "tokenizer"]
        )
        self.found("invoices")
        answer = self.call("get_context", limit=1)
        metrics = answer["metrics"]
        self.assertEqual((metrics["encoded_count"], metrics["fallback_count"]), (1, 1))
        self.assertEqual(metrics["encoding_coverage_pct"], 50.0)
        self.assertEqual(metrics["candidates_before_dedup"], 2)
        self.assertEqual(metrics["candidates_after_dedup"], 2)
        self.assertEqual(metrics["novelty_pct"], 100.0)
        self.assertEqual(metrics["encoding_queue_depth"], 3)
        self.assertEqual(
            dict(zip(answer["themes"], metrics["theme_match_counts"], strict=True)),
            {"invoices": 0, "heron cache": 1, "tokenizer": 1},
        )
        self.assertEqual((metrics["offered"], metrics["accepted"]), (0, 0))
        self.assertNotIn("acceptance_rate_pct", metrics)
        (first,) = answer["suggestions"]
        self.call("check_memory", memory_id=first["id"])
        second = self.call("get_context", limit=1)
        self.assertEqual(
            {first["id"], *(each["id"] for each in second["suggestions"])}, {heron, crane}
        )
        self.assertEqual(second["metrics"]["candidates_after_dedup"], 1)
        self.assertEqual(second["metrics"]["novelty_pct"], 50.0)
        self.assertEqual(second["metrics"]["acceptance_rate_pct"], 100.0)

    def test_it_can_be_judged(self) -> None:
        (heron,) = self.before("The heron cache is emptied by the tokenizer")
        self.kept("the tokenizer fills the heron cache twice")
        query = self.call("get_context")["query_id"]
        judged = self.call("feedback", query_id=query, quality="helpful")["judged"]
        self.assertEqual([each["id"] for each in judged], [heron])

    def test_what_was_offered_is_no_event_of_its_own(self) -> None:
        self.before("The heron cache is emptied by the tokenizer")
        self.kept("the tokenizer fills the heron cache twice")
        self.offered()
        self.assertEqual(self.call("get_context")["recent_events"], 1)

    def test_it_keeps_to_its_budget(self) -> None:
        self.before(*(f"The heron cache is emptied by tokenizer {n} " * 40 for n in range(20)))
        self.kept("the tokenizer fills the heron cache twice", concepts=["鷺" * 100, "x y" * 33])
        self.kept("the tokenizer fills the heron cache", concepts=["heron cache", "tokenizer"])
        for allowed in (LEAST, 500, 2_000):
            self.session = self.open_session(f"of {allowed}")
            found = self.result("get_context", limit=20, max_tokens=allowed, format="json")
            self.assertLessEqual(tokens(text_of(found)), allowed)
            self.session = self.open_session(f"text of {allowed}")
            said = self.text("get_context", limit=20, max_tokens=allowed)
            self.assertLessEqual(tokens(said), allowed)
            self.assertIn("In a line each; check_memory shows one whole:", said)

    def test_without_a_model_the_words_decide_and_it_says_so(self) -> None:
        (heron,) = self.before("The heron cache is emptied by the tokenizer")
        self.embedder.take_model_away()
        self.kept(
            "the tokenizer fills the heron cache twice", concepts=["heron cache", "tokenizer"]
        )
        answer = self.call("get_context")
        self.assertEqual([each["id"] for each in answer["suggestions"]], [heron])
        self.assertTrue(answer["degraded"][0].startswith("searched by text alone"))
