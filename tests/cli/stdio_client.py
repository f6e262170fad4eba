"""A client that starts C{mnemo mcp}, or C{mnemo shim}, and talks to it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

PATIENCE = 30.0
"""Seconds after which a test gives up."""

ROOT = Path(__file__).resolve().parents[2]

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "a client", "version": "1"},
}


def environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which C{mnemo} finds this home, no model, and nothing of the user's."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home.parent),
        "MNEMO_HOME": str(home),
        "MNEMO_MODELS": str(home.parent / "models"),
        "MNEMO_SERVER_PORT": "0",
        **more,
    }


class StdioClient:
    """
    One process.

    @ivar began: when it was started
    """

    def __init__(
        self,
        *flags: str,
        env: Mapping[str, str],
        folder: str | None = None,
        command: str = "mcp",
    ) -> None:
        self.began = monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mnemo", command, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd=folder,
        )
        assert self.process.stdin is not None
        self._stdin = self.process.stdin
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def tell(self, message: Any) -> None:
        """Send a message, or bytes as they are."""
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._stdin.write(line + b"\n")
        self._stdin.flush()

    def hear(self) -> Any:
        """The next message."""
        return json.loads(self._lines.get(timeout=PATIENCE))

    def ask(self, id: Any, method: str, **params: Any) -> Any:
        """The answer to a request, whatever comes before it."""
        self.tell({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        while (answer := self.hear()).get("id") != id:
            pass
        return answer

    def initialize(self) -> Any:
        """Begin a legacy session."""
        answer = self.ask("initialize", "initialize", **INITIALIZE)
        self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    def call(self, id: Any, tool: str, **arguments: Any) -> Any:
        """The result of a tool."""
        return self.ask(id, "tools/call", name=tool, arguments=arguments)["result"]

    def close(self) -> float:
        """Close its stdin; the seconds until it has ended."""
        began = monotonic()
        self._stdin.close()
        self.process.wait(PATIENCE)
        return monotonic() - began

    def kill(self) -> None:
        """End it for certain, and close the pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self._stdin, self.process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def complaints(self) -> str:
        """What it wrote to stderr, when it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def memory(self) -> int:
        """The most memory that it has had, in KiB; 0 where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
