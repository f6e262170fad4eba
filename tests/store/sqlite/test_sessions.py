"""Sessions as the store keeps them."""

from typing import Any

from attrs import evolve

from mnemo.store.sessions import SessionRow, SessionSummary
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import NOW, new


def session(id: str, **fields: Any) -> SessionRow:
    """A live session, a minute old."""
    defaults: dict[str, Any] = {
        "kind": "mcp",
        "version": "2025-11-25",
        "client": "editor",
        "client_version": "1.0",
        "principal": "local",
        "project": "p",
        "capabilities": {"roots": {"listChanged": True}},
        "lookup": "",
        "created": 40.0,
        "active": 100.0,
    }
    return SessionRow(id=id, **{**defaults, **fields})


class Sessions(StoreTestCase):
    def save(self, *rows: SessionRow) -> None:
        for row in rows:
            result_of(self.store.sessions.save(row))

    def known(self, id: str) -> SessionRow | None:
        return result_of(self.store.sessions.find(id))

    def live(self) -> list[SessionRow]:
        return result_of(self.store.sessions.live())

    def listed(
        self, since: float = 0.0, limit: int = 9, project: str | None = None
    ) -> list[SessionSummary]:
        return result_of(self.store.sessions.summaries(since, limit, project))

    def test_a_session_is_kept_and_replaced(self) -> None:
        row = session("a")
        self.save(row)
        self.assertEqual(self.known("a"), row)
        changed = evolve(row, project="q", active=200.0)
        self.save(changed)
        self.assertEqual(self.known("a"), changed)
        self.reopen()
        self.assertEqual(self.live(), [changed])
        self.assertIsNone(self.known("nobody"))

    def test_its_activity_is_noted(self) -> None:
        self.save(session("a"), session("b"))
        result_of(self.store.sessions.touch({"a": 300.0, "nobody": 1.0}))
        self.assertEqual(
            [self.known(each) for each in "ab"], [session("a", active=300.0), session("b")]
        )

    def test_it_ends_once_with_what_it_made_counted(self) -> None:
        self.save(session("a"), session("b"))
        self.add(new("1", session="a"), new("2", session="a"), new("3", session="b"))
        result_of(self.store.archive(["1"], True, NOW))
        ended = result_of(self.store.sessions.end("a", 500.0, "idle"))
        self.assertEqual(ended, session("a", ended=500.0, reason="idle", memories=2))
        self.assertEqual(self.known("a"), ended)
        self.assertIsNone(result_of(self.store.sessions.end("a", 600.0, "deleted")))
        self.assertIsNone(result_of(self.store.sessions.end("nobody", 600.0, "deleted")))
        self.assertEqual(self.known("a"), ended)
        self.assertEqual(self.live(), [session("b")])

    def test_those_active_since_are_listed_latest_first_with_what_they_remembered(self) -> None:
        early, late, old = (
            session("early", active=200.0),
            session("late", active=300.0, project="q"),
            session("old", active=50.0),
        )
        self.save(early, late, old)
        self.add(*(new(f"m{at}", session="early", created=at) for at in (7.0, 5.0, 6.0)))
        self.assertEqual(
            self.listed(since=100.0),
            [SessionSummary(late, 0, None, None), SessionSummary(early, 3, 5.0, 7.0)],
        )
        self.assertEqual([each.row.id for each in self.listed(limit=1)], ["late"])
        self.assertEqual([each.row.id for each in self.listed(project="p")], ["early", "old"])

    def test_they_are_counted(self) -> None:
        self.save(session("a"), session("b"), session("c"))
        result_of(self.store.sessions.end("a", 500.0, "deleted"))
        counts = result_of(self.store.statistics(NOW))
        self.assertEqual((counts.sessions_live, counts.sessions_ended), (2, 1))
