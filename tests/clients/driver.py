"""A client in a process of its own, which stays connected and does what it is told."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from attrs import define, field

from tests.clients.processes import Processes

SECONDS = 40.0
"""How long the answer to an order may take."""


class Refused(Exception):
    """The client could not do it. Its text says what the client said."""


@define(eq=False)
class Driver:
    """
    One client. An order is a line of JSON with C{id} and C{do}: C{connect}, C{list}, C{call}
    (C{tool}, C{given}, C{seconds}), C{cancel} (C{call}: the order's id) or C{close}. Several may
    be under way.

    @ivar command: what runs it, with the folder of its SDK where it needs that
    @ivar server: what it is to talk to: C{type} C{http}, C{sse} or C{ws} with C{url}, or
        C{stdio} with C{command}, C{args} and C{env}
    @ivar mode: C{legacy}, C{auto} or a version
    """

    command: Sequence[str]
    server: Mapping[str, Any]
    mode: str
    folder: Path
    environment: Mapping[str, str]
    processes: Processes
    _process: "subprocess.Popen[bytes] | None" = field(init=False, default=None)
    _waiting: "dict[int, Future[Any]]" = field(init=False, factory=dict)
    _numbers: "count[int]" = field(init=False, factory=count)
    _lock: Lock = field(init=False, factory=Lock)

    def connect(self) -> str:
        """Start a process, the old one being gone, and have it connect; the version agreed on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        asked = json.dumps({"server": self.server, "mode": self.mode})
        errors = self.folder / "drivers.txt"
        command = [*self.command, asked]
        self._process = self.processes.converse(command, self.environment, self.folder, errors)
        Thread(target=self._read, args=(self._process,), daemon=True).start()
        return str(self.order("connect")["version"])

    def list(self) -> list[str]:
        """The tools' names."""
        return list(self.order("list"))

    def call(self, tool: str, given: Mapping[str, Any], seconds: float = SECONDS) -> str:
        """The text of a tool's result. Raises L{Refused}, after C{seconds} at the latest."""
        return str(self.order("call", tool=tool, given=given, seconds=seconds))

    def close(self) -> None:
        """Have it leave, and its process end."""
        assert self._process is not None
        self.order("close")
        self._process.wait(SECONDS)

    def order(self, do: str, **more: Any) -> Any:
        """Have it do something, and wait until it has."""
        return self.begin(do, **more)[1].result(SECONDS)

    def begin(self, do: str, **more: Any) -> "tuple[int, Future[Any]]":
        """Have it do something: the order's id, and what will come of it."""
        outcome: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = outcome
            line = json.dumps({"id": number, "do": do, **more}) + "\n"
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        return number, outcome

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            answer = json.loads(line)
            outcome = self._waiting.pop(answer["id"])
            if "error" in answer:
                outcome.set_exception(Refused(answer["error"]))
            else:
                outcome.set_result(answer["result"])
        if process is self._process:
            for outcome in self._waiting.values():
                outcome.set_exception(Refused("its process has ended; see drivers.txt"))
