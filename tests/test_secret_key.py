"""The key of a home: made once, kept, the same for all who ask."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mnemo.secret_key import LENGTH, NAME, secret_key


class SecretKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.path = self.home / NAME
        self.lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if event.get("log_namespace") == "mnemo.secret_key":
                self.lines.append(event["log_level"].name)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def test_it_is_made_for_the_user_alone(self) -> None:
        key = secret_key(self.home)
        self.assertEqual(len(key), LENGTH)
        self.assertEqual(self.path.read_bytes(), key)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(self.lines, [])

    def test_it_stays_the_same(self) -> None:
        self.assertEqual(secret_key(self.home), secret_key(self.home))

    def test_two_homes_have_two_keys(self) -> None:
        other = Path(self.mktemp())
        other.mkdir()
        self.assertNotEqual(secret_key(self.home), secret_key(other))

    def test_a_damaged_one_is_replaced_and_the_log_says_so(self) -> None:
        for number, damaged in enumerate((b"short", b"x" * (LENGTH + 1), b"x" * 9999), 1):
            self.path.write_bytes(damaged)
            os.chmod(self.path, 0o644)
            key = secret_key(self.home)
            self.assertEqual((len(key), self.path.read_bytes()), (LENGTH, key))
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            self.assertEqual(self.lines, ["warn"] * number)

    def test_one_whose_making_was_cut_off_is_made_anew(self) -> None:
        self.path.touch()
        self.assertEqual(len(secret_key(self.home)), LENGTH)
        self.assertEqual(self.lines, [])

    def test_a_link_that_somebody_put_there_is_not_followed(self) -> None:
        elsewhere = self.home / "elsewhere"
        elsewhere.write_bytes(b"precious")
        self.path.symlink_to(elsewhere)
        self.assertRaises(OSError, secret_key, self.home)
        self.assertEqual(elsewhere.read_bytes(), b"precious")

    def test_processes_that_race_get_the_same(self) -> None:
        for damaged in (None, b"damaged"):
            self.path.unlink(missing_ok=True)
            if damaged is not None:
                self.path.write_bytes(damaged)
            racers = [self.racer() for _ in range(4)]
            keys = {line for racer in racers for line in racer.communicate()[0].split()}
            self.assertEqual(keys, {self.path.read_bytes().hex()})

    def racer(self) -> "subprocess.Popen[str]":
        """A process that asks for the key several times."""
        program = (
            "import pathlib, sys; from mnemo.secret_key import secret_key\n"
            "for _ in range(4): print(secret_key(pathlib.Path(sys.argv[1])).hex())"
        )
        command = [sys.executable, "-c", program, str(self.home)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
