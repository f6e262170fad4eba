"""A request whose body is in memory."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.request import BODY_LIMIT, DISCARDED
from tests.transports.wire import HEADERS, Daemon


class BodyLimitTests(SynchronousTestCase):
    """A body is read up to the limit, in memory, and not beyond."""

    def setUp(self) -> None:
        self.connection = Daemon().connect()

    def head(self, *headers: str) -> None:
        self.connection.request("POST", "/mcp", b"", (*HEADERS, *headers))

    def test_the_longest_body_is_read(self) -> None:
        self.connection.request("POST", "/mcp", b" " * BODY_LIMIT, HEADERS)
        response = self.connection.response()
        self.assertEqual((response.status, response.json()["error"]["code"]), (400, -32700))

    def test_a_longer_one_is_refused_before_it_is_sent(self) -> None:
        self.head(f"Content-Length: {BODY_LIMIT + 1}")
        response = self.connection.response()
        self.assertEqual(response.status, 413)
        self.assertIn(str(BODY_LIMIT), response.json()["error"]["message"])
        self.assertEqual(response.headers["connection"], "close")

    def test_nothing_of_it_is_kept_and_the_connection_ends_with_it(self) -> None:
        self.head(f"Content-Length: {BODY_LIMIT + 1}")
        self.connection.taken()
        self.connection.send(b"x" * BODY_LIMIT)
        self.assertEqual(self.connection.kept(), b"")
        self.assertFalse(self.connection.transport.disconnecting)
        self.connection.send(b"x")
        self.assertTrue(self.connection.transport.disconnecting)
        self.assertEqual(self.connection.taken(), b"")

    def test_chunks_are_refused_where_they_exceed_it(self) -> None:
        self.head("Transfer-Encoding: chunked")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        for _ in range(4):
            self.connection.send(chunk)
        self.assertEqual(self.connection.responses(), [])
        self.connection.send(b"1\r\nx\r\n")
        self.assertEqual(self.connection.response().status, 413)
        self.assertEqual(self.connection.kept(), b"")
        self.connection.send(b"0\r\n\r\n")
        self.assertTrue(self.connection.transport.disconnecting)

    def test_one_without_an_end_is_cut_off(self) -> None:
        self.head("Transfer-Encoding: chunked")
        chunk = b"1000000\r\n" + b"x" * 0x1000000 + b"\r\n"
        for _ in range((BODY_LIMIT + DISCARDED) // 0x1000000 + 1):
            self.connection.send(chunk)
        self.assertTrue(self.connection.transport.disconnecting)

    def test_who_asks_whether_to_continue_is_told_no(self) -> None:
        self.head(f"Content-Length: {BODY_LIMIT + 1}", "Expect: 100-continue")
        self.assertTrue(self.connection.taken().startswith(b"HTTP/1.1 413 "))

    def test_who_asks_whether_to_continue_with_a_body_that_fits_is_told_yes(self) -> None:
        self.head("Content-Length: 10", "Expect: 100-continue")
        self.assertEqual(self.connection.taken(), b"HTTP/1.1 100 Continue\r\n\r\n")
