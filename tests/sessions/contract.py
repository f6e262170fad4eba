"""What every store does with sessions: run against the real one, and against the stand-in."""

from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.sessions import SessionRow

T = TypeVar("T")

ROW = SessionRow(
    id="5e55",
    kind="mcp",
    version="2025-11-25",
    client="claude-code",
    client_version="2.1",
    principal="local",
    project="mnemo",
    capabilities={"roots": {"listChanged": True}},
    created=100.0,
    active=100.0,
)


class SessionStoreContract:
    """Mixed into a L{SynchronousTestCase} that sets C{store} and says how to remember."""

    store: Any

    def remember(self, session: str, created: float) -> None:
        """Let a session have made a memory."""
        raise NotImplementedError

    def now(self, answer: "Deferred[T]") -> T:
        assert isinstance(self, SynchronousTestCase)
        return self.successResultOf(answer)

    def same(self, one: object, other: object) -> None:
        assert isinstance(self, SynchronousTestCase)
        self.assertEqual(one, other)

    def save(self, *rows: SessionRow) -> None:
        for row in rows:
            self.now(self.store.save(row))

    def test_a_saved_session_is_found_as_it_was(self) -> None:
        self.save(ROW)
        self.same(self.now(self.store.find("5e55")), ROW)

    def test_an_unknown_session_is_none(self) -> None:
        self.same(self.now(self.store.find("5e55")), None)

    def test_saving_again_replaces_it(self) -> None:
        moved = evolve(ROW, project="other")
        self.save(ROW, moved)
        self.same(self.now(self.store.find("5e55")), moved)

    def test_a_work_session_keeps_its_lookup(self) -> None:
        work = evolve(ROW, kind="work", lookup='["local", "claude-code", ""]')
        self.save(work)
        self.same(self.now(self.store.find("5e55")), work)

    def test_that_it_chose_its_project_is_kept_with_it(self) -> None:
        chosen = evolve(ROW, chosen=True)
        self.save(chosen)
        self.same(self.now(self.store.find("5e55")), chosen)

    def test_touching_sets_when_it_was_active(self) -> None:
        self.save(ROW)
        self.now(self.store.touch({"5e55": 160.0, "unknown": 170.0}))
        self.same(self.now(self.store.find("5e55")), evolve(ROW, active=160.0))
        self.same(self.now(self.store.find("unknown")), None)

    def test_its_subscriptions_are_kept_with_it(self) -> None:
        told = evolve(ROW, subscriptions=frozenset({"mnemo://b", "mnemo://a"}))
        self.save(told)
        self.same(self.now(self.store.find("5e55")), told)

    def test_its_subscriptions_can_be_replaced_alone(self) -> None:
        self.save(ROW)
        uris = frozenset({"mnemo://a"})
        self.now(self.store.set_subscriptions("5e55", uris))
        self.now(self.store.set_subscriptions("unknown", uris))
        self.same(self.now(self.store.find("5e55")), evolve(ROW, subscriptions=uris))
        self.same(self.now(self.store.find("unknown")), None)

    def test_ending_marks_it_and_counts_its_memories(self) -> None:
        self.save(ROW)
        self.remember("5e55", 110.0)
        self.remember("5e55", 120.0)
        self.remember("other", 120.0)
        ended = evolve(ROW, ended=200.0, reason="idle", memories=2)
        self.same(self.now(self.store.end("5e55", 200.0, "idle")), ended)
        self.same(self.now(self.store.find("5e55")), ended)

    def test_what_has_ended_does_not_end_again(self) -> None:
        self.save(ROW)
        first = self.now(self.store.end("5e55", 200.0, "idle"))
        self.same(self.now(self.store.end("5e55", 300.0, "deleted")), None)
        self.same(self.now(self.store.find("5e55")), first)

    def test_what_is_unknown_does_not_end(self) -> None:
        self.same(self.now(self.store.end("5e55", 200.0, "idle")), None)

    def test_live_sessions_are_those_that_have_not_ended(self) -> None:
        other = evolve(ROW, id="0ther")
        self.save(ROW, other)
        self.now(self.store.end("5e55", 200.0, "idle"))
        self.same(self.now(self.store.live()), [other])

    def test_the_list_is_of_those_active_since_latest_first(self) -> None:
        rows = [evolve(ROW, id=str(at), active=float(at)) for at in (100, 300, 200, 50)]
        self.save(*rows)
        found = self.now(self.store.summaries(100.0, 10, None))
        self.same([summary.row.id for summary in found], ["300", "200", "100"])
        found = self.now(self.store.summaries(0.0, 2, None))
        self.same([summary.row.id for summary in found], ["300", "200"])

    def test_the_list_can_be_of_one_project(self) -> None:
        self.save(ROW, evolve(ROW, id="none", project=""), evolve(ROW, id="0ther", project="x"))
        for project, expected in (("mnemo", "5e55"), ("", "none"), ("x", "0ther")):
            found = self.now(self.store.summaries(0.0, 10, project))
            self.same([summary.row.id for summary in found], [expected])

    def test_the_list_says_what_each_remembered(self) -> None:
        self.save(ROW, evolve(ROW, id="none", active=50.0))
        self.remember("5e55", 110.0)
        self.remember("5e55", 130.0)
        busy, quiet = self.now(self.store.summaries(0.0, 10, None))
        self.same((busy.memories, busy.first, busy.last), (2, 110.0, 130.0))
        self.same((quiet.memories, quiet.first, quiet.last), (0, None, None))
