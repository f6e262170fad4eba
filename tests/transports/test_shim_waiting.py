"""What waits for a connection."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.shim_waiting import (
    HOLD_SECONDS,
    MOST_HELD,
    MOST_HELD_BYTES,
    Held,
    Waiting,
)


def held(line: bytes, since: float = 0.0) -> Held:
    return Held((), line, since)


class WaitingTests(SynchronousTestCase):
    """Lines in their order, and not too many of them."""

    def setUp(self) -> None:
        self.waiting = Waiting()

    def test_they_are_taken_in_the_order_in_which_they_came(self) -> None:
        lines = [held(b"1"), held(b"2"), held(b"3")]
        for line in lines[1:]:
            self.assertTrue(self.waiting.put(line))
        self.waiting.put_first(lines[0])
        self.assertEqual(list(self.waiting), lines)
        self.assertEqual((self.waiting.taken(), len(self.waiting)), (lines, 0))

    def test_no_more_than_so_many_wait(self) -> None:
        for _ in range(MOST_HELD):
            self.assertTrue(self.waiting.put(held(b"x")))
        self.assertFalse(self.waiting.put(held(b"x")))
        self.assertEqual(len(self.waiting), MOST_HELD)

    def test_no_more_than_so_many_bytes_wait(self) -> None:
        self.assertTrue(self.waiting.put(held(b"x" * (MOST_HELD_BYTES - 1))))
        self.assertFalse(self.waiting.put(held(b"xx")))
        self.assertTrue(self.waiting.put(held(b"x")))

    def test_what_has_waited_for_too_long_waits_no_more(self) -> None:
        early, late = held(b"1", 5.0), held(b"2", 6.0)
        self.waiting.put(early)
        self.waiting.put(late)
        self.assertEqual(self.waiting.late(4.9 + HOLD_SECONDS), [])
        self.assertEqual(self.waiting.late(5.0 + HOLD_SECONDS), [early])
        self.assertEqual(list(self.waiting), [late])
