"""Lines in and out of a process."""

import contextlib
import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.pipes import Output, has_unread, hung_up, lines


class PipeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reading, self.writing = os.pipe()

    def tearDown(self) -> None:
        for descriptor in (self.reading, self.writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def finish(self, data: bytes) -> None:
        os.write(self.writing, data)
        os.close(self.writing)


class LinesTests(PipeCase):
    """Reading."""

    def read(self) -> list[bytes]:
        return list(lines(self.reading, lambda: True))

    def test_each_line_is_one(self) -> None:
        self.finish(b"{}\n[]\n")
        self.assertEqual(self.read(), [b"{}", b"[]"])

    def test_blank_lines_are_left_out(self) -> None:
        self.finish(b"\n \r\n{}\n\n")
        self.assertEqual(self.read(), [b"{}"])

    def test_the_last_line_needs_no_end(self) -> None:
        self.finish(b"{}\n[]")
        self.assertEqual(self.read(), [b"{}", b"[]"])

    def test_a_line_may_come_in_pieces(self) -> None:
        found = lines(self.reading, lambda: True)
        os.write(self.writing, b"{}\n[1")
        self.assertEqual(next(found), b"{}")
        self.finish(b",2]\n")
        self.assertEqual(list(found), [b"[1,2]"])

    def test_it_ends_when_it_is_not_wanted_any_more(self) -> None:
        self.assertEqual(list(lines(self.reading, lambda: False)), [])

    def test_what_cannot_be_read_has_ended(self) -> None:
        os.close(self.reading)
        self.assertEqual(self.read(), [])

    def test_an_open_end_is_no_hang_up(self) -> None:
        self.assertFalse(hung_up(self.reading, 0))
        self.finish(b"{}\n")
        self.assertTrue(hung_up(self.reading, 1))
        self.assertEqual(self.read(), [b"{}"])

    def test_what_was_written_before_the_end_is_there_to_be_read(self) -> None:
        self.assertFalse(has_unread(self.reading))
        self.finish(b"{}\n")
        self.assertTrue(has_unread(self.reading))
        self.assertEqual(self.read(), [b"{}"])

    def test_the_end_itself_is_nothing_to_read(self) -> None:
        self.finish(b"")
        self.assertFalse(has_unread(self.reading))


class OutputTests(PipeCase):
    """Writing."""

    @given(st.binary(max_size=200))
    def test_a_message_is_one_line(self, message: bytes) -> None:
        Output(self.writing).write(message)
        written = os.read(self.reading, 1000)
        self.assertEqual(written[-1:], b"\n")
        self.assertEqual(written.count(b"\n"), 1)

    def test_a_reader_that_is_gone_is_noticed(self) -> None:
        output = Output(self.writing)
        os.close(self.reading)
        output.write(b"{}")
        self.assertTrue(output.is_broken)
        output.write(b"{}")
