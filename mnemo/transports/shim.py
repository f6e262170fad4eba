"""
Stdio on one side, a WebSocket to the daemon on the other, made again whenever it breaks.

It opens no port, writes no file and takes no lock: any number may run beside each other.
"""

from collections.abc import Callable, Mapping
from random import random
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConnector, IDelayedCall, IPushProducer
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from mnemo.transports.daemon import IChild, IPlace, Unreachable
from mnemo.transports.shim_link import Link, connect
from mnemo.transports.shim_pipes import Pipes
from mnemo.transports.shim_session import ShimSession

FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
JITTER = 0.1
"""How much longer a delay may be at random: many shims are not to come back all at once."""

STEADY_SECONDS = 5.0
"""How long a connection lasts that was no failure: a daemon may take one and close it at once."""

LOOK_SECONDS = 0.25
"""How often messages that have waited for too long are looked for."""

RETURN_SECONDS = 3.0
"""How long a daemon that went away is waited for before another is started."""

GRACE_SECONDS = 3.0
"""How long a client that has closed its end may still get answers."""


def delay(failures: int) -> float:
    """Seconds to wait after so many failed attempts, without the random part."""
    return min(FIRST_DELAY * 2.0 ** min(failures, 16), LONGEST_DELAY)


@implementer(IPushProducer)
@frozen
class _Valve:
    """Lets one side be read while the other one takes what is read, and does no more than that."""

    _transport: Any

    def pauseProducing(self) -> None:
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._transport.resumeProducing()

    def stopProducing(self) -> None:
        # That the other side has gone is told to the shim in another way.
        pass


class Shim:
    """
    The bridge.

    @ivar pipes: to be connected to the client's stdin and stdout
    @ivar gone: fires when the conversation is over
    @ivar _failures: how many attempts to connect have failed one after another
    @ivar _next: the next attempt; C{None} while one is under way, or there is a connection
    @ivar _patient_until: before that no daemon is started, since one may be coming back
    """

    def __init__(
        self,
        reactor: Any,
        place: IPlace,
        launch: Callable[[], IChild | None] | None,
        headers: Mapping[str, str],
        log: Callable[[str], None],
    ) -> None:
        """
        @param place: what the daemon serves; the path of its address is the WebSocket's
        @param launch: starts a daemon; C{None} where none is to be started
        @param headers: what each handshake carries
        @param log: tells a person something
        """
        self.gone: Deferred[None] = Deferred()
        self.pipes = Pipes(self)
        self._reactor = reactor
        self._place = place
        self._launch = launch
        self._headers = headers
        self._log = log
        self._session = ShimSession(self.pipes.say, log)
        self._link: Link | None = None
        self._child: IChild | None = None
        self._how_child_ended: str | None = None
        self._failures = 0
        self._opened_at = 0.0
        self._patient_until = 0.0
        self._next: IDelayedCall | None = None
        self._attempt: IConnector | None = None
        self._has_client_closed = False
        self._is_over = False
        self._grace: IDelayedCall | None = None
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor

    def start(self) -> None:
        """Begin to connect. The pipes are there."""
        self._watch.start(LOOK_SECONDS, now=False)
        self._dial()

    # -- the client

    def from_client(self, line: bytes) -> None:
        """The client sent a message."""
        self._session.from_client(line, self._reactor.seconds())
        if self._next is not None and self._session.is_held_up:
            # Somebody waits: what has been tried in vain for long is tried again at once.
            self._failures = 0
            self._next.reset(min(FIRST_DELAY, self._next.getTime() - self._reactor.seconds()))

    def client_closed(self) -> None:
        """The client sends nothing more. It may still get answers, for a while."""
        self._has_client_closed = True
        self.end_soon()
        self._end_if_idle()

    def end(self) -> None:
        """Write out what is still to be written, and have done."""
        self.end_soon()
        self._client.loseConnection()

    def finish(self) -> None:
        """End everything now."""
        if self._is_over:
            return
        self._is_over = True
        for timer in (self._grace, self._next):
            if timer is not None and timer.active():
                timer.cancel()
        if self._watch.running:
            self._watch.stop()
        if self._link is not None:
            self._link.drop()
            return
        if self._attempt is not None:
            self._attempt.disconnect()
        self.gone.callback(None)

    @property
    def _client(self) -> Any:
        return self.pipes.transport

    def end_soon(self) -> None:
        """Have done after a while, whatever happens."""
        if self._grace is None:
            self._grace = self._reactor.callLater(GRACE_SECONDS, self.finish)

    def _end_if_idle(self) -> None:
        if self._has_client_closed and self._session.is_idle and not self._is_over:
            self.end()

    def _look(self) -> None:
        self._session.expire(self._reactor.seconds())
        self._end_if_idle()

    # -- the daemon

    def opened(self, link: Link) -> None:
        """There is a connection."""
        if self._is_over:
            link.drop()
            return
        if self._session.problem:
            self._log("There is a connection to the mnemo daemon.")
        self._link, self._child = link, None
        self._opened_at = self._reactor.seconds()
        # Nothing is read from the one side that the other does not take.
        link.registerProducer(_Valve(self._client), True)
        self._client.registerProducer(_Valve(link.transport), True)
        self._session.opened(link)

    def from_daemon(self, data: bytes) -> None:
        """The daemon sent a message."""
        self._session.from_daemon(data)
        self._end_if_idle()

    def closed(self) -> None:
        """The connection has gone."""
        self._link = None
        if self._is_over:
            if not self.gone.called:
                self.gone.callback(None)
            return
        self._client.unregisterProducer()
        self._client.resumeProducing()
        now = self._reactor.seconds()
        if now - self._opened_at >= STEADY_SECONDS:
            self._failures = 0
        self._patient_until = now + RETURN_SECONDS
        self._session.closed(now)
        self.failed("The connection to the mnemo daemon broke.")

    def refused(self, problem: str) -> None:
        """There is no connection, and whoever waits for one had better know."""
        self.failed(problem)
        self._session.give_up(problem)

    def failed(self, problem: str) -> None:
        """There is no connection. One is tried for again as long as the client lives."""
        if self._is_over:
            return
        hopeless = ""
        try:
            self._start_daemon()
        except Unreachable as unreachable:
            hopeless = str(unreachable)
        if problem != self._session.problem and self._child is None:
            self._log(problem)
        self._session.problem = problem
        wait = FIRST_DELAY if self._child is not None else delay(self._failures)
        self._failures += 1
        self._next = self._reactor.callLater(wait * (1 + JITTER * random()), self._dial)
        if hopeless:
            self._log(hopeless)
            self._session.give_up(hopeless)
        self._end_if_idle()

    def _dial(self) -> None:
        self._next = None
        # Looked at before: it may end well while an attempt fails.
        self._how_child_ended = self._child.failure() if self._child is not None else None
        address = self._place.address()
        if address is None:
            self.failed("No mnemo daemon answers; `mnemo start` starts one.")
        else:
            self._attempt = connect(self._reactor, address, self._headers, self)

    def _start_daemon(self) -> None:
        """
        Have a daemon started, where somebody waits and none comes back by itself.

        @raise Unreachable: there will be none
        """
        if self._child is not None and self._how_child_ended is not None:
            self._child = None
            raise Unreachable(self._how_child_ended)
        if self._child is not None or self._launch is None or not self._session.is_held_up:
            return
        if self._reactor.seconds() >= self._patient_until and not self._place.is_taken():
            self._child = self._launch()
            if self._child is not None:
                self._log("Starting the mnemo daemon.")
