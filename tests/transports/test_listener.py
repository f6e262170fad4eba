"""The port: when it opens, and what goes before it is gone."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock, _FakePort
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.credentials import Credentials
from mnemo.transports.listener import FINISH_SECONDS, Listener, PortUnavailable
from tests.transports.wire import Daemon


class Reactor(MemoryReactorClock):
    """A reactor in memory that may have all its ports taken."""

    taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        super().listenTCP(port, factory, backlog, interface)
        return _FakePort(IPv4Address("TCP", interface or "0.0.0.0", port))


class ListenerTests(SynchronousTestCase):
    """The daemon's port."""

    def setUp(self) -> None:
        self.daemon = Daemon()
        self.daemon.health.stage = "starting"
        self.reactor = Reactor()
        self.opened: list[int] = []

    def listener(self, host: str = "127.0.0.1", more: Sequence[str] = ()) -> Listener:
        return Listener(self.reactor, host, 9999, self.daemon.front, self.opened.append, more)

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

        def close() -> Deferred[None]:
            closed.append("closed")
            return succeed(None)

        self.patch(listener.ports[0], "stopListening", close)
        running: Deferred[None] = Deferred()
        running.addErrback(lambda failure: self.assertTrue(failure.check(CancelledError)))
        self.daemon.addresses._running.add(running)
        stopped = Deferred.fromCoroutine(listener.stop())
        self.assertEqual(closed, ["closed"])
        self.assertEqual(self.daemon.health.status, "stopping")
        self.assertNoResult(stopped)
        self.daemon.clock.advance(FINISH_SECONDS)
        self.successResultOf(stopped)

    def test_further_ones_open_with_it(self) -> None:
        more = ("tcp:8765:interface=127.0.0.1", "unix:/run/x.sock", "unix:/run/y.sock:mode=660")
        self.successResultOf(self.start(self.listener(more=more)))
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [9999, 8765])
        sockets = [(path, mode) for path, _, _, mode, _ in self.reactor.unixServers]
        self.assertEqual(sockets, [("/run/x.sock", 0o600), ("/run/y.sock", 0o660)])
        factories = {id(factory) for _, factory, *_ in self.reactor.tcpServers}
        self.assertEqual(factories, {id(self.daemon.site)})

    def test_it_is_the_first_that_is_told(self) -> None:
        self.successResultOf(self.start(self.listener(more=["tcp:8765:interface=127.0.0.1"])))
        self.assertEqual(len(self.opened), 1)

    def test_one_that_cannot_be_opened_is_named_and_closes_the_others(self) -> None:
        closed: list[object] = []
        self.patch(_FakePort, "stopListening", lambda port: closed.append(port))
        for described, why in {
            "tcp:x": "is no endpoint",
            "unix:/x:nonsense=1": "is no endpoint",
            "nonsense": "is no endpoint",
            "systemd:domain=INET:index=0": "systemd has not passed",
        }.items():
            failure = self.failureResultOf(
                self.start(self.listener(more=[described])), PortUnavailable
            )
            line = failure.getErrorMessage()
            for part in (described, why, "server.listen"):
                self.assertIn(part, line)
            self.assertEqual(len(line.splitlines()), 1)
        self.assertEqual(len(closed), 4)
        self.assertEqual(self.opened, [])
        self.assertFalse(self.daemon.health.serving)

    def test_one_that_others_reach_needs_tokens(self) -> None:
        more = ["tcp:8765"]
        self.failureResultOf(self.start(self.listener(more=more)), PortUnavailable)
        self.daemon = Daemon(credentials=Credentials({"me": "0123456789abcdef"}))
        self.successResultOf(self.start(self.listener(more=more)))

    def test_one_that_never_opened_can_be_stopped(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.listener().stop()))
