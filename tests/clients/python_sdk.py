"""The Python SDK as a client: a process that talks to a server and tells what it saw."""

import json
import os
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from tests.clients.processes import Processes

SECONDS = 30.0


@frozen
class Seen:
    """What the client saw: the version agreed on, the tools' names, what was recalled."""

    version: str
    tools: list[str]
    recalled: str


@define
class PythonSdk:
    """
    Processes with the Python SDK.

    @ivar interpreter: one that has it
    """

    interpreter: Path
    folder: Path
    processes: Processes
    _runs: int = field(default=0, init=False)

    def talk(self, server: Any, mode: str, text: str) -> Seen:
        """
        Have a process list the tools, remember the text and recall it.

        @param server: a URL, or the parameters of a server to start
        @param mode: C{"auto"} or C{"legacy"}
        @raise AssertionError: it failed
        """
        self._runs += 1
        asked = json.dumps({"server": server, "mode": mode, "text": text})
        script = Path(__file__).with_name("talk.py")
        outcome = self.processes.run(
            [str(self.interpreter), str(script), asked],
            {"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            self.folder,
            self.folder / f"sdk-{self._runs}.txt",
            SECONDS,
        )
        if outcome.code:
            raise AssertionError(f"exit code {outcome.code}; it wrote:\n{outcome.text[-2000:]}")
        return Seen(**json.loads(outcome.text.strip().rpartition("\n")[2]))
