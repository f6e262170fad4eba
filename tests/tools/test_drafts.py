"""The handoff that a session did not leave, as the next one is shown it."""

from hypothesis import given, settings

from mnemo.enrichment.drafting import Drafter
from mnemo.resources.projects import ProjectResources
from mnemo.tools.budget import LEAST, Cost, tokens
from mnemo.tools.drafts import LEAST_SHOWN, DraftView
from mnemo.tools.overview import ProjectResult
from mnemo.tools.recall import Found
from tests.enrichment.room import LEASES, at_once
from tests.tools.room import ToolTestCase
from tests.tools.test_budget import MEMORY, budgets, founds, texts, written


class DraftsTestCase(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        changes = self.memories.changes
        self.drafter = Drafter(
            self.store,
            self.clock,
            at_once,
            lambda: f"draft {next(LEASES)}",
            changes.project_known_better,
        )
        self.drafter.start()
        self.addCleanup(lambda: self.done(self.drafter.stop()))

    def next_session(self, id: str) -> None:
        """The present session ends, and another begins."""
        self.done(self.store.sessions.end(self.session.id, self.clock.seconds(), "deleted"))
        self.drafter.session_ended()
        self.clock.advance(60)
        self.session = self.open_session(id)


class Shown(DraftsTestCase):
    def test_the_next_session_is_shown_it_first_and_that_it_is_a_draft(self) -> None:
        kept = self.kept("The port is 9999. Still to do: the firewall.", type="decision")
        self.next_session("s2")
        answer = self.call("recall_project")
        self.assertEqual(answer["draft"]["session_id"], "s1")
        self.assertEqual(answer["draft"]["made_by"], "extractive")
        self.assertEqual(
            answer["draft"]["text"],
            f"Open:\n- Still to do: the firewall. [{kept}]\n\n"
            f"Decided:\n- The port is 9999. [{kept}]",
        )
        self.assertNotIn("handoff", answer)
        said = self.text("recall_project")
        self.assertLess(
            said.index("Draft of a handoff, which session s1 did not leave"),
            said.index("Still to do"),
        )
        self.assertLess(said.index("Still to do"), said.index("Newest:"))

    def test_a_newer_draft_comes_before_an_older_handoff(self) -> None:
        self.call("create_handoff", completed=["the lexer"])
        self.next_session("s2")
        self.kept("The parser fails on tabs.", type="error")
        self.next_session("s3")
        answer = self.call("recall_project")
        self.assertEqual(answer["draft"]["session_id"], "s2")
        self.assertIn("the lexer", answer["handoff"]["text"])
        said = self.text("recall_project")
        self.assertLess(said.index("Draft of a handoff"), said.index("Latest handoff"))

    def test_a_newer_handoff_leaves_no_room_for_an_older_draft(self) -> None:
        self.kept("The parser fails on tabs.", type="error")
        self.next_session("s2")
        self.call("create_handoff", completed=["the lexer"])
        answer = self.call("recall_project")
        self.assertNotIn("draft", answer)
        self.assertIn("the lexer", answer["handoff"]["text"])

    def test_a_session_that_left_a_handoff_has_no_draft(self) -> None:
        self.kept("The parser fails on tabs.", type="error")
        self.call("create_handoff", completed=["the lexer"])
        self.next_session("s2")
        self.assertNotIn("draft", self.call("recall_project"))

    def test_a_session_without_memories_has_no_draft(self) -> None:
        self.call("recall", query="heron")
        self.next_session("s2")
        self.assertNotIn("draft", self.call("recall_project"))

    def test_a_draft_is_no_memory(self) -> None:
        kept = self.kept("The parser fails on tabs.", type="error")
        self.next_session("s2")
        self.assertEqual(self.found("parser fails on tabs"), [kept])
        self.assertEqual(self.call("recall_project")["total"], 1)

    def test_forgetting_what_it_says_takes_it_away(self) -> None:
        kept = self.kept("The parser fails on tabs.", type="error")
        self.next_session("s2")
        self.call("forget", memory_id=kept)
        self.assertNotIn("draft", self.call("recall_project"))

    def test_another_project_s_draft_is_not_shown(self) -> None:
        self.kept("The parser fails on tabs.", project="other")
        self.next_session("s2")
        self.assertNotIn("draft", self.call("recall_project"))
        self.assertIn("draft", self.call("recall_project", project="other"))

    def test_the_context_of_the_project_shows_it_too(self) -> None:
        self.kept("The parser fails on tabs.", type="error")
        self.next_session("s2")
        said: str = self.done(ProjectResources(self.memories).known("mnemo"))
        self.assertIn("## Draft of a handoff that the last session did not leave", said)
        self.assertLess(said.index("## Draft"), said.index("## Other memories"))

    def test_who_watches_the_project_is_told_of_it(self) -> None:
        told: list[frozenset[str]] = []
        self.kept("The parser fails on tabs.")
        self.clock.advance(1)
        self.memories.changes.tell = lambda changed: told.append(changed.projects)
        self.next_session("s2")
        self.assertEqual(told, [frozenset({"mnemo"})])


class Fitting(DraftsTestCase):
    def test_it_is_cut_to_a_third_of_the_answer(self) -> None:
        for number in range(40):
            self.kept(f"Fact {number} holds: " + f"word{number} " * 30)
        self.next_session("s2")
        answer = self.call("recall_project", max_tokens=LEAST)
        self.assertGreater(answer["draft"]["left_out"], 0)
        self.assertTrue(answer.get("memories") or answer.get("brief"))
        self.assertIn("recall_session s1 shows", self.text("recall_project", max_tokens=LEAST))

    @settings(max_examples=80, deadline=None)
    @given(founds, texts, texts, budgets)
    def test_no_answer_costs_more_than_allowed(
        self, found: Found, handoff: str, draft: str, max_tokens: int
    ) -> None:
        before = ProjectResult(
            project="mnemo",
            total=7,
            draft=DraftView(
                session_id="5" * 32,
                project="mnemo",
                until="2023-11-14T22:13:20Z",
                made_by="extractive",
                text=draft,
            ),
            handoff=MEMORY,
            memories=found.memories,
            degraded=found.degraded,
        )
        after = before.within(Cost.allowed(max_tokens))
        self.assertLessEqual(tokens(after.text()), max_tokens)
        self.assertLessEqual(tokens(written(after)), max_tokens)
        assert after.draft is not None
        shown = after.draft.text.removesuffix("…") if after.draft.left_out else after.draft.text
        self.assertTrue(draft.startswith(shown))
        self.assertGreaterEqual(len(after.draft.text), min(len(draft), LEAST_SHOWN - 10))
