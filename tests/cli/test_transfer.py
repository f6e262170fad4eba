"""C{mnemo ingest}, C{mnemo import} and C{mnemo export}, against a daemon with a real store."""

import os
import signal
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from mnemo.store.search import Filter
from tests.cli.test_calling import ROOT, CommandTestCase


class Command(ProcessProtocol):
    """A command that is interrupted as soon as it is said to."""

    def __init__(self) -> None:
        self.errors = b""
        self.ended: Deferred[int | None] = Deferred()

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        assert isinstance(reason.value, ProcessTerminated | ProcessDone)
        self.ended.callback(reason.value.exitCode)


class TransferTests(CommandTestCase):
    """Memories in and out."""

    def folder(self, files: int) -> Path:
        folder = Path(self.mktemp()).absolute()
        (folder / ".git").mkdir(parents=True)
        for number in range(files):
            (folder / f"{number}.txt").write_text(f"text {number}")
        return folder

    async def count(self, source: str) -> int:
        wanted = Filter(now=0.0, source=source)
        return len(await self.memories.store.newest(wanted, 10_000))

    async def test_a_folder_is_read_and_only_what_is_new_again(self) -> None:
        folder = self.folder(3)
        ended = await self.mnemo("ingest", str(folder), "--project=pond")
        self.assertEqual((ended.code, ended.errors), (0, ""))
        self.assertIn("3 new, 0 changed", ended.output)
        ended = await self.mnemo("ingest", str(folder), "--project=pond")
        self.assertIn("0 new, 0 changed, 3 unchanged", ended.output)
        self.assertEqual(await self.count("ingest"), 3)

    async def test_whoever_looks_sees_how_far_it_is(self) -> None:
        folder = self.folder(400)
        output, errors, code = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "mnemo", "ingest", str(folder), f"--home={self.home}"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "TERM": "xterm"},
        )
        self.assertEqual(code, 0)
        self.assertIn(b"400 new", output)
        self.assertRegex(errors, rb"[1-9][0-9]*/400")

    async def test_ctrl_c_ends_it_with_a_line_and_it_goes_on_later(self) -> None:
        folder = self.folder(400)
        command = Command()
        process = reactor.spawnProcess(
            command,
            sys.executable,
            [sys.executable, "-m", "mnemo", "ingest", str(folder), f"--home={self.home}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        while not await self.count("ingest"):
            pass
        process.signalProcess(signal.SIGINT)
        self.assertEqual(await command.ended, 130)
        self.assertEqual(command.errors.count(b"\n"), 1, command.errors)
        self.assertIn(b"the same command goes on", command.errors)
        ended = await self.mnemo("ingest", str(folder))
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertEqual(await self.count("ingest"), 400)

    async def test_what_was_exported_can_be_imported(self) -> None:
        out = Path(self.mktemp()).absolute() / "all.jsonl"
        ended = await self.mnemo("export", f"--out={out}")
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertIn(f"2 memories of all projects exported to {out}", ended.output)
        self.assertIn("is there already", (await self.mnemo("export", f"--out={out}")).errors)
        await self.memories.remembering.purge([self.first])
        ended = await self.mnemo("import", str(out), "--dry-run")
        self.assertIn("Nothing was kept; this is what would be: 1 memory imported", ended.output)
        ended = await self.mnemo("import", str(out), "--from=mnemo")
        self.assertIn("1 memory imported from mnemo, 1 known already", ended.output)
        self.assertEqual(len(await self.left()), 2)

    async def test_a_mirror_of_a_project(self) -> None:
        out = Path(self.mktemp()).absolute()
        ended = await self.mnemo("export", "--project=pond", "--format=markdown", f"--out={out}")
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertEqual(len(list(out.glob("pond/general/the-heron-*.md"))), 2)

    async def test_without_a_place_it_lies_in_the_home(self) -> None:
        ended = await self.mnemo("export")
        self.assertIn(str(self.home / "exports"), ended.output)
