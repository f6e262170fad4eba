"""The stand-in for the store does with sessions what the real one does."""

from itertools import count

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.store.interfaces import StoreError
from mnemo.store.records import NEVER, NewMemory
from mnemo.store.sessions import ISessionRows
from tests.sessions.contract import ROW, SessionStoreContract
from tests.sessions.fakes import FakeSessionStore
from tests.store.inline import open_store


class RealStoreTests(SessionStoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.whole = open_store(self.mktemp(), Clock())
        self.addCleanup(self.whole.stop)
        self.store = self.whole.sessions
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
        self.successResultOf(self.whole.add(memory))


class FakeSessionStoreTests(SessionStoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.store = FakeSessionStore()

    def remember(self, session: str, created: float) -> None:
        self.store.remember(session, created)

    def test_it_keeps_to_the_interface(self) -> None:
        verifyObject(ISessionRows, self.store)

    def test_broken_it_does_nothing(self) -> None:
        self.store.broken = True
        self.failureResultOf(self.store.save(ROW), StoreError)
        self.assertEqual(self.store.rows, {})

    def test_forgetful_it_does_what_it_says_it_did_not(self) -> None:
        self.store.forgetful = True
        self.failureResultOf(self.store.save(ROW), StoreError)
        self.assertEqual(self.store.rows, {ROW.id: ROW})

    def test_held_calls_are_done_in_order_when_released(self) -> None:
        self.store.held = []
        saved = self.store.save(ROW)
        found = self.store.find(ROW.id)
        self.assertNoResult(saved)
        self.assertEqual(self.store.rows, {})
        self.store.release()
        self.successResultOf(saved)
        self.assertEqual(self.successResultOf(found), ROW)
