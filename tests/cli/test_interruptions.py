"""Signals that end a command."""

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.interruptions import NUMBERS, Interruptions, Told


class InterruptionsTests(SynchronousTestCase):
    """In this process."""

    def setUp(self) -> None:
        for number in NUMBERS:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.interruptions = Interruptions()
        self.interruptions.listen()

    def test_each_is_raised_and_is_an_exit_code(self) -> None:
        for number in NUMBERS:
            told = self.assertRaises(Told, os.kill, os.getpid(), number)
            self.assertEqual((told.number, told.code), (number, 128 + number))

    def test_one_that_is_held_back_is_raised_afterwards(self) -> None:
        done = []
        with self.assertRaises(Told), self.interruptions.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("all of it")
        self.assertEqual(done, ["all of it"])

    def test_what_fails_meanwhile_is_what_is_raised(self) -> None:
        with self.assertRaises(KeyError), self.interruptions.held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            raise KeyError

    def test_ignored_they_do_nothing(self) -> None:
        self.interruptions.ignore()
        os.kill(os.getpid(), signal.SIGTERM)
