"""The daemon that the clients are set on: a home of its own, a port that stays the same."""

import json
import os
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import define, field

from mnemo.config import load
from tests.clients.processes import Processes

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@define
class TestedDaemon:
    """
    One daemon, which can be stopped and started again.

    @ivar folder: where its home, its log and its output are
    """

    folder: Path
    processes: Processes
    port: int = field(factory=lambda: _free_port())

    @property
    def home(self) -> Path:
        """The home that it serves."""
        return self.folder / "home"

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def environment(self) -> dict[str, str]:
        """What makes every C{mnemo} use this home, this port and the models of this machine."""
        return {
            "MNEMO_HOME": str(self.home),
            "MNEMO_MODELS": str(load(os.environ).config.models),
            "MNEMO_SERVER_PORT": str(self.port),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    def start(self) -> None:
        """Start it, and wait until it serves."""
        process = self.processes.start(
            [sys.executable, "-m", "mnemo", "start", "--foreground"],
            {**self.environment, "HOME": str(self.folder)},
            self.folder,
            self.folder / "daemon.txt",
        )
        end = time.monotonic() + READY_SECONDS
        while self.ask("/health/ready") is None:
            if process.poll() is not None or time.monotonic() > end:
                said = (self.folder / "daemon.txt").read_text(errors="replace")
                raise AssertionError(f"the daemon did not start:\n{said[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, whoever has started it."""
        done = self.processes.run(
            [sys.executable, "-m", "mnemo", "stop"],
            {**self.environment, "HOME": str(self.folder)},
            self.folder,
            self.folder / "stop.txt",
            STOP_SECONDS,
        )
        if done.code:
            raise AssertionError(f"the daemon did not stop:\n{done.text[-2000:]}")

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def ask(self, path: str) -> Any:
        """The JSON at one of its addresses; C{None} where it does not answer with 200."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            return json.loads(body) if response.status == 200 else None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
