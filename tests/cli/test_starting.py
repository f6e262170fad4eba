"""Starting a daemon and going on."""

import fcntl
import os
from pathlib import Path
from threading import Event

from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.starting import LOCK, Starting, start_daemon
from mnemo.transports.daemon import Unreachable
from tests.cli.stdio_client import PATIENCE, environment


class StartDaemonTests(SynchronousTestCase):
    """What becomes of it."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.home = folder / "home"
        before = dict(os.environ)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        wanted = environment(self.home)
        os.environ.clear()
        os.environ.update(wanted)

    def start(self, text: str) -> Starting | None:
        """Start one that a wrong configuration keeps from it."""
        file = self.home.parent / "mnemo.toml"
        file.write_text(text)
        return start_daemon(self.home, str(file))

    def failure(self, starting: Starting | None) -> str:
        assert starting is not None
        for _ in range(int(PATIENCE / 0.02)):
            failure = starting.failure()
            if failure is not None:
                return failure
            Event().wait(0.02)
        raise self.failureException("it neither started nor failed")

    def test_it_says_why_there_is_none(self) -> None:
        failure = self.failure(self.start("[server]\nport = 70000\n"))
        self.assertIn("server.port must be a whole number from 0 to 65535", failure)
        self.assertNotIn("Error:", failure)

    def test_while_one_is_being_started_no_other_is(self) -> None:
        first = self.start("nonsense")
        second = self.start("nonsense")
        self.assertIs(second, None)
        self.failure(first)
        self.failure(self.start("nonsense"))

    def test_another_program_may_be_starting_one(self) -> None:
        self.home.mkdir()
        with open(self.home / LOCK, "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIs(self.start("nonsense"), None)

    def test_a_home_that_cannot_be_is_said(self) -> None:
        self.home.write_text("no folder")
        failure = self.assertRaises(Unreachable, self.start, "")
        self.assertIn(str(self.home), str(failure))
