"""C{mnemo forget} and C{mnemo purge}, against a daemon with a real store."""

import os
import sys
from pathlib import Path

from attrs import frozen
from click.testing import CliRunner
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.main import main
from mnemo.memory.memories import Memories
from mnemo.store.search import Filter
from tests.test_service import ServiceTestCase

ROOT = Path(__file__).resolve().parents[2]


@frozen
class Ended:
    """What came of a command."""

    code: int
    output: str
    errors: str


class CommandTestCase(ServiceTestCase):
    """
    A daemon with two memories, and commands that call it.

    @ivar first: the id of the one, C{second} that of the other
    """

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.daemon = await self.start()
        self.memories: Memories = self.daemon.core.memories
        self.first = await self.remember("the heron stands")
        self.second = await self.remember("the heron flies")

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.daemon.stopService()

    async def remember(self, text: str) -> str:
        kept = await self.memories.remembering.remember(
            text, type="general", source="cli", project="pond", session=""
        )
        return kept.memory.id

    async def left(self, state: str | None = None) -> list[str]:
        wanted = Filter(now=0.0, state=state)  # type: ignore[arg-type]
        return [memory.id for memory in await self.memories.store.newest(wanted, 10)]

    async def mnemo(self, *arguments: str, said: str = "") -> Ended:
        """A command to its end."""
        output, errors, code = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "mnemo", *arguments, f"--home={self.home}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdinBytes=said.encode(),
        )
        self.assertNotIn(b"Traceback", output + errors)
        return Ended(code, output.decode(), errors.decode())


class CallingTests(CommandTestCase):
    """A command that asks the user."""

    async def test_what_can_be_undone_is_done_without_a_question(self) -> None:
        ended = await self.mnemo("forget", self.first)
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertIn("1 memory forgotten", ended.output)
        self.assertEqual(await self.left(), [self.second])
        self.assertEqual((await self.mnemo("forget", "--restore", self.first)).code, 0)
        self.assertEqual(len(await self.left()), 2)

    async def test_hard_asks_first(self) -> None:
        ended = await self.mnemo("forget", "--hard", self.first, said="y\n")
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertIn(f"- {self.first}: the heron stands", ended.output)
        self.assertEqual(await self.left(), [self.second])
        self.assertEqual(await self.left("archived"), [])

    async def test_no_and_no_answer_remove_nothing(self) -> None:
        for said in ("n\n", "\n", ""):
            ended = await self.mnemo("forget", "--hard", self.first, said=said)
            self.assertEqual(ended.code, 1)
            self.assertIn("nothing was removed", ended.errors)
        self.assertEqual(len(await self.left()), 2)

    async def test_a_project_goes_when_its_name_is_repeated(self) -> None:
        ended = await self.mnemo("purge", "pond", said="pool\n")
        self.assertIn("not repeated", ended.errors)
        self.assertEqual(len(await self.left()), 2)
        ended = await self.mnemo("purge", "pond", said="pond\n")
        self.assertEqual(ended.code, 0, ended.errors)
        self.assertIn("all 2 memories", ended.output)
        self.assertIn("2 memories of pond removed for good", ended.output)
        self.assertEqual(await self.left(), [])

    async def test_what_is_refused_is_a_line(self) -> None:
        ended = await self.mnemo("purge", "nowhere")
        self.assertEqual((ended.code, ended.errors.count("\n")), (1, 1))
        self.assertIn("nothing is remembered", ended.errors)


class NotRunningTests(SynchronousTestCase):
    """A home that nobody serves."""

    def test_it_is_said(self) -> None:
        for arguments in (("forget", "m1"), ("purge", "pond")):
            result = CliRunner().invoke(main, [*arguments, f"--home={self.mktemp()}"])
            self.assertEqual(result.exit_code, 1)
            self.assertIn("mnemo is not running", result.output)
