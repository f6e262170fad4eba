"""The bridge between a client's pipes and the daemon's WebSocket."""

import json
from typing import Any

from attrs import define, field
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mnemo.transports import shim as module
from mnemo.transports import shim_waiting
from mnemo.transports.daemon import Unreachable
from mnemo.transports.shim import FIRST_DELAY, LONGEST_DELAY, Shim, delay
from mnemo.transports.shim_pipes import Pipes
from mnemo.transports.shim_session import BROKEN
from mnemo.transports.upstream import Address
from tests.transports.fake_websocket import FakeWebSocketDaemon

reactor: Any = global_reactor

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}}


@define(eq=False)
class FakePlace:
    """Somewhere that a daemon may be."""

    where: Address | None = None
    taken: bool | Unreachable = False

    def address(self) -> Address | None:
        return self.where

    def is_taken(self) -> bool:
        if isinstance(self.taken, Unreachable):
            raise self.taken
        return self.taken


@define(eq=False)
class FakeChild:
    """A daemon that is being started."""

    ended: str | None = None

    def failure(self) -> str | None:
        return self.ended


class FakeClient(StringTransport):
    """The client's side of the pipes."""

    def __init__(self, pipes: Pipes) -> None:
        super().__init__()
        self._pipes = pipes
        self._waiting: list[tuple[int, Deferred[list[Any]]]] = []

    def messages(self) -> list[Any]:
        return [json.loads(line) for line in self.value().splitlines()]

    def write(self, data: bytes) -> None:
        super().write(data)
        self._tell()

    def hear(self, count: int) -> Deferred[list[Any]]:
        """Fires with all messages when there are so many."""
        waiting: Deferred[list[Any]] = Deferred()
        self._waiting.append((count, waiting))
        self._tell()
        return waiting

    def _tell(self) -> None:
        said = self.messages()
        for count, waiting in list(self._waiting):
            if len(said) >= count:
                self._waiting.remove((count, waiting))
                waiting.callback(said)

    def tell(self, method: str, id: Any = None, **params: Any) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if id is not None:
            message["id"] = id
        self._pipes.dataReceived(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        """The client closes its end."""
        self._pipes.readConnectionLost()

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            reactor.callLater(0, self._pipes.connectionLost, Failure(ConnectionDone()))


@define(eq=False)
class Bench:
    """A bridge, a client at its one end, and what it logged."""

    place: FakePlace
    launched: list[FakeChild] = field(factory=list)
    logged: list[str] = field(factory=list)
    may_launch: bool = False
    headers: dict[str, str] = field(factory=dict)
    shim: Shim = field(init=False)
    client: FakeClient = field(init=False)

    def __attrs_post_init__(self) -> None:
        launch = self._launch if self.may_launch else None
        self.shim = Shim(reactor, self.place, launch, self.headers, self.logged.append)
        self.client = FakeClient(self.shim.pipes)
        self.shim.pipes.makeConnection(self.client)

    def _launch(self) -> FakeChild:
        self.launched.append(FakeChild())
        return self.launched[-1]


class ShimCase(TestCase):
    timeout = 5

    def setUp(self) -> None:
        self.daemon = FakeWebSocketDaemon(reactor)
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.die())
        # Waits of the real thing that tests need not see out.
        self.patch(module, "FIRST_DELAY", 0.02)
        self.patch(module, "LOOK_SECONDS", 0.02)
        self.patch(module, "RETURN_SECONDS", 0.1)

    def bench(self, **more: Any) -> Bench:
        more.setdefault("place", FakePlace(self.daemon.address))
        bench = Bench(**more)
        self.addCleanup(lambda: bench.shim.gone)
        self.addCleanup(bench.shim.finish)
        bench.shim.start()
        return bench

    async def begun(self, **more: Any) -> Bench:
        """A bridge whose client has a session; its first message is the answer."""
        bench = self.bench(**more)
        bench.client.tell("initialize", "first", **INITIALIZE)
        await bench.client.hear(1)
        bench.client.tell("notifications/initialized")
        await self.daemon.until(lambda: "notifications/initialized" in self.daemon.methods())
        return bench

    async def restart(self) -> None:
        await self.daemon.die()
        self.daemon.start()


class BridgeTests(ShimCase):
    """What passes through."""

    async def test_messages_go_as_text_and_answers_come_as_lines(self) -> None:
        bench = self.bench()
        bench.client.tell("tools/list", 0)
        (answer,) = await bench.client.hear(1)
        self.assertEqual((answer["id"], answer["result"]["method"]), (0, "tools/list"))
        self.assertEqual(self.daemon.seen[0][1], False)

    async def test_the_sub_protocol_and_who_speaks_are_in_the_handshake(self) -> None:
        await self.begun(headers={"Authorization": "Bearer t", "X-Mnemo-Project": "/a/Straße"})
        (request,) = self.daemon.handshakes
        self.assertEqual(request.protocols, ["mcp"])
        self.assertEqual(request.path, "/ws")
        self.assertEqual(request.headers["authorization"], "Bearer t")
        project = request.headers["x-mnemo-project"].encode("latin-1")
        self.assertEqual(project.decode("utf-8"), "/a/Straße")

    async def test_the_daemon_may_ask_the_client(self) -> None:
        bench = await self.begun()
        self.daemon.connections[0].say({"id": 3, "method": "roots/list"})
        asked = (await bench.client.hear(2))[1]
        self.assertEqual(asked["method"], "roots/list")
        bench.shim.pipes.dataReceived(b'{"jsonrpc":"2.0","id":3,"result":{"roots":[]}}\n')
        await self.daemon.until(lambda: "response" in self.daemon.methods())

    async def test_who_does_not_read_is_not_written_to(self) -> None:
        bench = await self.begun()
        producer: Any = bench.client.producer
        self.assertTrue(bench.client.streaming)
        producer.pauseProducing()
        bench.client.tell("ping", 1)
        await deferLater(reactor, 0.1)
        self.assertEqual(len(bench.client.messages()), 1)
        producer.resumeProducing()
        await bench.client.hear(2)


class ReconnectTests(ShimCase):
    """When the daemon goes away."""

    async def test_a_running_call_is_answered_within_a_second_and_the_next_one_works(self) -> None:
        bench = await self.begun()
        bench.client.tell("tools/call", 1, name="hang")
        await self.daemon.until(lambda: "tools/call" in self.daemon.methods())
        died = reactor.seconds()
        await self.restart()
        error = (await bench.client.hear(2))[1]
        self.assertLess(reactor.seconds() - died, 1.0)
        self.assertEqual(error["error"]["message"], BROKEN)
        bench.client.tell("tools/call", 2, name="recall")
        self.assertEqual((await bench.client.hear(3))[2]["result"]["name"], "recall")

    async def test_a_daemon_that_closes_in_order_is_no_different(self) -> None:
        bench = await self.begun()
        bench.client.tell("tools/call", 1, name="hang")
        await self.daemon.until(lambda: "tools/call" in self.daemon.methods())
        closed = reactor.seconds()
        self.daemon.connections[0].sendClose(1000)
        await bench.client.hear(2)
        self.assertLess(reactor.seconds() - closed, 1.0)
        bench.client.tell("ping", 2)
        await bench.client.hear(3)

    async def test_the_client_does_not_see_that_its_session_is_opened_again(self) -> None:
        bench = await self.begun()
        self.daemon.seen.clear()
        await self.restart()
        await self.daemon.until(lambda: "notifications/initialized" in self.daemon.methods())
        bench.client.tell("ping", 1)
        self.assertEqual([message["id"] for message in await bench.client.hear(2)], ["first", 1])
        self.assertEqual(self.daemon.methods(), ["initialize", "notifications/initialized", "ping"])

    async def test_who_asks_meanwhile_waits(self) -> None:
        bench = await self.begun()
        await self.daemon.die()
        await deferLater(reactor, 0.05)
        bench.client.tell("ping", 1)
        await deferLater(reactor, 0.05)
        self.assertEqual(len(bench.client.messages()), 1)
        self.daemon.start()
        self.assertEqual((await bench.client.hear(2))[1]["id"], 1)

    async def test_but_not_for_ever(self) -> None:
        self.patch(shim_waiting, "HOLD_SECONDS", 0.1)
        await self.daemon.die()
        bench = self.bench()
        bench.client.tell("ping", 1)
        (answer,) = await bench.client.hear(1)
        self.assertIn("No mnemo daemon answers", answer["error"]["message"])
        self.assertIn("This was not sent", answer["error"]["message"])
        self.daemon.start()

    async def test_a_message_ends_a_long_wait(self) -> None:
        self.patch(module, "LONGEST_DELAY", 60.0)
        self.patch(module, "FIRST_DELAY", 0.1)
        await self.daemon.die()
        bench = self.bench()
        bench.shim._failures = 12
        await deferLater(reactor, 0.3)
        self.daemon.start()
        asked = reactor.seconds()
        bench.client.tell("ping", 1)
        await bench.client.hear(1)
        self.assertLess(reactor.seconds() - asked, 1.0)

    async def test_a_daemon_that_takes_and_closes_it_each_time_is_not_hurried(self) -> None:
        self.daemon.closes = True
        bench = self.bench()
        await deferLater(reactor, 0.6)
        self.assertLess(len(self.daemon.handshakes), 7)
        self.assertGreater(bench.shim._failures, 2)

    async def test_it_is_said_once_what_is_wrong(self) -> None:
        await self.daemon.die()
        bench = self.bench()
        await deferLater(reactor, 0.2)
        self.assertEqual(len(bench.logged), 1)
        self.assertIn(str(self.daemon.port), bench.logged[0])
        self.daemon.start()


class StartingTests(ShimCase):
    """Where no daemon runs."""

    async def launched(self, bench: Bench) -> FakeChild:
        while not bench.launched:
            await deferLater(reactor, 0.01)
        return bench.launched[0]

    async def test_one_is_started_when_somebody_asks(self) -> None:
        place = FakePlace()
        bench = self.bench(place=place, may_launch=True)
        await deferLater(reactor, 0.1)
        self.assertEqual(bench.launched, [])
        bench.client.tell("ping", 1)
        await self.launched(bench)
        place.where = self.daemon.address
        await bench.client.hear(1)
        self.assertEqual(len(bench.launched), 1)

    async def test_none_is_while_another_one_gets_ready(self) -> None:
        place = FakePlace(taken=True)
        bench = self.bench(place=place, may_launch=True)
        bench.client.tell("ping", 1)
        await deferLater(reactor, 0.1)
        self.assertEqual(bench.launched, [])
        place.where = self.daemon.address
        await bench.client.hear(1)

    async def test_none_is_for_a_client_that_asks_nothing(self) -> None:
        bench = await self.begun(may_launch=True)
        await self.daemon.die()
        await deferLater(reactor, 0.3)
        self.assertEqual(bench.launched, [])
        self.daemon.start()

    async def test_one_that_may_be_coming_back_is_waited_for(self) -> None:
        self.patch(module, "RETURN_SECONDS", 0.3)
        bench = await self.begun(may_launch=True)
        await self.daemon.die()
        while not bench.logged:
            await deferLater(reactor, 0.01)
        bench.client.tell("ping", 1)
        await deferLater(reactor, 0.15)
        self.assertEqual(bench.launched, [])
        await self.launched(bench)
        self.daemon.start()
        await bench.client.hear(2)

    async def test_why_none_starts_is_told_at_once_and_tried_again_for_the_next(self) -> None:
        bench = self.bench(place=FakePlace(), may_launch=True)
        bench.client.tell("ping", 1)
        (await self.launched(bench)).ended = "The port 9999 is in use."
        (answer,) = await bench.client.hear(1)
        self.assertIn("The port 9999 is in use.", answer["error"]["message"])
        await deferLater(reactor, 0.1)
        self.assertEqual(len(bench.launched), 1)
        bench.client.tell("ping", 2)
        while len(bench.launched) < 2:
            await deferLater(reactor, 0.01)

    async def test_a_home_whose_holder_opens_no_port_is_told_of_at_once(self) -> None:
        place = FakePlace(taken=Unreachable("The home is served by pid 7."))
        bench = self.bench(place=place, may_launch=True)
        bench.client.tell("ping", 1)
        (answer,) = await bench.client.hear(1)
        self.assertIn("pid 7", answer["error"]["message"])


class EndTests(ShimCase):
    """When the client goes."""

    async def test_who_has_nothing_to_wait_for_is_left_at_once(self) -> None:
        bench = await self.begun()
        bench.client.close()
        await bench.shim.gone
        await self.daemon.until(lambda: not self.daemon.connections)

    async def test_who_asks_and_closes_at_once_is_answered(self) -> None:
        bench = self.bench()
        bench.client.tell("tools/list", 1)
        bench.client.close()
        await bench.shim.gone
        self.assertEqual([message["id"] for message in bench.client.messages()], [1])

    async def test_a_call_that_hangs_does_not_keep_it_for_long(self) -> None:
        self.patch(module, "GRACE_SECONDS", 0.1)
        bench = await self.begun()
        bench.client.tell("tools/call", 1, name="hang")
        bench.client.close()
        await bench.shim.gone

    async def test_a_client_that_reads_no_more_is_left(self) -> None:
        bench = await self.begun()
        bench.shim.pipes.writeConnectionLost()
        await bench.shim.gone


class WhatUsersSawTests(ShimCase):
    """Failures of an earlier shim between stdio and a WebSocket, by their number in its history."""

    async def test_14_a_shim_that_cannot_connect_ends_with_its_client(self) -> None:
        await self.daemon.die()
        bench = self.bench()
        await deferLater(reactor, 0.1)
        bench.client.close()
        await bench.shim.gone
        self.daemon.start()

    async def test_15_a_second_shim_and_its_end_are_no_matter_to_the_first(self) -> None:
        first, second = await self.begun(), self.bench()
        second.client.tell("ping", 1)
        await second.client.hear(1)
        second.client.close()
        await second.shim.gone
        first.client.tell("ping", 1)
        await first.client.hear(2)
        self.assertEqual(len(self.daemon.connections), 1)

    async def test_16_a_daemon_is_started_whatever_an_old_one_left_behind(self) -> None:
        await self.daemon.die()
        place = FakePlace(self.daemon.address)  # Said once, and true no more.
        bench = self.bench(place=place, may_launch=True)
        bench.client.tell("ping", 1)
        while not bench.launched:
            await deferLater(reactor, 0.01)
        self.daemon.start()
        await bench.client.hear(1)

    async def test_17_the_listing_of_tools_is_answered_on_stdio(self) -> None:
        bench = await self.begun()
        bench.client.tell("tools/list", 1)
        self.assertEqual((await bench.client.hear(2))[1]["result"]["method"], "tools/list")

    async def test_18_it_opens_no_port(self) -> None:
        opened: list[object] = []
        self.patch(reactor, "listenTCP", lambda *given, **more: opened.append(given))
        self.patch(reactor, "listenUNIX", lambda *given, **more: opened.append(given))
        await self.begun()
        self.assertEqual(opened, [])

    async def test_21_what_may_have_been_done_is_not_done_twice(self) -> None:
        bench = await self.begun()
        bench.client.tell("tools/call", 1, name="hang")
        await self.daemon.until(lambda: "tools/call" in self.daemon.methods())
        await self.restart()
        bench.client.tell("ping", 2)
        await bench.client.hear(3)
        self.assertEqual(self.daemon.methods().count("tools/call"), 1)

    async def test_22_a_daemon_that_is_up_and_takes_nobody_is_said_to(self) -> None:
        self.daemon.denial = 503
        self.patch(shim_waiting, "HOLD_SECONDS", 0.1)
        bench = self.bench()
        bench.client.tell("ping", 1)
        self.assertIn("503", (await bench.client.hear(1))[0]["error"]["message"])
        self.daemon.denial = 0
        bench.client.tell("ping", 2)
        await bench.client.hear(2)

    async def test_23_a_token_is_in_no_message_and_in_no_log(self) -> None:
        secret = "0123456789abcdef-secret"
        for status in (401, 403, 500):
            self.daemon.denial = status
            self.patch(shim_waiting, "HOLD_SECONDS", 0.1)
            bench = self.bench(headers={"Authorization": f"Bearer {secret}"})
            bench.client.tell("ping", 1)
            await bench.client.hear(1)
            told = bench.client.value().decode() + "".join(bench.logged)
            self.assertIn(str(status), told)
            for length in (8, len(secret)):
                self.assertNotIn(secret[:length], told)


class DelayTests(SynchronousTestCase):
    """How long it waits between two attempts."""

    def test_a_quarter_of_a_second_that_doubles_up_to_half_a_minute(self) -> None:
        self.assertEqual((FIRST_DELAY, LONGEST_DELAY), (0.25, 30.0))
        delays = [delay(failures) for failures in range(9)]
        self.assertEqual(delays, [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])
        self.assertEqual(delay(10**6), 30.0)
