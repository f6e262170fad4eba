"""One connection to the daemon."""

import base64
import io
from threading import Event, Thread

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import headers, jsonrpc
from mnemo.mcp.modern import PROTOCOL_VERSION
from mnemo.transports.upstream import (
    Lost,
    NotSent,
    Wire,
    decoded,
    events,
    header_value,
    repeated,
)
from tests.transports.fake_daemon import Answer, FakeDaemon, HangUp, Seen

BODY = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"%b":"x"}}}' % (
    PROTOCOL_VERSION.encode()
)


class HeaderTests(SynchronousTestCase):
    """What a modern message's headers say."""

    def test_plain_text_stays(self) -> None:
        for text in ("recall", "a b", "file:///x?y=1", "=?base64?", "2026-07-28"):
            self.assertEqual(header_value(text), text)

    def test_what_a_header_cannot_carry_is_encoded(self) -> None:
        for text in ("", " a", "a ", "tab\t", "line\nbreak", "héllo", "=?base64?aGk=?="):
            value = header_value(text)
            self.assertEqual(base64.b64decode(value[9:-2]).decode(), text)

    @given(st.text())
    def test_the_daemon_reads_what_was_meant(self, name: str) -> None:
        params = {"name": name, "_meta": {PROTOCOL_VERSION: "2026-07-28"}}
        sent = {key.lower(): (value,) for key, value in repeated("tools/call", params).items()}
        headers.check_body(sent, jsonrpc.Request(1, "tools/call", params), "2026-07-28")

    def test_only_what_is_text_is_repeated(self) -> None:
        params = {"name": 3, "_meta": {PROTOCOL_VERSION: None}}
        self.assertEqual(repeated("tools/call", params), {"Mcp-Method": "tools/call"})


class EventTests(SynchronousTestCase):
    """Reading an event stream."""

    def test_comments_names_and_ids_are_passed_over(self) -> None:
        stream = b":\n\nevent: message\nid: 3\nretry: 10\ndata: {}\n\n\n\ndata:[1]\r\n\r\n"
        self.assertEqual(list(events(io.BytesIO(stream).readline)), [b"{}", b"[1]"])

    def test_lines_of_one_event_are_joined(self) -> None:
        stream = b"data: {\ndata: }\n\n"
        self.assertEqual(list(events(io.BytesIO(stream).readline)), [b"{\n}"])

    def test_an_event_that_only_says_where_it_is_is_none(self) -> None:
        stream = b"id: 1\nretry: 500\ndata: \n\nid: 2\ndata:\n\ndata: {}\n\n"
        self.assertEqual(list(events(io.BytesIO(stream).readline)), [b"{}"])

    def test_an_event_that_was_cut_off_is_none(self) -> None:
        self.assertEqual(list(events(io.BytesIO(b"data: {}\n").readline)), [])


class DecodedTests(SynchronousTestCase):
    """Answers that may be anything."""

    @given(st.binary())
    def test_anything_else_than_an_object_is_empty(self, data: bytes) -> None:
        self.assertIsInstance(decoded(data), dict)


class WireTests(SynchronousTestCase):
    """Requests over one connection."""

    def setUp(self) -> None:
        self.daemon = FakeDaemon()
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.stop())
        self.wire = Wire()
        self.addCleanup(lambda: self.wire.close())

    def ping(self) -> int:
        return self.wire.send(self.daemon.address, "POST", {}, BODY).status

    def test_the_connection_is_used_again(self) -> None:
        for _ in range(3):
            self.assertEqual(self.ping(), 200)
        self.assertEqual(len({seen.client_port for seen in self.daemon.seen}), 1)

    def test_one_that_the_daemon_has_closed_is_not(self) -> None:
        self.ping()
        self.daemon.stop()
        self.daemon.start()
        self.assertEqual(self.ping(), 200)

    def test_what_an_unread_stream_has_left_is_no_answer_to_the_next(self) -> None:
        self.daemon.rule = lambda seen: Answer(
            body=b'data: {"id": 0}\n\n' * 2, content_type="text/event-stream"
        )
        reply = self.wire.send(self.daemon.address, "POST", {}, BODY)
        self.assertEqual(next(iter(reply.messages)), b'{"id": 0}')
        self.daemon.rule = lambda seen: Answer(body={"id": 1})
        reply = self.wire.send(self.daemon.address, "POST", {}, BODY)
        self.assertEqual([decoded(each) for each in reply.messages], [{"id": 1}])

    def test_a_closed_port_has_got_nothing(self) -> None:
        self.daemon.stop()
        self.assertRaises(NotSent, self.ping)
        self.daemon.start()

    def test_a_connection_that_breaks_may_have_got_it(self) -> None:
        def rule(seen: Seen) -> None:
            raise HangUp

        self.daemon.rule = rule
        self.assertRaises(Lost, self.ping)

    def test_an_answer_that_does_not_come_in_time_is_lost(self) -> None:
        release = Event()
        self.addCleanup(release.set)

        def rule(seen: Seen) -> None:
            release.wait(10)

        self.daemon.rule = rule
        self.assertRaises(Lost, self.wire.send, self.daemon.address, "POST", {}, BODY, timeout=0.05)

    def test_another_thread_can_cut_it(self) -> None:
        arrived, release = Event(), Event()
        self.addCleanup(release.set)

        def rule(seen: Seen) -> None:
            arrived.set()
            release.wait(10)

        def cut() -> None:
            arrived.wait(10)
            self.wire.cut()

        self.daemon.rule = rule
        Thread(target=cut).start()
        self.assertRaises(Lost, self.ping)
        self.assertRaises(NotSent, self.ping)
