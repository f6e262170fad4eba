"""C{mnemo probe}."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from attrs import evolve
from click.testing import CliRunner, Result
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.server import Request

from mnemo.cli import probe as module
from mnemo.cli import top
from mnemo.cli.probe import probe
from mnemo.enrichment import probe as probing
from mnemo.inference.catalogue import ModelMissing
from mnemo.inference.keeping import RELEASED
from mnemo.inference.servers import ServerModel
from mnemo.inference.snapshot import Server
from mnemo.lock import Holder, HomeLock
from tests.inference.loopback import Answer, Loopback, events, streams
from tests.transports.test_inference_address import LANGUAGE, SNAPSHOT


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


class LocalTests(SynchronousTestCase):
    """The language model of the daemon, as it says itself how that is."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        lock = HomeLock(self.home)
        lock.take(Holder(4711, "127.0.0.1", 9999, 0.0))
        self.addCleanup(lock.release)
        self.snapshot = SNAPSHOT
        self.patch(top, "ask", lambda *asked: (200, msgspec.to_builtins(self.snapshot)))
        self.asked: list[ServerModel] = []
        self.patch(module, "_asked", self.answer)

    def answer(self, server: ServerModel, of: Sequence[probing.Case]) -> object:
        self.asked.append(server)
        return probing.gold(of)

    def probe(self, *arguments: str, **environ: str) -> Result:
        command = ["--backend", "local", "--home", str(self.home), *arguments]
        return CliRunner(env=environ).invoke(probe, command)

    def where(self, servers: tuple[Server, ...] = (), **how: Any) -> None:
        language = evolve(LANGUAGE, **how)
        self.snapshot = evolve(SNAPSHOT, language=language, servers=servers)

    def refused(self, **environ: str) -> str:
        result = self.probe(**environ)
        self.assertEqual((result.exit_code, self.asked), (1, []))
        self.assertEqual(result.output.count("\n"), 1)
        return result.output

    def test_it_is_asked_by_its_name_and_not_by_that_of_the_embedding_model(self) -> None:
        self.assertEqual(self.probe().exit_code, 0)
        (asked,) = self.asked
        self.assertEqual((asked.address, asked.model), ("http://127.0.0.1:9999/v1", "writer"))

    def test_a_file_that_is_missing_is_named_with_the_command_that_brings_it(self) -> None:
        missing = ModelMissing(Path("/models/Qwen3-0.6B.gguf"), purpose="language")
        self.where(state="idle", device=None, loads=0, problem=str(missing))
        said = self.refused()
        self.assertIn("no language model at /models/Qwen3-0.6B.gguf", said)
        self.assertIn("mnemo model fetch Qwen3-0.6B", said)

    def test_one_that_was_released_is_brought_back_by_a_command(self) -> None:
        self.where(state="released", problem=RELEASED)
        self.assertIn("mnemo model load brings it back", self.refused())

    def test_one_that_is_being_loaded_is_waited_for_by_a_command(self) -> None:
        self.where(state="loading", device=None, loads=0)
        self.assertIn("writer is being loaded; mnemo model load waits for it", self.refused())

    def test_a_daemon_without_one_is_told_which_to_take(self) -> None:
        self.where(name="", state="none", device=None, loads=0)
        self.assertIn("pid 4711 has no language model: mnemo model use NAME", self.refused())

    def test_a_daemon_from_before_it_was_chosen_is_to_start_again(self) -> None:
        self.where(name="", state="none", device=None, loads=0)
        said = self.refused(MNEMO_INFERENCE_LANGUAGE_MODEL="writer")
        self.assertIn("mnemo restart takes writer", said)

    def test_where_a_server_answers_in_its_place_that_is_asked(self) -> None:
        server = Server("other:1", "big", "language", 0, 0, "closed", 0.0, "")
        self.where((server,), state="idle", device=None, loads=0)
        self.assertEqual(self.probe().exit_code, 0)
        self.assertEqual(self.asked[0].model, "big")


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
        self.errors = errors.decode()
        self.assertIn(b"big at 127.0.0.1", output)
        return code, msgspec.json.decode(file.read_bytes())

    def say(self, there: Loopback) -> Answer:
        def said(request: Request) -> bytes | int:
            asked = there.received[-1].content["messages"][1]["content"]
            (case,) = (each for each in probing.cases() if asked == f"TEXT:\n{each.text}")
            answer = self.answer(case)
            if answer is None:
                return streams(b'data: {"choices": 3}\n\n')(request)
            text = msgspec.json.encode(answer).decode()
            delta = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
            return streams(events({"model": "big", "choices": [delta]}, "[DONE]"))(request)

        return said

    async def test_all_seven_metrics_are_of_what_it_says(self) -> None:
        self.answer = lambda case: {"type": "general", **case.gold}
        code, report = await self.report()
        self.assertEqual(set(report["metrics"]), set(probing.METRICS))
        self.assertEqual((code, [name for name, good in report["passed"].items() if not good]),
                         (0, []))  # fmt: skip

    async def test_a_text_at_which_it_fails_is_noted_and_the_others_are_measured(self) -> None:
        first = probing.cases()[0]
        self.answer = lambda case: None if case == first else {"type": "general", **case.gold}
        _, report = await self.report()
        self.assertEqual(len(report["cases"]), len(probing.cases()))
        self.assertEqual(self.errors.count("\n"), 1)
        self.assertTrue(self.errors.startswith(f"{first.id} failed: "), self.errors)

    async def test_what_it_makes_up_counts_against_it(self) -> None:
        lie = {"narrative": "It was Bob Marley at 99999 in a memory encoder."}
        self.answer = lambda case: {"type": "general", **case.gold, **lie}
        code, report = await self.report()
        self.assertEqual(code, 1)
        self.assertFalse(report["passed"]["fr"])
