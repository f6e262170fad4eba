"""A process that is spoken to in lines of JSON."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field

PATIENCE = 20.0
"""Seconds in which it has to end when nobody speaks to it any more."""


@define
class Lines:
    """
    What is said to the process and what it says.

    @ivar name: of the process, for the reader of a problem
    @ivar log: the file with what it writes elsewhere
    """

    name: str
    log: Path
    _process: "subprocess.Popen[bytes]" = field(repr=False)

    def send(self, message: Mapping[str, Any]) -> None:
        """Say something."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")
        self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next that it says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended. {self.last_words()}")
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            raise SystemExit(f"{self.name} said what is no JSON: {line[:300]!r}") from None

    def last_words(self) -> str:
        """The end of what it wrote elsewhere."""
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def speaking(
    name: str, command: Sequence[str], surroundings: Mapping[str, str], folder: Path
) -> Iterator[Lines]:
    """The process of a command, which ends with its input."""
    log = folder / "log.txt"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command,
            env=dict(surroundings),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield Lines(name, log, process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
