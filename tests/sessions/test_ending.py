"""What happens when a session ends."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.sessions.ending import Endings
from mnemo.store.interfaces import StoreError
from mnemo.store.sessions import SessionRow
from tests.sessions.contract import ROW
from tests.sessions.fakes import FakeSessionStore


class EndingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = FakeSessionStore()
        self.store.save(ROW)
        self.told: list[SessionRow] = []
        self.endings = Endings(self.store, self.told.append)

    def end(self, *ending: Any) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.endings.end(*ending)))

    def retry(self) -> None:
        for name, ending in self.endings.failed().items():
            self.end(name, *ending)

    def test_the_record_is_kept_and_then_told(self) -> None:
        self.end(ROW.id, 200.0, "idle")
        [row] = self.told
        self.assertEqual((row.ended, row.reason), (200.0, "idle"))
        self.assertEqual(row, self.store.rows[ROW.id])
        self.assertEqual(self.endings.failed(), {})

    def test_what_is_not_kept_is_not_told_but_waits(self) -> None:
        self.store.broken = True
        self.end(ROW.id, 200.0, "idle")
        self.retry()
        self.assertEqual(len(self.flushLoggedErrors(StoreError)), 2)
        self.assertEqual(self.told, [])
        self.store.broken = False
        self.retry()
        self.retry()
        self.assertEqual([row.ended for row in self.told], [200.0])

    def test_what_was_kept_though_its_answer_was_lost_is_told_once(self) -> None:
        self.store.forgetful = True
        self.end(ROW.id, 200.0, "idle")
        self.flushLoggedErrors(StoreError)
        self.assertEqual(self.told, [])
        self.store.forgetful = False
        self.retry()
        self.retry()
        self.assertEqual([row.ended for row in self.told], [200.0])

    def test_one_without_a_row_is_let_go(self) -> None:
        self.end("unknown", 200.0, "idle")
        self.assertEqual((self.told, self.endings.failed()), ([], {}))

    def test_a_hook_that_fails_is_logged_and_not_run_again(self) -> None:
        def broken(row: SessionRow) -> None:
            self.told.append(row)
            raise ZeroDivisionError

        self.endings.onSessionEnd = broken
        self.end(ROW.id, 200.0, "idle")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.retry()
        self.assertEqual(len(self.told), 1)

    def test_there_need_be_no_hook(self) -> None:
        self.endings.onSessionEnd = None
        self.end(ROW.id, 200.0, "idle")
        self.assertEqual(self.store.rows[ROW.id].ended, 200.0)
