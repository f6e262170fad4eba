"""A live session as a row of the store, and back."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.sessions.rows import row_of, session_of
from tests.sessions.contract import ROW


class RowTests(SynchronousTestCase):
    def test_a_row_is_the_same_after_the_way_there_and_back(self) -> None:
        told = evolve(ROW, subscriptions=frozenset({"mnemo://memory/1"}))
        for row in (
            ROW,
            told,
            evolve(ROW, chosen=True),
            evolve(ROW, kind="work", lookup="key", project=""),
        ):
            self.assertEqual(row_of(session_of(row)), row)

    def test_the_row_has_the_project_that_the_session_is_in_now(self) -> None:
        session = session_of(ROW)
        session.project = "other"
        self.assertEqual(row_of(session), evolve(ROW, project="other"))

    def test_nothing_runs_in_a_session_that_comes_from_a_row(self) -> None:
        session = session_of(ROW)
        self.assertEqual((session.running, session.streams), (0, 0))
