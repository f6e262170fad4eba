"""The port: when it opens, and what goes before it is gone."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.listener import FINISH_SECONDS, Listener, PortUnavailable
from tests.transports.wire import Daemon


class Reactor(MemoryReactorClock):
    """A reactor in memory that may have all its ports taken."""

    taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        return super().listenTCP(port, factory, backlog, interface)


class ListenerTests(SynchronousTestCase):
    """The daemon's port."""

    def setUp(self) -> None:
        self.daemon = Daemon()
        self.daemon.health.stage = "starting"
        self.reactor = Reactor()
        self.opened: list[int] = []

    def listener(self, host: str = "127.0.0.1") -> Listener:
        return Listener(
            self.reactor, host, 9999, self.daemon.site, self.daemon.addresses, self.opened.append
        )

    def start(self, listener: Listener) -> Deferred[None]:
        return Deferred.fromCoroutine(listener.start())

    def test_it_opens_at_the_address_and_calls_are_served(self) -> None:
        self.successResultOf(self.start(self.listener()))
        ((port, _, _, interface),) = self.reactor.tcpServers
        self.assertEqual((port, interface), (9999, "127.0.0.1"))
        self.assertTrue(self.daemon.health.serving)
        self.assertEqual(len(self.opened), 1)

    def test_an_ipv6_address_will_do(self) -> None:
        self.successResultOf(self.start(self.listener("::1")))
        self.assertEqual(self.reactor.tcpServers[0][3], "::1")

    def test_a_port_that_is_taken_is_named_with_what_to_do(self) -> None:
        self.reactor.taken = True
        failure = self.failureResultOf(self.start(self.listener()), PortUnavailable)
        for part in ("127.0.0.1 port 9999", "Address already in use", "server.port"):
            self.assertIn(part, failure.getErrorMessage())
        self.assertFalse(self.daemon.health.serving)
        self.assertEqual(self.opened, [])

    def test_it_closes_before_it_waits_for_the_calls_that_run(self) -> None:
        closed: list[str] = []
        listener = self.listener()
        self.successResultOf(self.start(listener))
        assert listener._listening is not None

        def close() -> Deferred[None]:
            closed.append("closed")
            return succeed(None)

        self.patch(listener._listening, "stopListening", close)
        running: Deferred[None] = Deferred()
        running.addErrback(lambda failure: self.assertTrue(failure.check(CancelledError)))
        self.daemon.addresses._running.add(running)
        stopped = Deferred.fromCoroutine(listener.stop())
        self.assertEqual(closed, ["closed"])
        self.assertEqual(self.daemon.health.status, "stopping")
        self.assertNoResult(stopped)
        self.daemon.clock.advance(FINISH_SECONDS)
        self.successResultOf(stopped)

    def test_one_that_never_opened_can_be_stopped(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.listener().stop()))
