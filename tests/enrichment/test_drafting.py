"""Drafting handoffs in the background: once for each session, whatever happens."""

from twisted.internet.defer import Deferred

from mnemo.config import SessionsConfig
from mnemo.enrichment.drafting import LEASE, LOOK, PAUSE, Drafter
from mnemo.sessions.interfaces import Opening, Session
from mnemo.sessions.manager import SessionManager
from mnemo.store.drafts import Draft
from mnemo.store.sessions import SessionRow
from tests.enrichment.room import LEASES, T, at_once
from tests.memory.room import MemoryTestCase

OPENING = Opening("2025-11-25", "claude-code", "2.1", "local", "p")


class DraftingTestCase(MemoryTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.made: list[str] = []
        self.drafter = self.new_drafter()
        self.sessions = SessionManager(
            self.clock, self.store.sessions, SessionsConfig(), onSessionEnd=self.onSessionEnd
        )
        self.done(self.sessions.start())
        self.addCleanup(lambda: self.done(self.sessions.stop()))

    def new_drafter(self) -> Drafter:
        drafter = Drafter(
            self.store, self.clock, at_once, lambda: f"draft {next(LEASES)}", self.made.append
        )
        self.addCleanup(lambda: self.done(drafter.stop()))
        return drafter

    def onSessionEnd(self, row: SessionRow) -> None:
        self.drafter.session_ended()

    def open(self) -> Session:
        session: Session = self.done(self.sessions.open(OPENING))
        return session

    def latest(self) -> Draft | None:
        draft: Draft | None = self.done(self.store.drafts.latest("p"))
        return draft


class Ending(DraftingTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.drafter.start()

    def test_a_session_that_is_ended_by_its_client_leaves_a_draft(self) -> None:
        session = self.open()
        kept = self.remember("We chose SQLite.", type="decision", session=session.id)
        self.assertIsNone(self.latest())
        self.done(self.sessions.end(session, "deleted"))
        draft = self.latest()
        assert draft is not None
        self.assertEqual(draft.text, f"Decided:\n- We chose SQLite. [{kept.id}]")
        self.assertEqual((draft.session, draft.sources), (session.id, (kept.id,)))
        self.assertEqual(self.made, ["p"])

    def test_so_does_one_that_is_idle(self) -> None:
        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        for _ in range(40):
            self.clock.advance(60)
        draft = self.latest()
        assert draft is not None
        self.assertEqual(draft.session, session.id)

    def test_one_that_remembered_nothing_leaves_none(self) -> None:
        self.done(self.sessions.end(self.open(), "deleted"))
        self.assertIsNone(self.latest())
        self.assertEqual(self.made, [])

    def test_one_that_left_a_handoff_leaves_no_draft(self) -> None:
        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.remember("Completed:\n- the store", type="handoff", session=session.id)
        self.done(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.latest())

    def test_a_handoff_that_comes_later_takes_the_place_of_the_draft(self) -> None:
        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.done(self.sessions.end(session, "deleted"))
        self.remember("Completed:\n- the store", type="handoff", session=session.id)
        self.assertIsNone(self.latest())
        self.clock.advance(LOOK)
        self.assertIsNone(self.latest())
        self.assertEqual(self.done(self.store.drafts.waiting()), 0)

    def test_what_is_amended_after_the_end_is_drafted_anew(self) -> None:
        session = self.open()
        kept = self.remember("The port is 9999.", session=session.id)
        self.done(self.sessions.end(session, "deleted"))
        self.done(self.memories.remembering.amend(kept.id, "The port is 8080."))
        self.assertIsNone(self.latest())
        self.clock.advance(LOOK)
        draft = self.latest()
        assert draft is not None
        self.assertIn("8080", draft.text)
        self.assertNotIn("9999", draft.text)

    def test_looking_again_changes_nothing(self) -> None:
        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.done(self.sessions.end(session, "deleted"))
        before = self.latest()
        self.drafter.session_ended()
        self.clock.advance(LOOK)
        self.assertEqual(self.latest(), before)
        self.assertEqual(self.made, ["p"])

    def test_what_fails_is_tried_again_later_and_says_nothing_of_the_text(self) -> None:
        session = self.open()
        self.remember("The zebrafish is secret.", session=session.id)
        working, self.drafter._in_thread = self.drafter._in_thread, broken
        self.done(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.latest())
        self.drafter._in_thread = working
        self.clock.advance(LOOK)
        self.assertIsNone(self.latest())
        self.clock.advance(PAUSE)
        self.assertIsNotNone(self.latest())


class Killed(DraftingTestCase):
    """The drafter is never stopped: the process is gone."""

    def test_an_end_whose_process_died_at_once_is_drafted_by_the_next(self) -> None:
        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.done(self.sessions.end(session, "deleted"))
        self.assertIsNone(self.latest())
        self.new_drafter().start()
        self.assertIsNotNone(self.latest())
        self.assertEqual(self.made, ["p"])

    def test_one_that_died_while_drafting_is_taken_over_and_nothing_is_doubled(self) -> None:
        waiting: list[Deferred[None]] = []

        def slow(work: object, /) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[0]

        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.drafter._in_thread = slow  # type: ignore[assignment]
        self.drafter.start()
        self.done(self.sessions.end(session, "deleted"))
        self.assertEqual(len(waiting), 1)
        self.new_drafter().start()
        self.assertIsNone(self.latest())
        self.clock.advance(LEASE)
        self.assertIsNotNone(self.latest())
        self.assertEqual(self.made, ["p"])

    def test_one_that_is_stopped_while_drafting_gives_it_back(self) -> None:
        def never(work: object, /) -> Deferred[None]:
            return Deferred()

        session = self.open()
        self.remember("We chose SQLite.", session=session.id)
        self.drafter._in_thread = never  # type: ignore[assignment]
        self.drafter.start()
        self.done(self.sessions.end(session, "deleted"))
        self.done(self.drafter.stop())
        self.new_drafter().start()
        self.assertIsNotNone(self.latest())


def broken(work: object, /) -> Deferred[T]:
    raise RuntimeError("The zebrafish is secret.")
