"""C{mnemo model}."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli import model as commands
from mnemo.cli.model import model
from mnemo.inference import models
from mnemo.inference.catalogue import CATALOGUE
from mnemo.lock import Holder, HomeLock
from tests.inference import tiny


class ModelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.models = self.folder / "models"
        self.file = self.folder / ".mnemo" / "mnemo.toml"
        # What is tried out in a process of its own is seen in the tests of that.
        self.patch(models, "fault", lambda path, purpose: "")

    def run_it(self, *arguments: str, **environment: str) -> Result:
        settings = {"MNEMO_MODELS": str(self.models), "HOME": str(self.folder)} | environment
        return CliRunner().invoke(model, list(arguments), env=settings)

    def told(self, *arguments: str, **environment: str) -> list[str]:
        result = self.run_it(*arguments, **environment)
        self.assertEqual(result.exit_code, 0, result.output)
        return result.output.splitlines()

    def refused(self, *arguments: str, **environment: str) -> str:
        result = self.run_it(*arguments, **environment)
        self.assertEqual((result.exit_code, result.output.count("\n")), (1, 1), result.output)
        return result.output.removeprefix("Error: ").rstrip("\n")

    def writer(self) -> Path:
        return tiny.write_llama(self.folder / "writer.gguf")


class FetchTests(ModelCase):
    def test_it_brings_a_model_and_says_how_to_use_it(self) -> None:
        source = tiny.write_bert_directory(self.folder / "tiny")
        self.assertEqual(
            self.told("fetch", str(source)),
            [
                f"converting {source} to GGUF",
                f"the model is at {self.models / 'tiny.gguf'}",
                "to use it: mnemo model use tiny",
            ],
        )
        self.assertTrue((self.models / "tiny.gguf").is_file())

    def test_what_cannot_be_brought_is_one_line_and_exit_1(self) -> None:
        self.assertEqual(
            self.refused("fetch", "nothing"),
            f"nothing is no file or directory; known by name: {', '.join(CATALOGUE)}",
        )

    def test_a_bad_configuration_is_one_line_and_exit_1(self) -> None:
        self.assertIn("MNEMO_SERVER_PORT", self.refused("fetch", "x", MNEMO_SERVER_PORT="many"))

    def test_names_come_from_the_mirror_that_is_configured(self) -> None:
        mirror = self.folder / "mirror"
        mirror.mkdir()
        (mirror / "mine.gguf").write_bytes(self.writer().read_bytes())
        lines = self.told("fetch", "mine", MNEMO_INFERENCE_MIRROR=str(mirror))
        self.assertEqual(lines[0], f"copying {mirror / 'mine.gguf'}")
        self.assertEqual(lines[-1], "to use it: mnemo model use mine")


class ListTests(ModelCase):
    def listed(self, **environment: str) -> dict[str, dict[str, Any]]:
        result = self.run_it("list", "--json", **environment)
        self.assertEqual(result.exit_code, 0, result.output)
        return {entry["name"]: entry for entry in json.loads(result.output)}

    def test_it_shows_what_is_there_and_what_could_be(self) -> None:
        self.told("add", str(self.writer()))
        lines = self.told("list", COLUMNS="200")
        self.assertEqual(lines[0].split(), ["name", "for", "size", "licence", "there", "sha256"])
        self.assertEqual(lines[1].split()[:5], ["writer", "language", "0", "MB", "yes"])
        shown = "\n".join(lines)
        for entry in CATALOGUE.values():
            self.assertIn(f"{entry.name} ", shown)
            self.assertIn(entry.sha256[:12], shown)

    def test_programs_get_all_of_it(self) -> None:
        source = self.writer()
        self.told("add", str(source))
        found = self.listed(MNEMO_INFERENCE_LANGUAGE_MODEL="writer")
        writer = found["writer"]
        self.assertEqual(
            {key: writer[key] for key in ("for", "bytes", "present", "in_use", "link")},
            {
                "for": "language",
                "bytes": 81_600,
                "present": True,
                "in_use": True,
                "link": str(source),
            },
        )
        self.assertEqual(len(writer["sha256"]), 64)
        self.assertFalse(found["Qwen3-0.6B"]["present"])
        self.assertFalse(self.listed()["writer"]["in_use"])


class AddTests(ModelCase):
    def test_a_file_becomes_known_where_it_is(self) -> None:
        source = self.writer()
        self.assertEqual(
            self.told("add", str(source), "--name", "mine"),
            [f"mine stands for {source}", "to use it: mnemo model use mine"],
        )

    def test_what_cannot_be_used_is_one_line(self) -> None:
        self.assertIn("cannot be read", self.refused("add", str(self.folder / "absent.gguf")))


class UseTests(ModelCase):
    def test_it_is_written_under_what_the_model_is_for(self) -> None:
        self.told("add", str(self.writer()))
        self.told("fetch", str(tiny.write_bert_directory(self.folder / "tiny")))
        lines = self.told("use", "writer")
        self.assertEqual(lines, [f"inference.language_model is writer in {self.file}"])
        self.told("use", "tiny")
        self.assertEqual(
            tomllib.loads(self.file.read_text()),
            {"inference": {"language_model": "writer", "model": "tiny"}},
        )

    def test_the_rest_of_the_file_stays(self) -> None:
        self.told("add", str(self.writer()))
        self.file.parent.mkdir()
        text = "# mine\n[server]\nport = 1  # one\n\n[inference] # that\ngpu   = 'off'\n"
        self.file.write_text(text)
        self.told("use", "writer")
        self.assertEqual(self.file.read_text(), text + 'language_model = "writer"\n')

    def test_what_wins_over_the_file_is_told(self) -> None:
        self.told("add", str(self.writer()))
        lines = self.told("use", "writer", MNEMO_INFERENCE_LANGUAGE_MODEL="other")
        self.assertEqual(
            lines[1], "but MNEMO_INFERENCE_LANGUAGE_MODEL is set, which wins over the file"
        )

    def test_a_daemon_that_runs_is_told_of(self) -> None:
        self.told("add", str(self.writer()))
        lock = HomeLock(self.folder / ".mnemo")
        lock.take(Holder(os.getpid(), "127.0.0.1", 1, 0.0))
        self.addCleanup(lock.release)
        self.assertEqual(
            self.told("use", "writer")[1],
            "the daemon takes it when it starts again: mnemo restart",
        )

    def test_what_is_not_there_is_told(self) -> None:
        self.assertEqual(
            self.refused("use", "absent"), "there is no model absent; mnemo model list shows them"
        )
        self.assertEqual(
            self.refused("use", "Qwen3-0.6B"),
            "Qwen3-0.6B is not here yet; fetch it: mnemo model fetch Qwen3-0.6B",
        )
        self.assertFalse(self.file.exists())


class RemoveTests(ModelCase):
    def test_what_is_in_use_is_refused(self) -> None:
        self.told("add", str(self.writer()))
        self.told("use", "writer")
        self.assertEqual(
            self.refused("rm", "writer"),
            "writer is in use: inference.language_model names it; choose another first: "
            "mnemo model use NAME",
        )

    def test_what_a_daemon_still_has_is_refused(self) -> None:
        self.told("add", str(self.writer()))
        lock = HomeLock(self.folder / ".mnemo")
        lock.take(Holder(os.getpid(), "127.0.0.1", 9, 0.0))
        self.addCleanup(lock.release)
        report = {"model": {"name": "x-1"}, "language_model": {"name": "writer"}}
        self.patch(commands, "ask", lambda *asked: (200, report))
        self.assertEqual(
            self.refused("rm", "writer"),
            "writer is in use: the daemon has it; let it take the other one first: mnemo restart",
        )
        report["language_model"]["name"] = "other"
        self.told("rm", "writer")

    def test_what_was_added_stays_where_it_is(self) -> None:
        source = self.writer()
        self.told("add", str(source))
        self.assertEqual(self.told("rm", "writer"), [f"writer is removed; {source} stays"])
        self.assertIn("there is no model writer", self.refused("rm", "writer"))


class MemoryTests(ModelCase):
    def answered(self, status: int, **said: object) -> list[tuple[object, ...]]:
        """Have a daemon that answers so, and return what it is asked."""
        lock = HomeLock(self.folder / ".mnemo")
        lock.take(Holder(os.getpid(), "127.0.0.1", 9, 0.0))
        self.addCleanup(lock.release)
        asked: list[tuple[object, ...]] = []

        def ask(holder: Holder, path: str, token: str, **how: object) -> tuple[int, object]:
            asked.append((path, token, how["method"]))
            return status, said

        self.patch(commands, "ask", ask)
        return asked

    def test_the_daemon_is_asked_and_its_words_are_shown(self) -> None:
        asked = self.answered(200, message="the language model is out of memory")
        token = "0123456789abcdef"
        self.assertEqual(
            self.told("release", MNEMO_SERVER_TOKENS=token), ["the language model is out of memory"]
        )
        self.told("load")
        self.assertEqual(
            asked,
            [
                ("/api/v1/models/release", token, "POST"),
                ("/api/v1/models/load", "", "POST"),
            ],
        )

    def test_a_refusal_is_one_line(self) -> None:
        self.answered(503, error="the file is damaged")
        self.assertEqual(self.refused("load"), "the file is damaged")

    def test_without_a_daemon_there_is_nothing_to_release(self) -> None:
        self.assertIn("mnemo is not running for ", self.refused("release"))
