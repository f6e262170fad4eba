"""The streams that stay open: what flows, what waits, who ends them."""

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mnemo.sessions.interfaces import Opening, Session
from mnemo.transports.sse import HEARTBEAT, HELD
from tests.mcp.fakes import FakeSessions
from tests.transports.wire import Connection, Daemon


class StreamTestCase(SynchronousTestCase):
    """A daemon with sessions that listen."""

    def setUp(self) -> None:
        self.daemon = Daemon(sessions=FakeSessions(limit=1000))

    def session(self, version: str = "2025-11-25", **capabilities: Any) -> Session:
        opening = Opening(version, "tester", "9", "local", "", capabilities)
        return self.daemon.sessions._make("mcp", opening)

    def listen(self, session: Session) -> Connection:
        connection = self.daemon.connect()
        headers = ("Host: localhost", "Accept: text/event-stream", f"Mcp-Session-Id: {session.id}")
        connection.request("GET", "/mcp", b"", headers)
        return connection

    def send(self, session: Session, message: bytes) -> None:
        """Send as the protocol would."""
        sources: list[tuple[Any, Any]] = [(e.source, e) for e in self.daemon.streams._entries]
        (entry,) = (entry for source, entry in sources if source.session is session)
        entry.stream.send(message)


class OpeningTests(StreamTestCase):
    """How a stream begins and ends."""

    def test_it_begins_at_once_with_headers_and_a_comment(self) -> None:
        session = self.session("2025-06-18")
        head, _, body = self.listen(session).taken().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"Content-Type: text/event-stream\r\n", head)
        self.assertIn(b"Cache-Control: no-cache, no-transform\r\n", head)
        self.assertIn(b"X-Accel-Buffering: no", head)
        self.assertTrue(body.partition(b"\r\n")[2].startswith(b": boot "), body)
        self.assertNotIn(b"data", body)

    def test_a_client_that_can_come_back_is_told_where_it_is(self) -> None:
        body = self.listen(self.session()).taken()
        self.assertRegex(body, rb"id: [!-~]+\nretry: 1000\ndata: \n\n")

    def test_what_the_protocol_asks_flows_at_once(self) -> None:
        body = self.listen(self.session(roots={})).taken()
        self.assertIn(b"event: message\ndata: {", body)
        event = body.partition(b"event: message\ndata: ")[2].partition(b"\n\n")[0]
        self.assertEqual(msgspec.json.decode(event)["method"], "roots/list")

    def test_it_counts_while_it_is_open(self) -> None:
        session = self.session()
        connection = self.listen(session)
        self.assertEqual((session.streams, len(self.daemon.streams)), (1, 1))
        connection.transport.hang_up()
        self.assertEqual((session.streams, len(self.daemon.streams)), (0, 0))

    def test_the_newest_of_a_session_ends_the_one_before(self) -> None:
        session = self.session()
        older = self.listen(session)
        older.taken()
        newer = self.listen(session)
        self.assertEqual(older.taken(), b"0\r\n\r\n")
        self.send(session, b"{}")
        self.assertIn(b"data: {}", newer.taken())
        self.assertEqual((session.streams, len(self.daemon.streams)), (1, 1))

    def test_the_end_of_a_session_ends_its_stream(self) -> None:
        session = self.session()
        connection = self.listen(session)
        connection.taken()
        self.daemon.connect().request(
            "DELETE", "/mcp", b"", ("Host: localhost", f"Mcp-Session-Id: {session.id}")
        )
        self.assertEqual(connection.taken(), b"0\r\n\r\n")

    def test_a_connection_whose_stream_has_ended_can_be_used_again(self) -> None:
        session = self.session()
        connection = self.listen(session)
        self.daemon.streams.close_all()
        connection.taken()
        connection.request("GET", "/health/live")
        self.assertEqual(connection.response().status, 200)

    def test_all_can_be_ended(self) -> None:
        connections = [self.listen(self.session()) for _ in range(3)]
        for connection in connections:
            connection.taken()
        self.daemon.streams.close_all()
        self.assertEqual([c.taken() for c in connections], [b"0\r\n\r\n"] * 3)
        self.assertEqual(len(self.daemon.streams), 0)


class HeartbeatTests(StreamTestCase):
    """An open stream is never silent for long."""

    def silences(self, connection: Connection, seconds: int) -> list[float]:
        """How long each silence was."""
        found, heard = [], self.daemon.clock.seconds()
        for _ in range(seconds * 5):
            self.daemon.clock.advance(0.2)
            if connection.taken():
                found.append(self.daemon.clock.seconds() - heard)
                heard = self.daemon.clock.seconds()
        return found

    def test_a_comment_comes_in_time(self) -> None:
        connection = self.listen(self.session())
        connection.taken()
        silences = self.silences(connection, 100)
        self.assertGreaterEqual(len(silences), 6)
        self.assertLessEqual(max(silences), HEARTBEAT)

    def test_a_thousand_streams_have_a_handful_of_timers(self) -> None:
        connections = [self.listen(self.session()) for _ in range(1000)]
        timers = len(self.daemon.clock.getDelayedCalls()) - len(connections)
        self.assertLess(timers, 5)
        self.assertLessEqual(max(self.silences(connections[-1], 60)), HEARTBEAT)

    def test_a_stream_that_ends_leaves_no_timer(self) -> None:
        connection = self.listen(self.session())
        connection.transport.hang_up()
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])

    def test_a_reader_that_is_behind_is_not_sent_comments(self) -> None:
        connection = self.listen(self.session())
        connection.taken()
        connection.fall_behind()
        self.daemon.clock.pump([1.0] * 60)
        self.assertEqual(connection.taken(), b"")


class SlowReaderTests(StreamTestCase):
    """A reader that is slow holds up nothing but itself."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = self.session()
        self.connection = self.listen(self.slow)
        self.connection.taken()
        self.connection.fall_behind()

    def test_messages_wait_and_come_in_order(self) -> None:
        for number in range(3):
            self.send(self.slow, b"%d" % number)
        self.assertEqual(self.connection.taken(), b"")
        self.connection.catch_up()
        body = self.connection.taken()
        self.assertLess(body.index(b"data: 0"), body.index(b"data: 1"))
        self.assertLess(body.index(b"data: 1"), body.index(b"data: 2"))

    def test_one_that_lets_too_much_gather_is_cut_off(self) -> None:
        message = b"x" * (HELD // 4)
        for _ in range(4):
            self.send(self.slow, message)
        self.assertFalse(self.connection.transport.aborted)
        self.send(self.slow, message)
        self.assertTrue(self.connection.transport.aborted)
        self.assertEqual((self.slow.streams, len(self.daemon.streams)), (0, 0))

    def test_a_single_message_may_be_longer_than_that(self) -> None:
        self.send(self.slow, b"x" * HELD * 2)
        self.assertFalse(self.connection.transport.aborted)
        self.connection.catch_up()
        self.assertGreater(len(self.connection.taken()), HELD * 2)

    def test_what_is_held_is_sent_before_the_end(self) -> None:
        self.send(self.slow, b"{}")
        self.daemon.streams.close_all()
        self.assertIn(b"data: {}", self.connection.taken())

    def test_what_is_sent_after_the_end_goes_nowhere(self) -> None:
        (entry,) = self.daemon.streams._entries
        self.connection.transport.hang_up()
        entry.stream.send(b"{}")
        entry.stream.beat()
        entry.stream.close()
        self.assertEqual(self.connection.taken(), b"")
