"""The daemon that the clients are set on: a home of its own, a port that stays the same."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import define, field

from mnemo.config_sources import load
from tests.clients.processes import Processes

ROOT = Path(__file__).resolve().parents[2]

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
FREE_SECONDS = 5.0
"""How soon a call that nobody waits for any more is gone."""


@define
class TestedDaemon:
    """
    One daemon, which can be stopped or killed, and started again.

    @ivar folder: the home folder of its user, which says where everything is
    """

    folder: Path
    processes: Processes
    port: int = field(factory=lambda: _free_port())

    def __attrs_post_init__(self) -> None:
        home = self.folder / ".mnemo"
        home.mkdir(mode=0o700)
        models = json.dumps(str(load(os.environ).config.models))
        (home / "mnemo.toml").write_text(f"models = {models}\n[server]\nport = {self.port}\n")

    @property
    def environment(self) -> dict[str, str]:
        """What makes every C{mnemo} use this home."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {"HOME": str(self.folder), "PATH": path, "PYTHONPATH": str(ROOT)}

    def start(self) -> None:
        """Start it, and wait until it serves."""
        process = self.processes.start(
            [sys.executable, "-m", "tests.clients.serve"],
            self.environment,
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
            self.environment,
            self.folder,
            self.folder / "stop.txt",
            STOP_SECONDS,
        )
        if done.code:
            raise AssertionError(f"the daemon did not stop:\n{done.text[-2000:]}")

    def kill(self) -> None:
        """End it as a power switch would, whoever has started it."""
        os.kill(self.ask("/health")["pid"], signal.SIGKILL)
        until(lambda: self.ask("/health") is None, "it does not die")

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def expect_running(self, calls: int) -> None:
        """Fail unless so many calls run, now or soon."""
        until(
            lambda: self.ask("/health")["sessions"]["running"] == calls,
            f"there are not {calls} calls running, but {self.ask('/health')['sessions']}",
        )

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


def until(holds: Callable[[], bool], problem: str, seconds: float = FREE_SECONDS) -> None:
    """Wait until something holds. Raises C{AssertionError} where it does not."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(problem)
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
