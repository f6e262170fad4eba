"""C{mnemo start}, C{stop} and C{status} where no daemon runs, and what they say."""

import os
import socket
from pathlib import Path

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import daemon
from mnemo.cli.daemon import complaint, described, last_line, span
from mnemo.cli.main import main
from mnemo.lock import Holder, HomeLock

REPORT = {
    "status": "degraded",
    "reasons": ["there is no model; mnemo model fetch brings one"],
    "version": "1.2.3",
    "pid": 4711,
    "uptime": 3725.0,
    "sessions": {"live": 3, "running": 1},
    "streams": 2,
    "model": {"name": "all-MiniLM-L6-v2", "loads": 0, "device": None},
    "queues": {"calls": 0, "vectors": 7},
    "database": {"path": "/home/me/.mnemo/memory.sqlite3", "bytes": 2_500_000},
    "tools": 14,
    "self_test": {"at": 1.0, "text": "ok", "vector": "no model"},
}


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
            self.patch(daemon, "ANSWER_SECONDS", 0.1)
            result = self.run_command("health", str(hung.getsockname()[1]))
        self.assertEqual(result.exit_code, 1)

    def test_it_waits_for_an_answer_for_two_seconds(self) -> None:
        self.assertEqual(daemon.ANSWER_SECONDS, 2.0)

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


class ChoiceTests(SynchronousTestCase):
    """What is handed on to the daemon."""

    def start(self, *arguments: str) -> daemon.Choice:
        chosen: list[daemon.Choice] = []
        self.patch(daemon, "launch", chosen.append)
        home = f"--home={Path(self.mktemp()).absolute()}"
        result = CliRunner().invoke(main, ["start", home, *arguments])
        self.assertEqual(result.exit_code, 0, result.output)
        return chosen[0]

    def test_a_project_has_many_names(self) -> None:
        for option in ("--project", "--project-root", "--project-file"):
            chosen = self.start(option, "/src/alpha")
            self.assertEqual(chosen.config.sessions.project, "/src/alpha")
            self.assertIn("--project=/src/alpha", chosen.flags)

    def test_a_folder_is_seen_from_here(self) -> None:
        for arguments in (("--project-from-cwd",), ("--project", ".")):
            chosen = self.start(*arguments)
            self.assertIn(f"--project={Path.cwd()}", chosen.flags)
        self.assertEqual(self.start().config.sessions.project, "")

    def test_a_port_a_host_and_a_transport_are_named_with_it(self) -> None:
        where = ("--host=127.0.0.1", "--port", "8765")
        chosen = self.start("--transport", "sse", *where, "--project-root", "/src/alpha")
        self.assertEqual((chosen.transport, chosen.config.server.port), ("sse", 8765))
        self.assertIn("--transport=sse", chosen.flags)

    def test_tokens_are_not_handed_on_where_others_see_them(self) -> None:
        self.patch(os, "environ", {**os.environ, "MNEMO_SERVER_TOKENS": "0123456789abcdef"})
        chosen = self.start("--port=0")
        self.assertEqual(chosen.config.server.tokens, ("0123456789abcdef",))
        self.assertNotIn("0123456789abcdef", repr(chosen))


class WordsTests(SynchronousTestCase):
    """What a person reads."""

    def test_a_language_model_is_told_with_its_memory(self) -> None:
        model = {"name": "writer", "state": "loaded", "bytes": 512_000_000, "device": "cpu"}
        lines = described({**REPORT, "language_model": model}, "").splitlines()
        self.assertIn("language   writer, loaded, 512 MB on cpu", lines)
        idle = model | {"state": "idle", "bytes": 0}
        lines = described({**REPORT, "language_model": idle}, "").splitlines()
        self.assertIn("language   writer, idle", lines)
        elsewhere = model | {"state": "none", "bytes": 0}
        lines = described({**REPORT, "language_model": elsewhere}, "").splitlines()
        self.assertIn("language   writer, of a server", lines)

    def test_an_embedding_model_and_the_gpu_are_told_with_their_memory(self) -> None:
        model = {"name": "embeds", "loads": 1, "device": "a GPU", "bytes": 46_000_000}
        gpu = {"name": "a GPU", "free": 3_000_000_000, "total": 8_500_000_000}
        lines = described({**REPORT, "model": model, "gpu": gpu}, "").splitlines()
        self.assertIn("model      embeds, 46 MB on a GPU", lines)
        self.assertIn("gpu        a GPU, 3.0 of 8.5 GB free", lines)
        silent = gpu | {"free": None, "total": None}
        lines = described({**REPORT, "model": model | {"bytes": 0}, "gpu": silent}, "").splitlines()
        self.assertIn("model      embeds, on a GPU", lines)
        self.assertIn("gpu        a GPU", lines)
        self.assertNotIn("gpu", described({**REPORT, "gpu": None}, ""))

    def test_a_report_is_a_line_for_each_thing_and_each_reason(self) -> None:
        lines = described(REPORT, "http://127.0.0.1:9999").splitlines()
        self.assertIn("status     degraded", lines)
        self.assertIn("address    http://127.0.0.1:9999/mcp", lines)
        self.assertIn("process    pid 4711, version 1.2.3, up 1 h 2 min", lines)
        self.assertIn("sessions   3 live, 1 running, 2 streams", lines)
        self.assertIn("model      all-MiniLM-L6-v2, not loaded", lines)
        self.assertIn("waiting    0 calls, 7 vectors", lines)
        self.assertIn("self-test  text ok, vector no model", lines)
        self.assertEqual(lines[-1], "reason     there is no model; mnemo model fetch brings one")

    def test_vectors_are_counted_while_some_are_missing(self) -> None:
        for made, told in ((1234, ["vectors    1234 of 5678"]), (5678, [])):
            lines = described({**REPORT, "vectors": {"made": made, "of": 5678}}, "").splitlines()
            self.assertEqual([line for line in lines if line.startswith("vectors")], told)

    def test_the_model_that_answers_until_then_is_named(self) -> None:
        model = {"name": "newer", "device": "cpu", "meanwhile": "older-0a1b2c3d"}
        report = {**REPORT, "model": model, "vectors": {"made": 12, "of": 34}}
        told = "vectors    12 of 34; until then older-0a1b2c3d answers"
        self.assertIn(told, described(report, "").splitlines())

    def test_a_span_has_its_two_largest_units(self) -> None:
        spans = {0: "0 s", 59.9: "59 s", 60: "1 min", 3661: "1 h 1 min", 90061: "1 d 1 h"}
        self.assertEqual({seconds: span(seconds) for seconds in spans}, spans)

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
