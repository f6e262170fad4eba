"""Who asks for a model."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.api.callers import REMEMBERED, Callers


class CallersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.callers = Callers(Clock(), running=1, waiting=1)

    def test_who_comes_again_is_the_same(self) -> None:
        session = self.callers.session("me", "program", "")
        self.assertIs(self.callers.session("me", "program", ""), session)
        for other in (("you", "program", ""), ("me", "other", ""), ("me", "program", "somebody")):
            self.assertIsNot(self.callers.session(*other), session)

    def test_those_who_ask_for_nothing_are_forgotten_in_the_end(self) -> None:
        answer: Deferred[None] = Deferred()
        busy, idle = (self.callers.session("me", name, "") for name in ("busy", "idle"))
        running = Deferred.fromCoroutine(self.callers.admit(busy, lambda: answer))
        for number in range(REMEMBERED):
            self.callers.session("me", str(number), "")
        self.assertIs(self.callers.session("me", "busy", ""), busy)
        self.assertIsNot(self.callers.session("me", "idle", ""), idle)
        answer.callback(None)
        self.successResultOf(running)

    def test_they_are_counted(self) -> None:
        session = self.callers.session("me", "program", "")
        answer: Deferred[None] = Deferred()
        calls = [Deferred.fromCoroutine(self.callers.admit(session, lambda: answer)) for _ in "ab"]
        self.assertEqual((self.callers.in_use, self.callers.queued), (1, 1))
        self.callers.session("me", "idle", "")
        self.assertEqual(self.callers.busy, [(session, 1)])
        answer.callback(None)
        self.successResultOf(calls[0])
        self.assertEqual((self.callers.in_use, self.callers.queued), (0, 0))
        self.successResultOf(calls[1])
