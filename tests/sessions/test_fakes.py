"""The stand-in for the store does with sessions what the real one does."""

import inspect
from itertools import count

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.interfaces import IStore, StoreError
from mnemo.store.records import NEVER, NewMemory
from tests.sessions.contract import ROW, SessionStoreContract
from tests.sessions.fakes import FakeSessionStore
from tests.store.inline import open_store


class RealStoreTests(SessionStoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.store = open_store(self.mktemp(), Clock())
        self.addCleanup(self.store.stop)
        self.ids = map(str, count())

    def remember(self, session: str, created: float) -> None:
        memory = NewMemory(
            id=next(self.ids),
            text="a memory",
            type="general",
            source="agent",
            project="mnemo",
            session=session,
            salience=0.5,
            fades=NEVER,
            created=created,
        )
        self.successResultOf(self.store.add(memory))


class FakeSessionStoreTests(SessionStoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.store = FakeSessionStore()

    def remember(self, session: str, created: float) -> None:
        self.store.remember(session, created)

    def test_its_methods_have_the_signatures_of_the_interface(self) -> None:
        for name in (
            "save_session",
            "touch_sessions",
            "set_subscriptions",
            "end_session",
            "live_sessions",
            "session",
            "list_sessions",
        ):
            mine = inspect.signature(getattr(self.store, name))
            self.assertEqual(list(mine.parameters), list(IStore[name].positional), name)

    def test_broken_it_does_nothing(self) -> None:
        self.store.broken = True
        self.failureResultOf(self.store.save_session(ROW), StoreError)
        self.assertEqual(self.store.rows, {})

    def test_forgetful_it_does_what_it_says_it_did_not(self) -> None:
        self.store.forgetful = True
        self.failureResultOf(self.store.save_session(ROW), StoreError)
        self.assertEqual(self.store.rows, {ROW.id: ROW})

    def test_held_calls_are_done_in_order_when_released(self) -> None:
        self.store.held = []
        saved = self.store.save_session(ROW)
        found = self.store.session(ROW.id)
        self.assertNoResult(saved)
        self.assertEqual(self.store.rows, {})
        self.store.release()
        self.successResultOf(saved)
        self.assertEqual(self.successResultOf(found), ROW)
