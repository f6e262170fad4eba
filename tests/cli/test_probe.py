"""C{mnemo probe}."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner, Result
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.server import Request

from mnemo.cli.probe import probe
from mnemo.enrichment import probe as probing
from tests.inference.loopback import Answer, Loopback, events, streams


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()

    def probe(self, *arguments: str) -> Result:
        return CliRunner(env={"MNEMO_HOME": str(self.home)}).invoke(probe, list(arguments))

    def report(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        file = self.home / "report.json"
        result = self.probe(*arguments, "--json", str(file))
        return result.exit_code, msgspec.json.decode(file.read_bytes())

    def test_the_good_answers_are_without_fault(self) -> None:
        code, report = self.report("--self")
        self.assertEqual(code, 0)
        metrics = report["metrics"]
        self.assertEqual([metrics[name] for name in ("epr", "np", "sc", "mih")], [1, 1, 1, 1])
        self.assertEqual((metrics["fr"], metrics["ted"]), (0, 0))

    def test_the_rules_preserve_all_and_invent_nothing(self) -> None:
        code, report = self.report()
        self.assertEqual((code, report["backend"]), (0, "extractive"))
        self.assertEqual(report["metrics"]["epr"], 1)
        self.assertEqual(report["metrics"]["fr"], 0)
        self.assertEqual(len(report["cases"]), len(probing.cases()))

    def test_all_seven_metrics_are_shown_with_what_is_wanted(self) -> None:
        shown = self.probe().output
        for name in probing.METRICS:
            self.assertIn(name.upper(), shown)
        self.assertIn("> 90.0%", shown)

    def test_what_is_not_good_enough_ends_with_one(self) -> None:
        self.patch(probing, "extracted", lambda of: {})
        result = self.probe()
        self.assertEqual(result.exit_code, 1)
        self.assertIn("not good enough", result.output)

    def test_a_backend_that_is_none_is_refused_in_one_line(self) -> None:
        for arguments, said in (
            (("--backend", "magic"), "'magic' is no backend"),
            (("--backend", "http://127.0.0.1:1/v1"), "--model NAME"),
            (("--backend", "local"), "mnemo is not running"),
        ):
            result = self.probe(*arguments)
            self.assertEqual(result.exit_code, 1)
            self.assertIn(said, result.output)
            self.assertNotIn("Traceback", result.output)

    def test_a_server_that_is_not_there_is_named_in_one_line(self) -> None:
        command = [sys.executable, "-m", "mnemo", "probe", "--model", "m"]
        command += ["--backend", "http://127.0.0.1:9/v1", "--home", str(self.home)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("127.0.0.1:9", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class OfAServerTests(TestCase):
    """A model that is asked over OpenAI's API, and answers each text as C{answer} says."""

    answer: Callable[[probing.Case], object]

    async def report(self) -> tuple[int, dict[str, Any]]:
        there = Loopback()
        self.addCleanup(there.close)
        there.answers += [self.say(there)] * 2 * len(probing.cases())
        server = there.listen()
        file = Path(self.mktemp()).absolute()
        command = ["-m", "mnemo", "probe", "--backend", server.address, "--model", "big"]
        output, errors, code = await getProcessOutputAndValue(
            sys.executable,
            [*command, "--json", str(file), "--home", str(file.parent)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertNotIn(b"Traceback", errors)
        self.assertIn(b"big at 127.0.0.1", output)
        return code, msgspec.json.decode(file.read_bytes())

    def say(self, there: Loopback) -> Answer:
        def said(request: Request) -> bytes | int:
            asked = there.received[-1].content["messages"][1]["content"]
            (case,) = (each for each in probing.cases() if asked == f"TEXT:\n{each.text}")
            text = msgspec.json.encode(self.answer(case)).decode()
            delta = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
            return streams(events({"model": "big", "choices": [delta]}, "[DONE]"))(request)

        return said

    async def test_all_seven_metrics_are_of_what_it_says(self) -> None:
        self.answer = lambda case: {"type": "general", **case.gold}
        code, report = await self.report()
        self.assertEqual(set(report["metrics"]), set(probing.METRICS))
        self.assertEqual((code, [name for name, good in report["passed"].items() if not good]),
                         (0, []))  # fmt: skip

    async def test_what_it_makes_up_counts_against_it(self) -> None:
        lie = {"narrative": "It was Bob Marley at 99999 in a memory encoder."}
        self.answer = lambda case: {"type": "general", **case.gold, **lie}
        code, report = await self.report()
        self.assertEqual(code, 1)
        self.assertFalse(report["passed"]["fr"])
