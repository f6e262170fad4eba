"""Processes that end with the run, whatever happens."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from attrs import define, field, frozen


@frozen
class Outcome:
    """
    How a command ended.

    @ivar text: what it wrote to either output
    """

    code: int
    text: str


@define
class Processes:
    """
    Starts processes, and kills those that are left at the end, with all that they have started.

    @ivar mark: something that the environment of each of them holds, and no other's
    """

    mark: str
    _started: list["subprocess.Popen[bytes]"] = field(factory=list, init=False)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        # What has left its group, as a daemon does.
        while left := self._left():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def _left(self) -> list[int]:
        """The processes that have the mark. Empty where the system does not show environments."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, output: Path
    ) -> "subprocess.Popen[bytes]":
        """
        Start a command.

        @param folder: where it works
        @param output: the file for what it writes
        """
        with open(output, "ab") as file:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def converse(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, errors: Path
    ) -> "subprocess.Popen[bytes]":
        """
        Start a command that is spoken to, and answers.

        @param errors: the file for what it writes beside its answers
        """
        with open(errors, "ab") as file:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        output: Path,
        seconds: float,
    ) -> Outcome:
        """Run a command to its end, or for so many seconds at most."""
        process = self.start(command, environment, folder, output)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        return Outcome(code, output.read_text(errors="replace"))
