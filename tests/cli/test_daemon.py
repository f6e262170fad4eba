"""C{mnemo start}, C{stop} and C{status} where no daemon runs, and what they say."""

import socket
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import asking
from mnemo.cli.daemon import complaint, last_line
from mnemo.cli.main import main
from mnemo.lock import Holder, HomeLock


class NotRunningTests(SynchronousTestCase):
    """A home that nobody serves, or not as a daemon."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()

    def run_command(self, *arguments: str) -> Result:
        result = CliRunner().invoke(main, [*arguments, f"--home={self.home}"])
        self.assertNotIn("Traceback", result.output)
        return result

    def hold(self, port: int) -> None:
        lock = HomeLock(self.home)
        lock.take(Holder(4711, "127.0.0.1", port, 0.0))
        self.addCleanup(lock.release)

    def test_status_says_so_and_exits_with_1(self) -> None:
        result = self.run_command("status")
        self.assertEqual(result.exit_code, 1)
        self.assertEqual(
            result.output, f"Error: mnemo is not running for {self.home}; mnemo start starts it\n"
        )

    def test_status_of_one_without_a_port_says_who_it_is(self) -> None:
        self.hold(port=0)
        result = self.run_command("status")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("pid 4711", result.output)

    def test_status_of_one_that_does_not_answer_says_so(self) -> None:
        self.hold(port=1)
        result = self.run_command("status")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("does not answer on http://127.0.0.1:1\n", result.output)

    def test_health_says_in_a_line_that_it_is_down(self) -> None:
        for arguments in (("health",), ("health", "1")):
            result = self.run_command(*arguments)
            self.assertEqual((result.exit_code, result.output.count("\n")), (1, 1))
            self.assertIn("does not answer", result.output)

    def test_health_of_one_that_hangs_does_not_hang(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as hung:
            result = self.run_command("health", str(hung.getsockname()[1]))
        self.assertEqual(result.exit_code, 1)

    def test_it_waits_for_an_answer_for_two_seconds(self) -> None:
        self.assertEqual(asking.ANSWER_SECONDS, 2.0)

    def test_stop_has_nothing_to_do(self) -> None:
        result = self.run_command("stop")
        self.assertEqual((result.exit_code, result.output.count("\n")), (0, 1))

    def test_a_second_start_is_refused_by_pid_and_port(self) -> None:
        self.hold(port=9999)
        result = self.run_command("start")
        self.assertEqual(result.exit_code, 1)
        self.assertIn("pid 4711 on port 9999\n", result.output)

    def test_a_configuration_that_cannot_be_used_is_a_line(self) -> None:
        result = self.run_command("start", "--port=many")
        self.assertEqual((result.exit_code, result.output.count("\n")), (1, 1))
        self.assertIn("server.port must be", result.output)


class ReasonTests(SynchronousTestCase):
    """Why a daemon does not start."""

    def test_the_reason_is_the_last_one_that_was_logged_since(self) -> None:
        log = Path(self.mktemp())
        log.write_text("t critical x: Cannot start: an old reason\n")
        seen = log.stat().st_size
        self.assertIn(str(log), complaint(log, seen))
        with log.open("a") as file:
            file.write("t critical x: Cannot start: a new reason\nt info x: more\n")
        self.assertEqual(complaint(log, seen), "a new reason")

    def test_without_a_log_there_is_a_reason_all_the_same(self) -> None:
        self.assertIn("did not start", complaint(Path(self.mktemp()), 0))

    def test_what_a_program_said_is_its_last_line(self) -> None:
        self.assertEqual(last_line("noise\nmnemo: the port is taken\n\n"), "the port is taken")
        self.assertEqual(last_line(" \n"), "it did not say why")
